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
    void exit(int32_t pid, int32_t tgid, int32_t status, bool whole = false) {
        tree.apply({.kind = ProcEventKind::exit,
                    .timestamp_ns = ++now,
                    .pid = pid,
                    .tgid = tgid,
                    .status = status,
                    .whole = whole},
                   changes);
    }
    void look(ObservedProcess seen, bool doubt = false) {
        tree.begin_reading(now);
        tree.observe(std::move(seen), doubt, changes);
    }
    std::optional<TreeChange> last_end() const {
        if (changes.empty() || changes.back().kind != ProcessEventKind::ended) return std::nullopt;
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
    p.exit(11, 10, 0, true);
    CHECK(p.tree.size() == 0);
    CHECK(p.last_end()->status == 0);
}

TEST_CASE("where threads end differently and nobody knows the process's status, it is unknown") {
    Player p;
    p.fork(1, 10, 10);
    p.fork(1, 11, 10);
    p.exit(11, 10, 0);
    p.exit(10, 10, 0x300);
    REQUIRE(p.last_end());
    CHECK_FALSE(p.last_end()->status);
    p.fork(1, 12, 12);
    p.fork(1, 13, 12);
    p.exit(12, 12, 9);
    p.exit(13, 12, 9);
    CHECK(p.last_end()->status == 9);
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
    CHECK(p.changes.front().kind == ProcessEventKind::adopted);
    p.exit(20, 20, 0x100);
    CHECK(p.last_end()->status == 0x100);
    p.exit(21, 21, 0x200);  // whole, or one thread of it
    CHECK(p.changes.back().kind == ProcessEventKind::adopted);
    CHECK(p.tree.take_unsure() == std::vector<int32_t>{21});
    CHECK(p.tree.find(21)->last_status == 0x200);
    p.exit(22, 22, 0x100, true);  // certainly whole
    CHECK(p.last_end()->status == 0x100);
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
    CHECK(p.changes[1].kind == ProcessEventKind::ended);
    CHECK_FALSE(p.changes[1].status);
    CHECK(p.tree.size() == 1);
}

TEST_CASE("an observation adopts and marks, but ends nobody by itself") {
    Player p;
    p.fork(1, 10, 10);
    p.look({.pid = 11, .parent_pid = 1, .started_ns = 50 * kSecond});
    CHECK(p.changes.back().kind == ProcessEventKind::adopted);
    CHECK(p.tree.find(10)->missing_since_ns == p.now);
    CHECK(p.tree.find(11)->missing_since_ns == 0);
    p.exit(10, 10, 7);  // it was only late
    CHECK(p.last_end()->status == 7);
    p.tree.end(11, {}, p.changes);
    CHECK_FALSE(p.last_end()->status);
}

TEST_CASE("an observed process is the forked one where the starts agree, and the late fork changes nothing") {
    Player p;
    const uint64_t started = p.now - 5'000'000;
    p.look({.pid = 10, .parent_pid = 1, .started_ns = started, .identity = 5});
    p.fork(1, 10, 10);
    REQUIRE(p.changes.size() == 2);
    CHECK(p.changes[1].again);  // one process, not two
    p.fork(1, 11, 11);
    p.look({.pid = 10, .parent_pid = 1, .started_ns = started, .identity = 5});
    CHECK(p.changes.size() == 3);
    p.now += 60 * kSecond;
    p.look({.pid = 10, .parent_pid = 1, .started_ns = p.now, .identity = 6});
    REQUIRE(p.changes.size() == 5);
    CHECK(p.changes[3].kind == ProcessEventKind::ended);
    CHECK(p.changes[4].kind == ProcessEventKind::adopted);
    p.now -= 30 * kSecond;
    p.exit(10, 10, 0);  // queued since before the reading: the former owner's
    CHECK(p.tree.find(10) != nullptr);
}

TEST_CASE("where its start agrees but its identity does not, it is another process") {
    Player p;
    p.look({.pid = 10, .started_ns = p.now, .identity = 5});
    p.look({.pid = 10, .started_ns = p.now + 1000, .identity = 6});
    REQUIRE(p.changes.size() == 3);
    CHECK(p.changes[1].kind == ProcessEventKind::ended);
    CHECK(p.tree.find(10)->identity == 6);
}

TEST_CASE("after doubt a leader's end is asked for: a thread whose birth was lost may live on") {
    Player p;
    p.fork(1, 10, 10);
    p.tree.see(10, true, p.changes);
    p.exit(10, 10, 0x500);
    REQUIRE(p.tree.find(10) != nullptr);
    CHECK(p.tree.take_unsure() == std::vector<int32_t>{10});
    p.exit(11, 10, 0);
    p.exit(13, 10, 0);
    CHECK(p.tree.take_unsure() == std::vector<int32_t>{10});
    p.tree.correct_threads({.pid = 10, .threads = {12}, .leader_alive = false});
    p.exit(12, 10, 0x700, true);
    CHECK(p.last_end()->status == 0x700);
}

TEST_CASE("a thread of a process that was not known makes it known, with threads that are not") {
    Player p;
    p.fork(1, 31, 30);
    CHECK(p.changes.back().kind == ProcessEventKind::adopted);
    p.exit(30, 30, 0);
    CHECK(p.tree.take_unsure() == std::vector<int32_t>{30});
    p.exec(30);  // by the other thread
    p.exit(30, 30, 0x300);
    CHECK(p.last_end()->status == 0x300);
}

TEST_CASE("an end without a status is corrected by the event that comes late") {
    Player p;
    p.fork(1, 10, 10);
    p.tree.end(10, {}, p.changes);
    p.exit(10, 10, 0x100);
    CHECK(p.last_end()->again);
    CHECK(p.last_end()->status == 0x100);
    CHECK(p.changes.size() == 3);  // and nobody is adopted for it
}

TEST_CASE("an escaped process comes back, or ends outside") {
    Player p;
    p.fork(1, 10, 10);
    p.tree.mark_escaped(10, p.changes);
    p.tree.mark_escaped(10, p.changes);
    CHECK(p.changes.size() == 2);
    p.tree.see(10, false, p.changes);
    CHECK(p.changes.back().kind == ProcessEventKind::returned);
    p.tree.mark_escaped(10, p.changes);
    p.tree.end(10, 9, p.changes);
    CHECK(p.last_end()->escaped);
}

TEST_CASE("what a process does to itself is told of the process, not of its threads") {
    Player p;
    p.fork(1, 10, 10);
    p.tree.apply({.kind = ProcEventKind::user, .pid = 11, .tgid = 10, .real_id = 1, .effective_id = 0},
                 p.changes);
    CHECK(p.changes.size() == 1);
    p.tree.apply({.kind = ProcEventKind::user, .pid = 10, .tgid = 10, .real_id = 1, .effective_id = 2},
                 p.changes);
    CHECK(p.changes.back().kind == ProcessEventKind::user);
    CHECK(p.changes.back().value == (uint64_t{1} << 32 | 2));
    p.tree.apply({.kind = ProcEventKind::comm, .pid = 10, .tgid = 10, .comm = {'a', 'b'}}, p.changes);
    CHECK(p.tree.find(10)->comm[1] == 'b');
    p.tree.apply({.kind = ProcEventKind::session, .pid = 20, .tgid = 20}, p.changes);
    CHECK(p.changes[p.changes.size() - 2].kind == ProcessEventKind::adopted);
    CHECK(p.tree.find(20) != nullptr);
}
