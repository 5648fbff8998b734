#include "xosd/trust/accounts_publication.h"

#include <sys/stat.h>

#include <filesystem>

#include "libxos/accounts_source.h"
#include "tests/unit/requirement.h"
#include "tests/unit/trust/node_state.h"
#include "xosd/trust/bundle_update.h"

using namespace xos;
using namespace xos::test;
namespace {

struct Node {
    Node() {
        require_root("needs root: accounts files must be root's");
        std::filesystem::create_directory(directory);
        config.manage_sshd = false;
        follow(content());
    }
    ~Node() { std::filesystem::remove_all(directory); }

    Bundle content() { return physics.bundle; }
    void follow(Bundle bundle) {
        auto next = must(make_trusted(std::move(bundle), physics.fingerprint()));
        next->base = kUidMin;
        const auto before = vos.find("physics");
        if (before == vos.end())
            publication.note_all();
        else
            publication.note(*next, compare_bundles(before->second.get(), *next));
        vos["physics"] = next;
    }
    // Why not; empty where it was.
    std::string publish() {
        std::string answer = "not called";
        publication.publish(
            [&](const Outcome<void>& outcome) { answer = outcome ? "" : outcome.error().message; });
        run_until([&] { return answer != "not called"; });
        return answer;
    }
    void run_until(const std::function<bool()>& done) {
        while (!done()) REQUIRE(sd_event_run(loop.get(), UINT64_MAX) >= 0);
    }
    bool has(const std::string& path, const char* name) {
        const auto file = map_accounts(path.c_str());
        return file && file->find_user(std::string_view(name));
    }
    ino_t inode() const {
        struct stat st{};
        return ::stat(paths.run.c_str(), &st) == 0 ? st.st_ino : 0;
    }

    std::string directory = compose("/tmp/xos-publication.{}", getpid());
    AccountsPaths paths{directory + "/run", directory + "/boot"};
    SampleVo physics = make_live_vo();
    EventLoop loop = must(EventLoop::create());
    NodeConfig config;
    AccountsPublication::Vos vos;
    AccountsPublication publication{loop, config, vos, paths};
};

size_t count_listed(const std::string& path) {
    const auto file = map_accounts(path.c_str());
    AccountsCursor cursor;
    size_t count = 0;
    while (file && file->next_user(cursor)) ++count;
    return count;
}

}  // namespace

TEST_CASE_METHOD(Node, "a member who comes or goes is a change of the file that is there") {
    REQUIRE(publish() == "");
    const ino_t first = inode();
    const auto mapped = map_accounts(paths.run.c_str());
    REQUIRE(mapped);
    CHECK(has(paths.boot, "user2@physics"));

    Bundle next = content();
    next.members.push_back({"user3", 3, "aaaaaaaa-0000-4000-8000-000000000003", {"analysis"}, {}, false});
    follow(next);
    REQUIRE(publish() == "");
    CHECK(mapped->find_user(std::string_view("user3@physics")));
    CHECK(has(paths.boot, "user3@physics"));

    next.members.erase(next.members.begin());
    next.groups.push_back({"pilots", 2});
    follow(next);
    REQUIRE(publish() == "");
    CHECK(mapped->find_user(std::string_view("user1@physics")).error().code == Errc::not_found);
    CHECK(mapped->find_user(kUidMin + 1).error().code == Errc::not_found);
    CHECK_FALSE(has(paths.boot, "user1@physics"));
    CHECK(mapped->find_group(std::string_view("pilots@physics")));
    CHECK(mapped->find_group(std::string_view("analysis@physics"))->member_count == 1);
    CHECK_FALSE(mapped->is_retired());
    CHECK(inode() == first);

    // the next daemon makes the same of the same
    publication.note_all();
    REQUIRE(publish() == "");
    CHECK(mapped->is_retired());
    CHECK_FALSE(has(paths.run, "user1@physics"));
    CHECK(has(paths.run, "user3@physics"));
}

TEST_CASE_METHOD(Node, "a VO that goes, and what finds no room, is a new file") {
    REQUIRE(publish() == "");
    Bundle next = content();
    next.members.push_back({"far", 700000, "aaaaaaaa-0000-4000-8000-000000000004", {}, {}, false});
    follow(next);
    const ino_t first = inode();
    REQUIRE(publish() == "");
    CHECK(inode() != first);
    CHECK(has(paths.run, "far@physics"));
    vos.clear();
    publication.note_all();
    REQUIRE(publish() == "");
    CHECK_FALSE(has(paths.run, "far@physics"));
    CHECK_FALSE(has(paths.boot, "far@physics"));
}

TEST_CASE_METHOD(Node, "changes while the file is made anew are not lost, and all are answered") {
    int answers = 0;
    const auto count = [&](const Outcome<void>& outcome) { answers += outcome ? 1 : 1000; };
    publication.publish(count);  // the child begins with two members
    Bundle next = content();
    next.members.push_back({"user3", 3, "aaaaaaaa-0000-4000-8000-000000000003", {}, {}, false});
    follow(next);
    publication.publish(count);
    next.members.pop_back();
    next.members.push_back({"user4", 4, "aaaaaaaa-0000-4000-8000-000000000005", {}, {}, false});
    follow(next);
    publication.publish(count);
    run_until([&] { return answers >= 3; });
    CHECK(answers == 3);
    CHECK_FALSE(has(paths.run, "user3@physics"));
    CHECK(has(paths.run, "user4@physics"));
    CHECK(has(paths.boot, "user4@physics"));
}

TEST_CASE_METHOD(Node, "what cannot be written is an error, and is made good by the next") {
    REQUIRE(publish() == "");
    std::filesystem::rename(directory, directory + ".away");
    publication.note_all();
    CHECK(publish() != "");
    std::filesystem::rename(directory + ".away", directory);
    Bundle next = content();
    next.members.pop_back();
    follow(next);
    REQUIRE(publish() == "");
    CHECK_FALSE(has(paths.run, "user2@physics"));
}

TEST_CASE_METHOD(Node, "enumeration shows all, those who are active, or nobody") {
    std::set<uint32_t> active;
    publication.set_active([&] { return active; });
    REQUIRE(publish() == "");
    CHECK(count_listed(paths.run) == 2);
    config.enumerate = Enumerate::none;
    publication.note_all();
    REQUIRE(publish() == "");
    CHECK(count_listed(paths.run) == 0);
    CHECK(has(paths.run, "user1@physics"));
    config.enumerate = Enumerate::active;
    active = {kUidMin + 2};
    publication.note_all();
    REQUIRE(publish() == "");
    CHECK(count_listed(paths.run) == 1);
    const auto mapped = map_accounts(paths.run.c_str());
    AccountsCursor cursor;
    CHECK(mapped->next_user(cursor)->name == "user2@physics");
    active = {kUidMin + 1};
    publication.stir(kUidMin + 1);
    publication.stir(kUidMin + 2);
    cursor = {};
    CHECK(mapped->next_user(cursor)->name == "user1@physics");
    CHECK(count_listed(paths.run) == 1);
}
