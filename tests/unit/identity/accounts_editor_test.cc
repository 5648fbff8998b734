#include "xosd/identity/accounts_editor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "libxos/accounts_source.h"
#include "tests/unit/identity/sample_accounts.h"
#include "tests/unit/requirement.h"

using namespace xos;
namespace {

struct Files {
    Files() { xos::test::require_root("needs root: accounts files must be root's"); }
    void publish(const AccountsSnapshot& snapshot) {
        auto writer = AccountsWriter::open(run, boot);
        REQUIRE(writer);
        REQUIRE(writer->replace(snapshot));
        auto opened = AccountsEditor::open(run, boot);
        REQUIRE(opened);
        editor = *std::move(opened);
    }
    sample::TempDir dir;
    std::string run = dir / "run", boot = dir / "boot";
    std::unique_ptr<AccountsEditor> editor;
};

// What a file tells about everybody: users with their groups, groups with their members, listed ones.
std::string tell(const AccountsFile& file) {
    std::string text;
    AccountsCursor cursor;
    for (auto user = file.next_user(cursor); user; user = file.next_user(cursor)) {
        text += std::string(user->name) + ':' + std::to_string(user->uid) + ':' + std::string(user->gecos);
        for (uint32_t i = 0; i < user->group_count; ++i) text += '+' + std::to_string(user->groups[i]);
        const auto again = file.find_user(user->name);
        text += again && again->uid == user->uid ? "\n" : " NOT BY NAME\n";
    }
    cursor = {};
    for (auto group = file.next_group(cursor); group; group = file.next_group(cursor)) {
        text += std::string(group->name) + ':' + std::to_string(group->gid) + ':';
        std::set<std::string> members;
        for (uint32_t i = 0; i < group->member_count; ++i)
            if (const auto member = file.find_member(*group, i)) members.emplace(member->name);
        for (const std::string& member : members) text += member + ',';
        text += file.find_group(group->name) && file.find_group(group->gid) ? "\n" : " NOT FOUND\n";
    }
    return text;
}

std::string tell(const std::string& path) {
    const auto file = map_accounts(path.c_str());
    REQUIRE(file);
    return tell(*file);
}

// Who is there and in which groups of physics, as a table that changes are made of.
struct Model {
    struct User {
        std::string name, gecos;
        std::set<uint32_t> groups;  // numbers above 0
    };
    std::map<uint32_t, User> users;          // by number
    std::map<uint32_t, std::string> groups;  // by number, from 1

    static uint32_t gid(uint32_t number) { return sample::kMembers + number; }
    [[nodiscard]] AccountEntry entry(uint32_t number) const {
        AccountEntry made = sample::account(users.at(number).name, "physics", sample::kPhysics + number);
        made.gecos = users.at(number).gecos;
        return made;
    }
    [[nodiscard]] AccountsSnapshot snapshot() const {
        AccountsSnapshot all{
            .vos = {{"physics", sample::kPhysics, 1u << 20}, {"bio", sample::kBio, 1u << 20}},
            .accounts = {sample::account("ann", "bio", sample::kBio + 1)},
            .groups = {{.name = "members@physics", .gid = gid(0), .of_all = true}}};
        for (const auto& [number, user] : users) all.accounts.push_back(entry(number));
        for (const auto& [number, name] : groups) {
            GroupEntry group{.name = name + "@physics", .gid = gid(number)};
            for (const auto& [n, user] : users)
                if (user.groups.contains(number)) group.members.push_back(user.name + "@physics");
            all.groups.push_back(std::move(group));
        }
        return all;
    }
    [[nodiscard]] AccountsChange::Account change(uint32_t number) const {
        AccountsChange::Account made{entry(number), {gid(0)}};
        for (const uint32_t group : users.at(number).groups) made.gids.push_back(gid(group));
        return made;
    }
};

// A few random things happen to the model; what they are is added to change.
class Story {
  public:
    explicit Story(unsigned seed) : random_(seed) {}
    AccountsChange go_on(Model& model) {
        AccountsChange change;
        std::set<uint32_t> touched;
        for (int i = 0; i < 3; ++i) {
            const uint32_t number = 1 + random_() % 40;
            if (!touched.insert(number).second) continue;
            const auto at = model.users.find(number);
            if (at != model.users.end() && random_() % 3 == 0) {
                model.users.erase(at);
                change.accounts_gone.push_back(sample::kPhysics + number);
                continue;
            }
            Model::User& user = model.users[number];
            if (user.name.empty() || random_() % 4 == 0) user.name = "u" + std::to_string(++names_);
            user.gecos = "Take " + std::to_string(random_() % 1000);
            user.groups.clear();
            for (const auto& [group, name] : model.groups)
                if (random_() % 3 == 0) user.groups.insert(group);
            change.accounts.push_back(model.change(number));
        }
        if (random_() % 4 == 0) change_groups(model, change);
        return change;
    }

