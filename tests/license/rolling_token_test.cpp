// The rolling token: its text, and its rule against every history that a device, its copies, the network and a restored
// authority can make together.
#include "license/rolling_token.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "license/base64url.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using test::keySecrets;

const LicenseId lic = test::license().id;

std::optional<PresentedToken> read(std::string_view text, const KeySecrets& secrets = keySecrets()) {
    return readRollingToken(secrets, text, lic, test::device());
}

// --- the text -------------------------------------------------------------------------------------------------------

TEST(RollingToken, ComesBackAsItWasPrinted) {
    const auto presented = read(test::rollingToken());
    ASSERT_TRUE(presented);
    EXPECT_TRUE(presented->authentic);
    EXPECT_EQ(presented->token, (RollingToken{7, "YGFiY2RlZmdoaWprbG1ubw"}));
    EXPECT_EQ(test::rollingToken().size(), 55u);
}

TEST(RollingToken, NoneIsReadAsNone) {
    EXPECT_EQ(read("")->token, RollingToken{});
    EXPECT_FALSE(read("")->authentic);
}

TEST(RollingToken, EveryOneCharacterChangeAndTruncationIsNotAuthentic) {
    const std::string token = test::rollingToken();
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        for (int c = 0; c < 256; ++c) {
            if (static_cast<char>(c) == token[i]) continue;
            changed[i] = static_cast<char>(c);
            const auto presented = read(changed);
            ASSERT_FALSE(presented && presented->authentic) << i;
        }
        const auto cut = read(token.substr(0, i));
        ASSERT_TRUE(i == 0 || !cut) << i;
    }
    EXPECT_FALSE(read(token + "A"));
}

TEST(RollingToken, OfAnotherLicenseOrDeviceIsNotAuthentic) {
    const auto secrets = keySecrets();
    EXPECT_FALSE(readRollingToken(secrets, test::rollingToken(), {"lic_9999999999999999"}, test::device())->authentic);
    EXPECT_FALSE(readRollingToken(secrets, test::rollingToken(), lic, deviceIdOf(test::otherDeviceKey().verifyKey()))
                     ->authentic);
}

// A retired secret takes the proof away, not the device's place: what the chain remembers is still recognised.
TEST(RollingToken, OutlivesTheSecretItWasMadeWith) {
    const auto newer = KeySecrets::parse(std::string(64, 'a')).value();
    const auto presented = read(test::rollingToken(), newer);
    ASSERT_TRUE(presented);
    EXPECT_FALSE(presented->authentic);
    const TokenChain chain{presented->token, {}, ""};
    EXPECT_EQ(rollToken(chain, *presented, test::rid, "AAAAAAAAAAAAAAAAAAAAAA").verdict, RollVerdict::advance);
    EXPECT_EQ(
        rollToken({{1, "AAAAAAAAAAAAAAAAAAAAAA"}, {}, ""}, *presented, test::rid, "AAAAAAAAAAAAAAAAAAAAAA").verdict,
        RollVerdict::conflict);
    const auto both = KeySecrets::parse(std::string(64, 'a') + "," + std::string(test::keySecret)).value();
    EXPECT_TRUE(read(test::rollingToken(), both)->authentic);
}

TEST(RollingToken, WithoutNumberOrRandomCannotBeMade) {
    const auto print = [](const RollingToken& token) {
        return printRollingToken(keySecrets(), token, lic, test::device());
    };
    EXPECT_THROW(print({}), std::invalid_argument);
    EXPECT_THROW(print({0, "YGFiY2RlZmdoaWprbG1ubw"}), std::invalid_argument);
    EXPECT_THROW(print({1, "YGFi"}), std::invalid_argument);
}

TEST(RollingToken, LastNumberIsNeverPassed) {
    const RollingToken last{UINT64_MAX, "YGFiY2RlZmdoaWprbG1ubw"};
    EXPECT_EQ(rollToken({last, {}, ""}, {last, true}, test::rid, "AAAAAAAAAAAAAAAAAAAAAA").verdict,
              RollVerdict::conflict);
    EXPECT_EQ(restartChain({last, {}, ""}, test::rid, "AAAAAAAAAAAAAAAAAAAAAA").verdict, RollVerdict::conflict);
}

// --- the rule, over all histories ------------------------------------------------------------------------------------

// What a copy of the device keeps on its disk, and no more.
struct Machine {
    PresentedToken token;
    std::string pending;  // the rid of a question that waits
    auto key() const { return std::tuple(token.token.number, token.token.random, pending); }
};

