#include "daemon/access.h"

#include <algorithm>

namespace entitle {
namespace {

bool isIn(const Peer& peer, std::uint32_t group) {
    return peer.gid == group || std::find(peer.groups.begin(), peer.groups.end(), group) != peer.groups.end();
}

}  // namespace

bool allowed(const Peer& peer, Door door, const AccessPolicy& policy) {
    if (peer.uid == 0 || peer.uid == policy.ownUid) return true;
    if (policy.adminGroup && isIn(peer, *policy.adminGroup)) return true;
    return door == Door::query && (!policy.queryGroup || isIn(peer, *policy.queryGroup));
}

Admission::Limits Admission::sharing(std::size_t total, std::size_t perUser, std::int64_t bots) {
    const std::size_t most = total - total / 4;
    const std::size_t useful = bots < 0 ? most : 2 * static_cast<std::size_t>(std::min<std::int64_t>(bots, 1 << 20));
    return {std::min(std::max(perUser, useful), most), total};
}

std::optional<Admission::Ticket> Admission::admit(std::uint32_t uid) {
    if (total_ >= limits_.total) return std::nullopt;
    if (connectionsOf(uid) >= limits_.perUid) return std::nullopt;
    ++perUid_[uid];
    ++total_;
    return Ticket(this, uid);
}

std::size_t Admission::connectionsOf(std::uint32_t uid) const {
    auto found = perUid_.find(uid);
    return found == perUid_.end() ? 0 : found->second;
}

void Admission::leave(std::uint32_t uid) {
    auto found = perUid_.find(uid);
    if (found == perUid_.end()) return;
    --total_;
    if (--found->second == 0) perUid_.erase(found);
}

}  // namespace entitle
