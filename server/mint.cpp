#include "server/mint.h"

#include <sodium.h>

#include "license/catalogue.h"
#include "license/request.h"
#include "server/authority.h"

namespace entitle {
namespace {

constexpr int maxDays = 36'500;
constexpr std::size_t maxNoteBytes = 200;
constexpr std::chrono::sys_days keyEpoch = std::chrono::year(2024) / 1 / 1;  // of KeyPayload::expiryDay

bool isPrintable(std::string_view text) {
    while (!text.empty()) {
        const std::string good = hostLabelFrom(text);
        if (good.empty() || text.substr(0, good.size()) != good) return false;
        text.remove_prefix(good.size());
    }
    return true;
}

std::string knownTypes() {
    std::string out;
    for (const auto& type : builtinCatalogue().types) out += (out.empty() ? "" : ", ") + type.name;
    return out;
}

std::optional<Denial> refuse(const NewLicense& wish, Instant now) {
    const auto usage = [](std::string words) { return Denial{DenialReason::usage, std::move(words)}; };
    if (builtinCatalogue().type(wish.type) == nullptr) return usage("--type must be one of " + knownTypes());
    if (!wish.planLimits.empty() && builtinCatalogue().plan(wish.planLimits) == nullptr)
        return usage("--plan-limits: there is no plan '" + wish.planLimits + "'");
    if (wish.days && wish.endsAt) return usage("give --days or --expires, not both");
    if (wish.days && (*wish.days < 1 || *wish.days > maxDays))
        return usage("--days must be 1 to " + std::to_string(maxDays) + "; leave it out for a license without an end");
    if (wish.endsAt && *wish.endsAt <= now) return usage("--expires lies in the past");
    if (wish.endsAt && *wish.endsAt - now > std::chrono::days{maxDays})
        return usage("--expires lies more than a hundred years ahead; leave it out for a license without an end");
    if (wish.note.size() > maxNoteBytes || !isPrintable(wish.note))
        return usage("--note must be at most 200 bytes of printable UTF-8");
    return std::nullopt;
}

}  // namespace

Granted<MintedLicense> mintLicense(Store& store, const LicenseSecrets& secrets, const NewLicense& wish, Instant now) {
    if (auto denial = refuse(wish, now)) return *denial;
    const LicenseType& type = *builtinCatalogue().type(wish.type);
    LicenseRow row;
    row.id = LicenseId{"lic_" + randomWord(20)};
    row.type = type.name;
    row.plan = type.plan;
    row.features = type.features;
    row.maxBots = type.maxBots;
    if (!wish.planLimits.empty()) {
        const Plan& plan = *builtinCatalogue().plan(wish.planLimits);
        row.plan = plan.name;
        row.features = plan.features;
        row.maxBots = plan.maxBots;
    }
    if (wish.endsAt) {
        row.endsAt = wish.endsAt;
    } else if (wish.days || type.durationDays) {
        row.duration = std::chrono::days{wish.days ? *wish.days : *type.durationDays};
    }
    row.note = wish.note;
    row.account = wish.account;
    row.deviceLimit = wish.deviceLimit;
    row.totalBots = wish.totalBots;
    row.createdAt = now;

    LicenseKey key;
    auto made = store.addLicense([&](std::uint64_t serial) -> Granted<LicenseRow> {
        row.payload.serial = serial;
        row.payload.type = type.code;
        row.payload.salt = randombytes_uniform(1u << 24);
        if (row.endsAt)
            row.payload.expiryDay =
                static_cast<std::uint16_t>((std::chrono::floor<std::chrono::days>(*row.endsAt) - keyEpoch).count());
        key = secrets.all().seal(row.payload);
        row.keyIndex = secrets.indexOf(key);
        row.keySecretId = key.keyId();
        return row;
    });
    if (!made) return made.error();
    return MintedLicense{std::move(*made), key};
}

Granted<void> changeType(LicenseRow& row, const LicenseType& type) {
    if (row.type == type.name) return {};
    if (type.name == "trial")
        return Denial{DenialReason::usage, "license " + row.id.value + " is " + row.type +
                                               ", and none becomes a trial: generate a trial, or give this one an end"};
    const LicenseType* before = builtinCatalogue().type(row.type);
    if (row.duration && before != nullptr && before->durationDays) {
        row.duration.reset();
        row.endsAt.reset();  // it came from the length: with the first document
    }
    if (!row.duration && !row.endsAt && type.durationDays) row.duration = std::chrono::days{*type.durationDays};
    row.type = type.name;
    row.plan = type.plan;
    row.features = type.features;
    row.maxBots = type.maxBots;
    return {};
}

Granted<LicenseKey> showKey(const LicenseSecrets& secrets, const LicenseRow& row) {
    const auto key = secrets.showAgain(row.payload, row.keyIndex);
    if (!key)
        return Denial{DenialReason::badSecret, "the key of " + row.id.value +
                                                   " was made with a LICENSE_SECRET_KEY (number " +
                                                   std::to_string(row.keySecretId) +
                                                   ") that is not here: add it to license-secret, after a comma"};
    return *key;
}

Granted<LicenseRow> licenseOfKey(Store& store, const LicenseSecrets& secrets, std::string_view text) {
    const auto key = parseLicenseKey(text);
    if (!key) return Denial{DenialReason::badKey, std::string(explain(key.error()))};
    if (const auto payload = secrets.all().open(*key); !payload)
        return Denial{DenialReason::badKey, std::string(explain(payload.error()))};
    auto row = store.licenseByKey(secrets.indexOf(*key));
    if (!row)
        return Denial{DenialReason::unknownLicense,
                      "this authority made that key, and has no license for it any more: the row "
                      "was deleted, or the database is older than the key"};
    return std::move(*row);
}

std::optional<Instant> parseEnd(std::string_view text) {
    if (text.size() == 10) {
        const auto midnight = fromRfc3339(std::string(text) + "T00:00:00Z");
        if (!midnight) return std::nullopt;
        return *midnight + std::chrono::days{1};
    }
    return fromRfc3339(text);
}

}  // namespace entitle