struct World {
    TokenChain authority;
    TokenChain backup;
    std::vector<Machine> machines;
    std::vector<Machine> kept;  // the last questions as they were sent, with somebody who may send them again
    int fresh = 0;              // names are given in order: no two alike
    bool conflict = false;
    std::array<int, 2> renewals{};  // completed by each of two copies, counted up to 2
    auto key() const {
        std::vector<std::tuple<std::uint64_t, std::string, std::string>> all;
        for (const auto* some : {&machines, &kept})
            for (const Machine& machine : *some) all.push_back(machine.key());
        const auto chain = [](const TokenChain& c) {
            return std::tuple(c.current.number, c.current.random, c.previous.number, c.previous.random, c.previousRid);
        };
        return std::tuple(chain(authority), chain(backup), all, conflict, renewals);
    }
};

std::string name(World& world) {
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = static_cast<std::uint8_t>(++world.fresh);
    return toBase64url(bytes);
}

// A machine that was activated: it holds token 1.
World activated() {
    World world;
    const std::string rid = name(world);
    const Roll roll = restartChain({}, rid, name(world));
    EXPECT_EQ(roll.verdict, RollVerdict::advance);
    world.authority = roll.chain;
    world.machines = {{{roll.chain.current, true}, ""}};
    world.backup = world.authority;
    return world;
}

// The rid is on disk before anything is sent.
void prepare(World& world, Machine& machine) {
    if (machine.pending.empty()) machine.pending = name(world);
}

// The question reaches the authority; its answer may reach the machine.
RollVerdict exchange(World& world, Machine& machine, bool answerArrives) {
    const Roll roll = rollToken(world.authority, machine.token, machine.pending, name(world));
    world.authority = roll.chain;
    if (roll.verdict == RollVerdict::conflict) {
        world.conflict = true;
    } else if (answerArrives) {
        machine.token = {roll.chain.current, true};  // with the document and the cleared rid: one record
        machine.pending.clear();
    }
    return roll.verdict;
}

using Move = std::function<void(World&)>;

// Every history of at most `depth` moves; `check` sees every world once.
std::size_t explore(const World& from, const std::vector<Move>& moves, int depth,
                    const std::function<void(const World&)>& check) {
    std::set<decltype(from.key())> seen;
    std::vector<World> edge{from};
    seen.insert(from.key());
    for (int i = 0; i < depth; ++i) {
        std::vector<World> next;
        for (const World& world : edge)
            for (const Move& move : moves) {
                World after = world;
                move(after);
                check(after);
                if (seen.insert(after.key()).second) next.push_back(std::move(after));
            }
        edge = std::move(next);
    }
    return seen.size();
}

// Lost questions, lost answers, retries, crashes at every step (disk and memory hold the same), denials that change
// nothing, and an authority put back to an earlier backup at any time.
TEST(RollingRule, AnHonestDeviceIsNeverAccused) {
    const std::vector<Move> moves{
        [](World& w) { prepare(w, w.machines[0]); },  // and the question is lost, or denied, or the machine crashes
        [](World& w) {
            prepare(w, w.machines[0]);
            exchange(w, w.machines[0], false);
        },
        [](World& w) {
            prepare(w, w.machines[0]);
            exchange(w, w.machines[0], true);
        },
        [](World& w) {  // the same question arrives twice
            prepare(w, w.machines[0]);
            exchange(w, w.machines[0], false);
            exchange(w, w.machines[0], true);
        },
        [](World& w) { w.backup = w.authority; },
        [](World& w) { w.authority = w.backup; },
    };
    const auto worlds = explore(activated(), moves, 24, [](const World& w) { ASSERT_FALSE(w.conflict); });
    EXPECT_GT(worlds, 1000u);
}

// A proxy that keeps what it carried, and sends it once more at any later time; nobody waits for that answer.
TEST(RollingRule, AnHonestDeviceIsNotAccusedForAQuestionThatArrivesAgain) {
    const auto ask = [](World& w, bool answerArrives) {
        prepare(w, w.machines[0]);
        w.kept.insert(w.kept.begin(), w.machines[0]);
        if (w.kept.size() > 2) w.kept.pop_back();
        exchange(w, w.machines[0], answerArrives);
    };
    const auto again = [](World& w, std::size_t which) {
        if (which >= w.kept.size()) return;
        const auto& question = w.kept[which];
        w.authority = rollToken(w.authority, question.token, question.pending, name(w)).chain;
    };
    const std::vector<Move> moves{
        [&](World& w) { ask(w, false); },         [&](World& w) { ask(w, true); },
        [&](World& w) { again(w, 0); },           [&](World& w) { again(w, 1); },
        [](World& w) { w.backup = w.authority; }, [](World& w) { w.authority = w.backup; },
    };
    const auto worlds = explore(activated(), moves, 9, [](const World& w) { ASSERT_FALSE(w.conflict); });
    EXPECT_GT(worlds, 1000u);
}