  private:
    void change_groups(Model& model, AccountsChange& change) {
        const uint32_t number = 1 + random_() % 8;
        const bool is_there = model.groups.contains(number);
        if (is_there && random_() % 2 == 0) {
            model.groups.erase(number);
            change.groups_gone.push_back(Model::gid(number));
            std::set<uint32_t> told;
            for (const auto& account : change.accounts) told.insert(account.entry.uid - sample::kPhysics);
            for (auto& [n, user] : model.users)
                if (user.groups.erase(number) != 0 && !told.contains(n))
                    change.accounts.push_back(model.change(n));
            for (auto& account : change.accounts) std::erase(account.gids, Model::gid(number));
            return;
        }
        model.groups[number] = "g" + std::to_string(++names_);
        change.groups.push_back({.name = model.groups[number] + "@physics", .gid = Model::gid(number)});
    }
    std::mt19937 random_;
    int names_ = 0;
};

int wait_for(pid_t child) {
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE_METHOD(Files, "a file that was changed in place says what one made anew says") {
    for (const unsigned seed : {1u, 2u, 3u}) {
        Model model;
        Story story(seed);
        publish(model.snapshot());
        int anew = 0;
        for (int step = 0; step < 400; ++step) {
            const AccountsChange change = story.go_on(model);
            const auto applied = editor->apply(change);
            if (!applied) {
                // no room, or a name that somebody else has just left
                REQUIRE(applied.error().code == Errc::too_small);
                publish(model.snapshot());
                ++anew;
            }
            REQUIRE(write_edits(editor->take_edits()));
            if (step % 7 != 0) continue;
            const sample::TempDir other;
            REQUIRE(AccountsWriter::open(other / "run", "")->replace(model.snapshot()));
            REQUIRE(tell(run) == tell(other / "run"));
            REQUIRE(tell(boot) == tell(run));
        }
        CHECK(anew < 40);
    }
}

TEST_CASE_METHOD(Files, "who has the file mapped sees a change at once, and no second one of half of it") {
    publish(sample::snapshot(5));
    const auto mapped = map_accounts(run.c_str());
    REQUIRE(mapped);
    AccountEntry six = sample::account("user6", "physics", sample::kPhysics + 6);
    REQUIRE(editor->apply({.accounts = {{six, {sample::kMembers, sample::kAnalysis}}}}));
    CHECK(mapped->find_user(std::string_view("user6@physics"))->uid == six.uid);
    CHECK(mapped->find_group(sample::kAnalysis)->member_count == 3);
    CHECK(mapped->find_group(six.uid)->name == "user6@physics");
    REQUIRE(editor->apply({.accounts_gone = {six.uid, sample::kPhysics + 1}}));
    for (const char* gone : {"user6@physics", "user1@physics"}) {
        CHECK(mapped->find_user(std::string_view(gone)).error().code == Errc::not_found);
        CHECK(mapped->find_group(std::string_view(gone)).error().code == Errc::not_found);
    }
    CHECK(mapped->find_user(six.uid).error().code == Errc::not_found);
    CHECK(mapped->find_group(sample::kAnalysis)->member_count == 1);
    CHECK_FALSE(mapped->is_retired());
    REQUIRE(editor->set_listed(sample::kPhysics + 2, false));
    AccountsCursor cursor;
    CHECK(mapped->next_user(cursor)->name == "user3@physics");
    CHECK(mapped->find_user(sample::kPhysics + 2));
    REQUIRE(editor->set_listed(sample::kPhysics + 2, true));
    cursor = {};
    CHECK(mapped->next_user(cursor)->name == "user2@physics");
    CHECK(editor->set_listed(sample::kPhysics + 1, true).error().code == Errc::not_found);
}

TEST_CASE_METHOD(Files, "a group that outgrows gr_mem lists none, and one is refused that breaks a rule") {
    publish(sample::snapshot(uint32_t{kListedMembersMax}));
    const auto mapped = map_accounts(run.c_str());
    AccountEntry next = sample::account("next", "physics", sample::kPhysics + 1 + kListedMembersMax);
    CHECK(mapped->find_group(sample::kMembers)->member_count == kListedMembersMax);
    REQUIRE(editor->apply({.accounts = {{next, {sample::kMembers}}}}));
    CHECK(mapped->find_group(sample::kMembers)->member_count == 0);
    CHECK(mapped->find_user(next.uid)->groups[0] == sample::kMembers);
    const std::string before = tell(run);
    const auto refused = [&](AccountsChange change) {
        const auto applied = editor->apply(change);
        CHECK(tell(run) == before);
        return applied ? Errc::exists : applied.error().code;
    };
    next.name = "root";
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::invalid);
    next.name = "x@physics";
    next.gecos = "a:b";
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::invalid);
    next.gecos = "";
    next.uid = sample::kBio + 5;
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::invalid);
    next.name = "x@chemistry";
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::too_small);
    next = sample::account("user2", "physics", sample::kPhysics + 3);
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::too_small);
    next = sample::account("far", "physics", sample::kPhysics + 700000);
    CHECK(refused({.accounts = {{next, {}}}}) == Errc::too_small);
    CHECK(refused({.groups = {{.name = "g@physics", .gid = 27}}}) == Errc::invalid);
}

