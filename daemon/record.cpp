#include "daemon/record.h"

#include <algorithm>
#include <stdexcept>

#include <boost/json.hpp>
#include <boost/throw_exception.hpp>
#include <sodium.h>

#include "license/clock_claims.h"

namespace entitle {

namespace {

namespace json = boost::json;

constexpr std::string_view magic = "ENTSTATE";
constexpr std::size_t headBytes = 16;
constexpr std::size_t sumBytes = 32;

void putU32(std::string& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

std::uint32_t getU32(std::string_view from) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(from[i]);
    return value;
}

std::string checksum(std::string_view bytes) {
    std::string sum(sumBytes, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return sum;
}

std::int64_t seconds(Instant at) {
    return at.time_since_epoch().count();
}

json::value orNull(const std::optional<Instant>& at) {
    return at ? json::value(seconds(*at)) : json::value(nullptr);
}

std::string_view nameOf(Match match) {
    switch (match) {
        case Match::same:
            return "same";
        case Match::drift:
            return "drift";
        case Match::different:
            return "different";
    }
    return "different";
}

json::object encodeAttempt(const Attempt& attempt) {
    return json::object{{"operation", toString(attempt.operation)},
                        {"rid", attempt.rid},
                        {"license", attempt.license.value},
                        {"key", attempt.key},
                        {"token", attempt.token},
                        {"started_at", seconds(attempt.startedAt)},
                        {"sent", attempt.sent},
                        {"failures", attempt.failures},
                        {"next_attempt", seconds(attempt.nextAttempt)},
                        {"waiting_until", orNull(attempt.waitingUntil)}};
}

// What version 2 added to the state: all that passes between this machine and the authority online.
void encodeOnline(const State& state, json::object& out) {
    json::array attempts;
    for (const auto& attempt : state.attempts) attempts.push_back(encodeAttempt(attempt));
    out["attempts"] = std::move(attempts);
    out["token"] = state.token;
    out["renew_at"] = orNull(state.renewAt);
    out["conflict_at"] = orNull(state.conflictAt);
    out["revocation_epoch"] = state.revocationEpoch;
}

std::string encodePayload(const Record& record, std::uint32_t version) {
    json::object state;
    state["pending"] = nullptr;
    if (const auto& pending = record.state.pending) {
        state["pending"] = json::object{{"nonce", pending->nonce}, {"issued_at", seconds(pending->issuedAt)}};
    }
    state["ended"] = nullptr;
    if (const auto& ended = record.state.ended) {
        state["ended"] = json::object{{"standing", static_cast<int>(ended->standing)}, {"at", seconds(ended->at)}};
    }
    const auto& binding = record.state.binding;
    state["binding"] = json::object{{"match", nameOf(binding.match)},
                                    {"drift_since", orNull(binding.driftSince)},
                                    {"different_since", orNull(binding.differentSince)}};
    json::array floors;
    for (const auto& floor : record.state.minimumSequence) {
        json::object item{{"license", floor.license.value}, {"lowest", floor.lowest}};
        if (version >= 2) item["issued_from"] = seconds(floor.issuedFrom);
        floors.push_back(std::move(item));
    }
    state["minimum_sequence"] = std::move(floors);
    state["shrink_at"] = orNull(record.state.shrinkAt);
    state["reported"] = static_cast<int>(record.state.reported);
    const auto& hold = record.state.reportedHold;
    state["reported_hold"] = json::object{{"kept", hold.kept}, {"until", orNull(hold.until)}};
    if (version >= 2) encodeOnline(record.state, state);
    if (version >= 3) state["clock_spent"] = record.state.clockSpent;

    json::object root;
    root["generation"] = record.generation;
    root["document"] = record.documentToken;
    root["key_set"] = record.keySetToken;
    if (version >= 5) root["earlier_key_set"] = record.earlierKeySetToken;
    root["authority"] = record.authority;
    root["key_set_version"] = record.keySetVersion;
    root["request"] = record.requestToken;
    root["state"] = std::move(state);
    if (version >= 3) root["clock"] = encodeClockTrust(record.clock);
    if (version >= 4) root["activated_by"] = record.activatedBy;
    if (version >= 4) root["last_contact"] = orNull(record.lastContact);
    root["last_audit"] = record.lastAudit ? json::value(printAuditEntry(*record.lastAudit)) : json::value(nullptr);
    return json::serialize(root);
}

// Reads members by name and remembers whether all were there in the right form. Order, doubled and unknown members are
// caught afterwards, by encoding again.
class Reader {
  public:
    explicit Reader(const json::value* value) : object_(value ? value->if_object() : nullptr) {}
    bool ok() const { return object_ && ok_; }

    const json::value* member(std::string_view name) {
        const auto* found = object_ ? object_->if_contains(name) : nullptr;
        ok_ = ok_ && found;
        return found;
    }
    bool isNull(std::string_view name) {
        const auto* value = member(name);
        return !value || value->is_null();
    }
    template <class T>
    T number(std::string_view name) {
        const auto* value = member(name);
        boost::system::error_code error;
        const T result = value && (value->is_int64() || value->is_uint64()) ? value->to_number<T>(error) : T{};
        ok_ = ok_ && value && (value->is_int64() || value->is_uint64()) && !error;
        return result;
    }
    Instant instant(std::string_view name) { return Instant{Seconds{number<std::int64_t>(name)}}; }
    std::optional<Instant> instantOrNull(std::string_view name) {
        if (isNull(name)) return std::nullopt;
        return instant(name);
    }
    bool truth(std::string_view name) {
        const auto* value = member(name);
        ok_ = ok_ && value && value->is_bool();
        return ok_ && value->get_bool();
    }
    std::string text(std::string_view name) {
        const auto* value = member(name);
        ok_ = ok_ && value && value->is_string();
        return ok_ ? std::string(value->get_string()) : std::string();
    }
    Standing standing(std::string_view name) {
        const auto value = number<std::uint8_t>(name);
        ok_ = ok_ && value <= static_cast<std::uint8_t>(Standing::wrongDevice);
        return ok_ ? static_cast<Standing>(value) : Standing::demo;
    }
    Match match(std::string_view name) {
        const auto word = text(name);
        for (const auto candidate : {Match::same, Match::drift, Match::different}) {
            if (word == nameOf(candidate)) return candidate;
        }
        ok_ = false;
        return Match::different;
    }
    void require(bool condition) { ok_ = ok_ && condition; }

  private:
    const json::object* object_;
    bool ok_ = true;
};

bool decodeAttempts(const json::value* value, std::vector<Attempt>& attempts) {
    if (!value || !value->is_array() || value->get_array().size() > maxAttempts) return false;
    for (const auto& item : value->get_array()) {
        Reader reader(&item);
        Attempt attempt;
        const auto operation = operationFrom(reader.text("operation"));
        reader.require(operation.has_value());
        attempt.operation = operation.value_or(Operation::renew);
        attempt.rid = reader.text("rid");
        attempt.license = LicenseId{reader.text("license")};
        attempt.key = reader.text("key");
        attempt.token = reader.text("token");
        attempt.startedAt = reader.instant("started_at");
        attempt.sent = reader.number<std::uint32_t>("sent");
        attempt.failures = reader.number<std::uint32_t>("failures");
        attempt.nextAttempt = reader.instant("next_attempt");
        attempt.waitingUntil = reader.instantOrNull("waiting_until");
        if (!reader.ok()) return false;
        attempts.push_back(std::move(attempt));
    }
    return true;
}

std::optional<State> decodeState(const json::value* value, std::uint32_t version) {
    Reader reader(value);
    State state;
    if (!reader.isNull("pending")) {
        Reader pending(reader.member("pending"));
        state.pending = PendingRequest{pending.text("nonce"), pending.instant("issued_at")};
        reader.require(pending.ok());
    }
    if (!reader.isNull("ended")) {
        Reader ended(reader.member("ended"));
        state.ended = Ended{ended.standing("standing"), ended.instant("at")};
        reader.require(ended.ok());
    }
    Reader binding(reader.member("binding"));
    state.binding.match = binding.match("match");
    state.binding.driftSince = binding.instantOrNull("drift_since");
    state.binding.differentSince = binding.instantOrNull("different_since");
    reader.require(binding.ok());

    const auto* floors = reader.member("minimum_sequence");
    if (!floors || !floors->is_array() || floors->get_array().size() > maxSequenceFloors) return std::nullopt;
    for (const auto& value : floors->get_array()) {
        Reader floor(&value);
        SequenceFloor& read = state.minimumSequence.emplace_back();
        read.license = LicenseId{floor.text("license")};
        read.lowest = floor.number<std::uint64_t>("lowest");
        if (version >= 2) read.issuedFrom = floor.instant("issued_from");
        reader.require(floor.ok());
    }
    state.shrinkAt = reader.instantOrNull("shrink_at");
    state.reported = reader.standing("reported");
    Reader hold(reader.member("reported_hold"));
    state.reportedHold.kept = hold.truth("kept");
    state.reportedHold.until = hold.instantOrNull("until");
    reader.require(hold.ok());
    if (version >= 2) {
        reader.require(decodeAttempts(reader.member("attempts"), state.attempts));
        state.token = reader.text("token");
        state.renewAt = reader.instantOrNull("renew_at");
        state.conflictAt = reader.instantOrNull("conflict_at");
        state.revocationEpoch = reader.number<std::uint64_t>("revocation_epoch");
    }
    if (version >= 3) state.clockSpent = reader.truth("clock_spent");
    if (!reader.ok()) return std::nullopt;
    return state;
}

std::optional<Record> decodePayload(std::string_view payload, std::uint32_t version) {
    json::parse_options options;
    options.max_depth = 6;
    boost::system::error_code error;
    const auto root = json::parse(payload, error, {}, options);
    if (error) return std::nullopt;
    Reader reader(&root);
    Record record;
    record.generation = reader.number<std::uint64_t>("generation");
    record.documentToken = reader.text("document");
    record.keySetToken = reader.text("key_set");
    if (version >= 5) record.earlierKeySetToken = reader.text("earlier_key_set");
    record.authority = reader.text("authority");
    record.keySetVersion = reader.number<std::uint64_t>("key_set_version");
    record.requestToken = reader.text("request");
    auto state = decodeState(reader.member("state"), version);
    if (!state) return std::nullopt;
    record.state = *std::move(state);
    if (version >= 3) {
        const auto clock = decodeClockTrust(reader.text("clock"));
        if (!clock) return std::nullopt;
        record.clock = *clock;
    }
    if (version >= 4) record.activatedBy = reader.text("activated_by");
    if (version >= 4) record.lastContact = reader.instantOrNull("last_contact");
    if (!reader.isNull("last_audit")) {
        record.lastAudit = parseAuditEntry(reader.text("last_audit"));
        reader.require(record.lastAudit.has_value());
    }
    if (!reader.ok() || encodePayload(record, version) != payload) return std::nullopt;
    return record;
}

}  // namespace

std::string_view toString(RecordError error) {
    switch (error) {
        case RecordError::truncated:
            return "truncated";
        case RecordError::badMagic:
            return "bad-magic";
        case RecordError::newerVersion:
            return "newer-version";
        case RecordError::badChecksum:
            return "bad-checksum";
        case RecordError::badForm:
            return "bad-form";
    }
    return "bad-form";
}

std::string_view explain(RecordError error) {
    switch (error) {
        case RecordError::truncated:
            return "it is cut short or has bytes too many";
        case RecordError::badMagic:
            return "it does not begin like a state file of entitled";
        case RecordError::newerVersion:
            return "it was written by a newer entitled; install that version or a later one";
        case RecordError::badChecksum:
            return "its checksum does not hold: it was damaged or edited";
        case RecordError::badForm:
            return "its checksum holds, but the content is not what entitled writes: it was edited";
    }
    return "it cannot be read";
}

void throw_exception_from_error(RecordError error, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error("state record: " + std::string(explain(error))), where);
}

std::string encodeRecord(const Record& record) {
    const auto payload = encodePayload(record, recordVersion);
    std::string out(magic);
    putU32(out, recordVersion);
    putU32(out, static_cast<std::uint32_t>(payload.size()));
    out += payload;
    out += checksum(out);
    return out;
}

boost::system::result<Record, RecordError> decodeRecord(std::string_view bytes) {
    // The frame (magic, version, length, checksum) is the same in every version: so a damaged version number is told
    // from a newer one.
    if (bytes.substr(0, magic.size()) != magic.substr(0, bytes.size())) return RecordError::badMagic;
    if (bytes.size() < headBytes + sumBytes) return RecordError::truncated;
    const auto version = getU32(bytes.substr(8)), length = getU32(bytes.substr(12));
    if (length != bytes.size() - headBytes - sumBytes) return RecordError::truncated;
    const auto covered = bytes.substr(0, headBytes + length);
    if (checksum(covered) != bytes.substr(covered.size())) return RecordError::badChecksum;
    if (version > recordVersion) return RecordError::newerVersion;
    if (version == 0) return RecordError::badForm;
    auto record = decodePayload(covered.substr(headBytes), version);
    if (!record) return RecordError::badForm;
    return *std::move(record);
}

}  // namespace entitle
