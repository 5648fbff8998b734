#include "xosd/account/account_service.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "tests/unit/trust/node_state.h"
#include "xosd/container/pidfd.h"
#include "xosd/session/home_directory.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

constexpr uint32_t kUser1 = kUidMin + 1, kUser2 = kUidMin + 2;
constexpr uint32_t kStranger = 1000;

struct Fixture : NodeState {
    TempDir dir;
    SampleVo physics = make_live_vo();
    SessionStore sessions{database, loop};
    AccountService accounts{{loop, database, config, trust, ledger, sessions}};

    Fixture() {
        REQUIRE(sessions.load());
        config.home_root = dir.path / "homes";
        REQUIRE(trust.apply(physics.seal(), physics.fingerprint()));
    }
    // A home and a session, which is closed again.
    std::string visit(uint32_t uid, const char* user) {
        const Home home{config.home_root, "physics", user, uid, uid};
        if (geteuid() == 0) REQUIRE(make_home(home));
        LoginSession session;
        session.login = std::string(user) + "@physics";
        session.uid = uid;
        session.opened = now_seconds() - std::chrono::minutes(1);
        session.home = home_path(home);
        const auto id = must(sessions.open(std::move(session), getpid(), UniqueFd(pidfd_open(getpid(), 0))));
        sessions.close(id, "done");
        return home_path(home);
    }
    void leave(const char* user) {
        std::erase_if(physics.bundle.members, [&](const Member& member) { return member.name == user; });
        ++physics.bundle.serial;
        REQUIRE(trust.apply(physics.seal(), ""));
    }
    std::vector<Account> list(uint32_t asker, bool all, const std::string& vo = "") {
        return accounts.list(asker, {vo, all, 0}).value().accounts;
    }
    void turn_until(const bool& done) {
        for (int i = 0; i < 500 && !done; ++i) sd_event_run(loop.get(), 20'000);
        REQUIRE(done);
    }
    Outcome<Account> show(uint32_t asker, const AccountName& who) {
        bool done = false;
        Outcome<Account> answer;
        accounts.show(asker, who, [&](Outcome<Account> account) {
            answer = std::move(account);
            done = true;
        });
        turn_until(done);
        return answer;
    }
    Outcome<PurgeReport> purge(const AccountName& who, bool dry_run = false) {
        bool done = false;
        Outcome<PurgeReport> answer;
        accounts.purge(who, dry_run, [&](Outcome<PurgeReport> report) {
            answer = std::move(report);
            done = true;
        });
        turn_until(done);
        return answer;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "who is here, and who is a member") {
    CHECK(list(0, false).empty());
    auto all = list(0, true);
    REQUIRE(all.size() == 2);
    CHECK(all[0].login == "user1@physics");
    CHECK(all[0].uid == kUser1);
    CHECK(all[0].state == AccountState::member);
    CHECK(all[1].state == AccountState::suspended);
    visit(kUser1, "user1");
    const auto used = list(0, false);
    REQUIRE(used.size() == 1);
    CHECK(used[0].uid == kUser1);
    CHECK(used[0].last_login != 0);
    CHECK(used[0].sessions == 0);
    leave("user1");
    all = list(0, true, "physics");
    REQUIRE(all.size() == 2);
    CHECK(all[0].state == AccountState::gone);
    CHECK(accounts.list(0, {"biology", true, 0}).error().code == Errc::not_found);
    REQUIRE(trust.remove("physics"));
    CHECK(list(0, true)[1].state == AccountState::gone);
}

TEST_CASE_METHOD(Fixture, "others see members, and the own rest") {
    visit(kUser1, "user1");
    visit(kUser2, "user2");
    CHECK(list(kStranger, false).empty());
    const auto all = list(kStranger, true);
    REQUIRE(all.size() == 2);
    CHECK_FALSE(all[0].detailed);
    CHECK(all[0].last_login == 0);
    const auto own = list(kUser1, false);
    REQUIRE(own.size() == 1);
    CHECK(own[0].detailed);
    CHECK(own[0].last_login != 0);
    leave("user1");
    CHECK(list(kStranger, true).size() == 1);
    CHECK(list(kUser1, true).size() == 2);
    CHECK(show(kUser1, {"user1@physics", 0})->state == AccountState::gone);
    CHECK_FALSE(show(kStranger, {"user2@physics", 0})->detailed);
    CHECK(show(kStranger, {"user1@physics", 0}).error().message == "nobody on this node is user1@physics");
    CHECK(show(kStranger, {"user9@biology", 0}).error().message == "nobody on this node is user9@biology");
    // to a stranger, who is gone is as one who never was
    const auto gone = show(kStranger, {"", kUser1});
    const auto never = show(kStranger, {"", kUser1 + 77});
    REQUIRE_FALSE(gone);
    REQUIRE_FALSE(never);
    CHECK(gone.error().code == never.error().code);
    CHECK(gone.error().message == "nobody on this node is " + std::to_string(kUser1));
    CHECK(never.error().message == "nobody on this node is " + std::to_string(kUser1 + 77));
}

TEST_CASE_METHOD(Fixture, "a list of many comes in pages") {
    for (uint32_t number = 3; number < 700; ++number) {
        physics.bundle.members.push_back({"m" + std::to_string(1000 + number),
                                          number,
                                          compose("aaaaaaaa-0000-4000-8000-{:012}", number),
                                          {},
                                          {},
                                          false});
    }
    std::ranges::sort(physics.bundle.members, {}, &Member::name);
    ++physics.bundle.serial;
    REQUIRE(trust.apply(physics.seal(), ""));
    AccountService::Query query{"", true, 0};
    std::vector<uint32_t> uids;
    for (int pages = 0; pages < 10; ++pages) {
        const auto page = accounts.list(0, query);
        REQUIRE(page);
        CHECK(page->accounts.size() <= 256);
        for (const Account& account : page->accounts) uids.push_back(account.uid);
        if (!page->next) break;
        query.after = *page->next;
    }
    CHECK(uids.size() == 699);
    CHECK(std::ranges::is_sorted(uids));
    CHECK(std::ranges::adjacent_find(uids) == uids.end());
    CHECK(accounts.list(0, {"", true, UINT32_MAX})->accounts.empty());
    CHECK(show(0, {"m1500@physics", 0})->uid == kUidMin + 500);
}

TEST_CASE_METHOD(Fixture, "names that are no account") {
    CHECK(show(0, {"root", 0}).error().code == Errc::invalid);
    CHECK(show(0, {"user1@biology", 0}).error().code == Errc::not_found);
    CHECK(show(0, {"user9@physics", 0}).error().code == Errc::not_found);
    CHECK(show(0, {"", 0}).error().code == Errc::not_found);
}

TEST_CASE_METHOD(Fixture, "two people of one name") {
    leave("user1");
    physics.bundle.members.push_back({"user1", 9, "aaaaaaaa-0000-4000-8000-000000000009", {}, {}, false});
    std::ranges::sort(physics.bundle.members, {}, &Member::name);
    ++physics.bundle.serial;
    REQUIRE(trust.apply(physics.seal(), ""));
    CHECK(show(0, {"user1@physics", 0})->uid == kUidMin + 9);  // the member, not the one who is gone
    leave("user1");
    const auto both = show(0, {"user1@physics", 0});
    REQUIRE_FALSE(both);
    CHECK(both.error().code == Errc::conflict);
    CHECK(both.error().message.contains(std::to_string(kUser1)));
    CHECK(both.error().message.contains(std::to_string(kUidMin + 9)));
}

TEST_CASE_METHOD(Fixture, "only who is gone is purged") {
    require_root();
    const std::string home = visit(kUser1, "user1");
    const auto refused = purge({"user1@physics", 0});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::conflict);
    CHECK(refused.error().message.contains("still a member"));
    CHECK_FALSE(purge({"user2@physics", 0}));  // suspended
    CHECK(fs::exists(home));

    leave("user1");
    const auto told = purge({"user1@physics", 0}, true);
    REQUIRE(told);
    CHECK(told->homes == std::vector{home});
    CHECK(fs::exists(home));
    const auto report = purge({"", kUser1});
    REQUIRE(report);
    CHECK(report->homes == std::vector{home});
    CHECK_FALSE(fs::exists(home));
    CHECK(fs::is_empty(fs::path(home).parent_path()));
    CHECK(list(0, false).empty());
    CHECK(list(0, true)[0].purged != 0);
    CHECK(ledger.find_uid(kUser1)->member.login_name == "user1@physics");
    // again: nothing is left to do
    const auto again = purge({"", kUser1});
    REQUIRE(again);
    CHECK(again->homes.empty());
}

TEST_CASE_METHOD(Fixture, "a purge that was killed is done again") {
    require_root();
    const std::string home = visit(kUser1, "user1");
    leave("user1");
    SECTION("when the home was aside") {
        fs::rename(home, fs::path(home).parent_path() / (".#" + std::to_string(kUser1)));
    }
    SECTION("when the home was gone") {
        fs::remove_all(home);
    }
    REQUIRE(purge({"", kUser1}));
    CHECK(fs::is_empty(fs::path(home).parent_path()));
    CHECK(list(0, true)[0].purged != 0);
}

TEST_CASE_METHOD(Fixture, "a home that is not the person's stays") {
    require_root();
    const std::string home = visit(kUser1, "user1");
    REQUIRE(chown(home.c_str(), kUser2, kUser2) == 0);
    leave("user1");
    const auto report = purge({"", kUser1});
    REQUIRE(report);
    CHECK(report->homes.empty());
    CHECK(fs::exists(home));
}

TEST_CASE_METHOD(Fixture, "what runs keeps everything") {
    require_root();
    const std::string home = visit(kUser1, "user1");
    leave("user1");
    SECTION("a session") {
        LoginSession session;
        session.login = "user1@physics";
        session.uid = kUser1;
        REQUIRE(sessions.open(std::move(session), getpid(), UniqueFd(pidfd_open(getpid(), 0))));
        CHECK(purge({"", kUser1}).error().message.contains("open sessions"));
    }
    SECTION("a process") {
        const pid_t child = fork();
        if (child == 0) {
            if (setresuid(0, kUser1, 0) != 0) _exit(1);
            pause();
            _exit(0);
        }
        usleep(100'000);
        const auto refused = purge({"", kUser1});
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message.contains(std::to_string(child)));
    }
    CHECK(fs::exists(home));
}

TEST_CASE_METHOD(Fixture, "a VO whose bundle does not open leaves its people unknown") {
    require_root();
    const std::string home = visit(kUser1, "user1");
    REQUIRE(database.execute("UPDATE trusted_vo SET bundle = X'78'"));
    TrustStore after(loop, database, ledger, config);
    REQUIRE(after.load());
    REQUIRE(after.find("physics") == nullptr);
    AccountService service{{loop, database, config, after, ledger, sessions}};
    CHECK(service.list(0, {"", true, 0})->accounts.at(0).state == AccountState::unknown);
    std::string refused;
    service.purge({"", kUser1}, false,
                  [&](const Outcome<PurgeReport>& report) { refused = report.error().message; });
    CHECK(refused.contains("does not open"));
    CHECK(fs::exists(home));
}
