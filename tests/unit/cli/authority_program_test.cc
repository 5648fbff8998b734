#include "cli/authority_program.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>

#include "libxos/unique_fd.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the authority's input and output are files of the caller") {
    const TempDir dir;
    write_file(dir.path / "in", "the request");
    const std::string out = dir.path / "out";
    CHECK(run_authority({.words = {}, .input = dir.path / "in", .output = out}, "/bin/cat") == 0);
    CHECK(read_file(out) == "the request");
}

TEST_CASE("a failing authority leaves the old output and nothing else") {
    const TempDir dir;
    const std::string out = dir.path / "out";
    write_file(out, "old");
    CHECK(run_authority({.words = {}, .input = {}, .output = out}, "/bin/false") == 1);
    // it wrote something, but not all of it was there
    CHECK(run_authority({.words = {"/nonexistent", "/etc/hostname"}, .input = "/dev/null", .output = out},
                        "/bin/cat") == 1);
    CHECK_FALSE(
        run_authority({.words = {}, .input = "/dev/null", .output = out}, "/bin/cat"));  // nothing written
    CHECK(read_file(out) == "old");
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path), {}) == 1);
    CHECK_FALSE(run_authority({.words = {}, .input = dir.path / "absent", .output = {}}, "/bin/cat"));
    CHECK_FALSE(run_authority({.words = {}, .input = dir.path / "absent", .output = "/nonexistent/out"},
                              "/bin/true"));
}

TEST_CASE("the authority sees a clean environment, no shell and no descriptor of the caller") {
    const TempDir dir;
    const std::string out = dir.path / "out";
    setenv("XOS_TEST_SECRET", "secret", 1);
    setenv("LD_LIBRARY_PATH_TEST", "x", 1);
    REQUIRE(run_authority({.words = {}, .input = {}, .output = out}, "/usr/bin/env") == 0);
    CHECK_THAT(read_file(out), ContainsSubstring("PATH=/usr/sbin:/usr/bin:/sbin:/bin") &&
                                   !ContainsSubstring("XOS_TEST_SECRET") && !ContainsSubstring("LD_"));
    REQUIRE(run_authority({.words = {"$(id)", ";", "*"}, .input = {}, .output = out}, "/bin/echo") == 0);
    CHECK(read_file(out) == "$(id) ; *\n");
    const UniqueFd inherited(dup(1));
    REQUIRE(run_authority({.words = {"/proc/self/fd"}, .input = {}, .output = out}, "/bin/ls") == 0);
    CHECK(read_file(out) == "0\n1\n2\n3\n");  // 3 is the directory that ls reads
}

TEST_CASE("files of the caller get to the authority as descriptors, whatever their numbers here") {
    const TempDir dir;
    AuthorityCall call{.words = {"{print}"}, .input = {}, .output = dir.path / "out"};
    std::string expected;
    for (int i = 0; i < 20; ++i) {
        const std::string path = dir.path / std::to_string(i);
        write_file(path, std::to_string(i) + "\n");
        call.files.push_back({"file", UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC))});
    }
    // so that what is to be 3 in the child is 22 or so here, and the other way round
    std::ranges::reverse(call.files);
    for (int i = 0; i < 20; ++i) {
        call.words.push_back("/proc/self/fd/" + std::to_string(3 + i));
        expected += std::to_string(19 - i) + "\n";
    }
    // awk(1) takes a word "file=3" for an assignment
    REQUIRE(run_authority(call, "/usr/bin/awk") == 0);
    CHECK(read_file(call.output) == expected);
}

TEST_CASE("of files made for a failed call only the empty ones go") {
    const TempDir dir;
    const std::string empty = dir.path / "empty", key = dir.path / "key";
    write_file(empty, "");
    write_file(key, "the only copy");
    AuthorityCall call{.words = {}, .input = "/dev/null", .output = {}};
    call.made = {empty, key};
    CHECK(run_authority(call, "/bin/false") == 1);
    CHECK_FALSE(std::filesystem::exists(empty));
    CHECK(read_file(key) == "the only copy");
}

TEST_CASE("a machine without an authority says so") {
    const auto status =
        run_authority({.words = {"vo", "show"}, .input = {}, .output = {}}, "/nonexistent/xos-cda");
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::not_found);
    CHECK_THAT(status.error().message, ContainsSubstring("this machine is not an authority"));
}