// The two tempting variants fail the same exploration: it can tell.
TEST(RollingRule, AFreshRidForEveryRetryWouldAccuseHonestDevices) {
    const std::vector<Move> moves{
        [](World& w) {
            w.machines[0].pending = name(w);
            exchange(w, w.machines[0], false);
        },
        [](World& w) {
            w.machines[0].pending = name(w);
            exchange(w, w.machines[0], true);
        },
    };
    bool accused = false;
    explore(activated(), moves, 4, [&](const World& w) { accused = accused || w.conflict; });
    EXPECT_TRUE(accused);
}

// A copy is made in any state an honest history leads to, also with a question that waits. From then on both renew, in
// any order, with any answers lost: once each of the two has completed two renewals, one was in conflict.
TEST(RollingRule, TwoCopiesThatBothRenewAreCaughtByTheSecondRound) {
    std::vector<World> origins;
    const std::vector<Move> honest{
        [](World& w) { prepare(w, w.machines[0]); },
        [](World& w) {
            prepare(w, w.machines[0]);
            exchange(w, w.machines[0], false);
        },
        [](World& w) {
            prepare(w, w.machines[0]);
            exchange(w, w.machines[0], true);
        },
    };
    std::set<decltype(World{}.key())> known;
    explore(activated(), honest, 4, [&](const World& w) {
        if (known.insert(w.key()).second) origins.push_back(w);
    });
    ASSERT_GT(origins.size(), 5u);

    std::vector<Move> moves;
    for (const std::size_t who : {0u, 1u})
        for (const bool arrives : {false, true})
            moves.push_back([who, arrives](World& w) {
                if (w.conflict) return;
                prepare(w, w.machines[who]);
                exchange(w, w.machines[who], arrives);
                if (arrives && !w.conflict) w.renewals[who] = std::min(w.renewals[who] + 1, 2);
            });
    std::size_t worlds = 0;
    for (World origin : origins) {
        origin.machines.push_back(origin.machines[0]);
        worlds += explore(origin, moves, 8, [](const World& w) {
            ASSERT_TRUE(w.conflict || w.renewals != (std::array{2, 2})) << "both renewed twice and nobody noticed";
        });
    }
    EXPECT_GT(worlds, 1000u);
}

// Strict alternation, as two running daemons do it: the second round at the latest.
TEST(RollingRule, AlternatingCopiesMeetInTheFirstOrSecondRound) {
    for (const bool waits : {false, true}) {
        World world = activated();
        if (waits) prepare(world, world.machines[0]);
        world.machines.push_back(world.machines[0]);
        int round = 0;
        while (!world.conflict && round < 5) {
            ++round;
            for (Machine& machine : world.machines) {
                prepare(world, machine);
                exchange(world, machine, true);
            }
        }
        EXPECT_EQ(round, waits ? 2 : 1);
    }
}

TEST(RollingRule, ARestoredAuthorityGoesOnFromTheDevicesToken) {
    World world = activated();
    for (int i = 0; i < 3; ++i) {
        prepare(world, world.machines[0]);
        EXPECT_EQ(exchange(world, world.machines[0], true), RollVerdict::advance);
    }
    world.authority = world.backup;
    prepare(world, world.machines[0]);
    EXPECT_EQ(exchange(world, world.machines[0], false), RollVerdict::ahead);
    EXPECT_EQ(exchange(world, world.machines[0], true), RollVerdict::repeat);
    prepare(world, world.machines[0]);
    EXPECT_EQ(exchange(world, world.machines[0], true), RollVerdict::advance);

    // Only what this authority has made itself: an invented number is a conflict.
    EXPECT_EQ(rollToken(world.authority, {{1000, "YGFiY2RlZmdoaWprbG1ubw"}, false}, test::rid, test::rid).verdict,
              RollVerdict::conflict);
}

TEST(RollingRule, ARestoredDeviceIsInConflictAndReenrols) {
    World world = activated();
    const Machine backup = world.machines[0];
    prepare(world, world.machines[0]);
    exchange(world, world.machines[0], true);
    prepare(world, world.machines[0]);
    exchange(world, world.machines[0], true);
    const PresentedToken before = world.machines[0].token;
    world.machines[0] = backup;
    prepare(world, world.machines[0]);
    EXPECT_EQ(exchange(world, world.machines[0], true), RollVerdict::conflict);

    const std::string rid = name(world);
    const Roll anew = restartChain(world.authority, rid, name(world));
    EXPECT_EQ(anew.verdict, RollVerdict::advance);
    EXPECT_GT(anew.chain.current.number, world.authority.current.number);
    EXPECT_EQ(restartChain(anew.chain, rid, name(world)), (Roll{RollVerdict::repeat, anew.chain}));  // a retry
    // Whoever still holds a token of the old chain is the other party.
    EXPECT_EQ(rollToken(anew.chain, before, name(world), name(world)).verdict, RollVerdict::conflict);
    EXPECT_EQ(rollToken(anew.chain, {anew.chain.current, true}, name(world), name(world)).verdict,
              RollVerdict::advance);
}

}  // namespace
}  // namespace entitle
