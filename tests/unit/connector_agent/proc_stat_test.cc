#include "connector_agent/proc_stat.h"

#include <catch2/catch_test_macros.hpp>

#include "connector_agent/resync.h"

using namespace xos;

TEST_CASE("a process cannot forge its stat by its name") {
    const auto stat = parse_proc_stat(
        "77 (a) R 1 (b) S 5 77 77 0 -1 4194304 10 0 0 0 12 30 0 0 20 0 3 0 98765 1000 10 184 1 1 0 0 0 0 0 0 "
        "0 0 0\n");
    REQUIRE(stat);
    CHECK(stat->comm == "a) R 1 (b");
    CHECK(stat->state == 'S');
    CHECK(stat->parent_pid == 5);
    CHECK(stat->cpu_ticks == 42);
    CHECK(stat->threads == 3);
    CHECK(stat->start_ticks == 98765);
    for (const char* bad : {"", "1", "1 (a", "1 )a(", "1 (a) ", "1 (a) S", "1 (a) S x", "1 (a) SS 1"})
        CHECK_FALSE(parse_proc_stat(bad));
}

TEST_CASE("status, cgroup and command line") {
    const auto status = parse_proc_status("Name:\tUid:\nUid:\t1000\t0\t0\t0\nNSpid:\t4711\t12\t1\n");
    REQUIRE(status);
    CHECK(status->uid == 1000);
    CHECK(status->container_pid == 1);
    CHECK_FALSE(parse_proc_status("Name:\tx\n"));
    CHECK(parse_proc_cgroup("9:pids:/x\n0::/a/b\n") == "/a/b");
    CHECK(parse_proc_cgroup("0::/a/b (deleted)\n") == "/a/b");
    CHECK_FALSE(parse_proc_cgroup("9:pids:/x\n"));
    CHECK(join_command_line(std::string_view("a\0b\0\0", 5), 10) == "a b");
    CHECK(join_command_line("abcdef", 3) == "abc");
    CHECK(is_inside("/a/b/c", "/a/b"));
    CHECK(is_inside("/a/b", "/a/b"));
    CHECK_FALSE(is_inside("/a/bc", "/a/b"));
}