TEST_CASE_METHOD(Files, "a file that is full says so and stays as it is; made anew it has room again") {
    Model model;
    model.users[1] = {"u1", "", {}};
    publish(model.snapshot());
    int changes = 0;
    for (bool full = false; !full; ++changes) {
        model.users[1].gecos = std::string(2000, static_cast<char>('a' + changes % 20));
        const std::string before = tell(run);
        const auto applied = editor->apply({.accounts = {model.change(1)}});
        full = !applied;
        if (!full) continue;
        CHECK(applied.error().code == Errc::too_small);
        CHECK(tell(run) == before);
    }
    CHECK(changes > 10);
    publish(model.snapshot());
    CHECK(editor->apply({.accounts = {model.change(1)}}));
}

TEST_CASE_METHOD(Files, "a disk that is full or a boot copy of another file is an error, never a signal") {
    publish(sample::snapshot(2));
    REQUIRE(editor->apply({.accounts_gone = {sample::kPhysics + 1}}));
    const pid_t child = fork();
    if (child == 0) {
        const rlimit none{4, 4};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &none);
        const auto written = write_edits(editor->take_edits());
        _exit(!written && written.error().message.contains("boot copy") ? 0 : 1);
    }
    CHECK(wait_for(child) == 0);
    REQUIRE(AccountsWriter::open(boot, "")->replace(sample::snapshot(2)));
    CHECK(AccountsEditor::open(run, boot).error().code == Errc::conflict);
}

// One record says the same thing in three places; a torn one would not.
TEST_CASE_METHOD(Files, "readers see whole records while writers change them, are killed, and begin anew") {
    const bool long_run = getenv("XOS_LONG_RUN") != nullptr;
    const int kills = long_run ? 1000 : 25;
    const uint64_t wanted = long_run ? 100'000'000 : 100'000;
    publish(sample::snapshot(64));
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> reads{0}, torn{0}, lost{0};
    AccountsSource source(run.c_str(), boot.c_str());
    const auto read = [&](unsigned seed) {
        std::mt19937 random(seed);
        while (!stop) {
            const auto accounts = source.pin();
            const uint32_t uid = sample::kPhysics + 1 + random() % 64;
            const auto user = accounts ? accounts->find_user(uid) : std::unexpected(accounts.error());
            ++reads;
            if (!user) {
                ++lost;
                continue;
            }
            const auto mark = user->gecos.substr(0, user->gecos.find(' '));
            if (mark != "User" &&
                (user->gecos.substr(mark.size() + 1) != mark || !user->home.ends_with(mark)))
                ++torn;
        }
    };
    std::thread readers[] = {std::thread(read, 1), std::thread(read, 2)};
    std::mt19937 random(3);
    bool failed = false;
    for (int round = 0; round < kills || reads < wanted; ++round) {
        editor.reset();
        const pid_t writer = fork();
        if (writer == 0) {
            auto opened = AccountsEditor::open(run, boot);
            if (!opened) _exit(1);
            for (uint32_t i = 0;; ++i) {
                AccountEntry entry = sample::account("user" + std::to_string(1 + i % 64), "physics",
                                                     sample::kPhysics + 1 + i % 64);
                const std::string mark = std::to_string(i);
                entry.gecos = mark + " " + mark;
                entry.home += mark;
                if ((*opened)->apply({.accounts = {{entry, {sample::kMembers}}}})) continue;
                if (!AccountsWriter::open(run, boot)->replace(sample::snapshot(64))) _exit(2);
                opened = AccountsEditor::open(run, boot);
                if (!opened) _exit(3);
            }
        }
        usleep(1000 + random() % 20000);
        kill(writer, SIGKILL);
        failed = failed || wait_for(writer) != SIGKILL;
        // what a daemon does when it starts
        failed = failed || !AccountsWriter::open(run, boot)->replace(sample::snapshot(64));
    }
    stop = true;
    for (std::thread& reader : readers) reader.join();
    CHECK_FALSE(failed);
    CHECK(torn == 0);
    CHECK(lost == 0);
    CHECK(reads >= wanted);
    WARN(reads << " reads, " << torn << " torn, " << lost << " lost, " << kills
               << " writers killed at least");
}
