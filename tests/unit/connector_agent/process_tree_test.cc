#include "connector_agent/process_tree.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Player {
    ProcessTree tree;
    ProcessTree::Changes changes;
    uint64_t now = 100 * kSecond;

    void fork(int32_t parent, int32_t pid, int32_t tgid) {
        tree.apply({.kind = ProcEventKind::fork,
                    .timestamp_ns = ++now,
                    .pid = pid,
                    .tgid = tgid,
                    .parent_tgid = parent},
                   changes);
    }
    void exec(int32_t tgid) {
        tree.apply({.kind = ProcEventKind::exec, .timestamp_ns = ++now, .pid = tgid, .tgid = tgid}, changes);
    }
    void exit(int32_t pid, int32_t tgid, int32_t status) {
        tree.apply(
            {.kind = ProcEventKind::exit, .timestamp_ns = ++now, .pid = pid, .tgid = tgid, .status = status},
            changes);
    }
    std::optional<TreeChange> last_end() const {
        if (changes.empty() || changes.back().kind != TreeChangeKind::ended) return std::nullopt;
        return changes.back();
    }
};

}  // namespace

TEST_CASE("a process forks, executes and ends with its status") {
    Player p;
    p.fork(1, 10, 10);
    p.exec(10);
    CHECK(p.tree.find(10)->parent_pid == 1);
    p.exit(10, 10, 0x300);
    CHECK(p.tree.size() == 0);
    CHECK(p.last_end()->status == 0x300);
}

TEST_CASE("a leader that goes first does not end the process, nor is its status the process's") {
    Player p;
    p.fork(1, 10, 10);
    p.fork(1, 11, 10);
    p.exit(10, 10, 0x500);
    REQUIRE(p.tree.find(10) != nullptr);
    CHECK_FALSE(p.tree.find(10)->leader_alive);
    p.exit(11, 10, 0);
    CHECK(p.tree.size() == 0);
    CHECK(p.last_end()->status == 0);
}

TEST_CASE("a thread that executes becomes the leader") {
    Player p;
    p.fork(1, 10, 10);
    p.fork(1, 11, 10);
    p.fork(1, 12, 10);
    p.exit(12, 10, 0);
    p.exit(10, 10, 0);
    p.exec(10);  // by thread 11, which never gets an exit of its own
    REQUIRE(p.tree.find(10) != nullptr);
    CHECK(p.tree.find(10)->leader_alive);
    CHECK(p.tree.find(10)->threads.empty());
    p.exit(10, 10, 9);
    CHECK(p.last_end()->status == 9);
}

TEST_CASE("a process whose fork was not seen is adopted, with its known end") {
    Player p;
    p.exec(20);
    CHECK(p.changes.front().kind == TreeChangeKind::adopted);
    p.exit(20, 20, 0x100);
    CHECK(p.last_end()->status == 0x100);
    p.exit(21, 21, 0x200);
    CHECK(p.last_end()->pid == 21);
    CHECK(p.last_end()->status == 0x200);
    const size_t before = p.changes.size();
    p.exit(31, 30, 0);  // a thread of a process that is not ours
    CHECK(p.changes.size() == before);
}

TEST_CASE("a pid used again ends its former owner with an unknown status") {
    Player p;
    p.fork(1, 10, 10);
    p.now += 60 * kSecond;
    p.fork(1, 10, 10);
    REQUIRE(p.changes.size() == 3);
    CHECK(p.changes[1].kind == TreeChangeKind::ended);
    CHECK_FALSE(p.changes[1].status);
    CHECK(p.tree.size() == 1);
}

TEST_CASE("an observation adopts and marks, but ends nobody by itself") {
    Player p;
    p.fork(1, 10, 10);
    const std::vector<ObservedProcess> members{{.pid = 11, .parent_pid = 1, .started_ns = 50 * kSecond}};
    p.tree.observe(members, p.now, p.changes);
    CHECK(p.changes.back().kind == TreeChangeKind::adopted);
    CHECK(p.tree.find(10)->missing_since_ns == p.now);
    CHECK(p.tree.find(11)->missing_since_ns == 0);
    p.exit(10, 10, 7);  // it was only late
    CHECK(p.last_end()->status == 7);
    p.tree.end_unknown(11, p.changes);
    CHECK_FALSE(p.last_end()->status);
}

TEST_CASE("an observed process is the forked one where the starts agree, and the late fork changes nothing") {
    Player p;
    const std::vector<ObservedProcess> members{{.pid = 10, .parent_pid = 1, .started_ns = p.now - 5'000'000}};
    p.tree.observe(members, p.now, p.changes);
    p.fork(1, 10, 10);
    CHECK(p.changes.size() == 1);
    p.now += kSecond;
    p.tree.observe(members, p.now, p.changes);
    CHECK(p.changes.size() == 1);
    const std::vector<ObservedProcess> reused{
        {.pid = 10, .parent_pid = 1, .started_ns = p.now + 60 * kSecond}};
    p.tree.observe(reused, p.now, p.changes);
    REQUIRE(p.changes.size() == 3);
    CHECK(p.changes[1].kind == TreeChangeKind::ended);
    CHECK(p.changes[2].kind == TreeChangeKind::adopted);
    p.exit(10, 10, 0);  // queued since before the reading: the former owner's
    CHECK(p.tree.size() == 1);
}
