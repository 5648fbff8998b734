#include "xosd/session/home_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

struct Node {
    TempDir dir;
    Home home{dir.path / "homes", "physics", "user1", kTestUid, kTestUid};
    std::string path = home_path(home);

    struct stat status(const std::string& of) const {
        struct stat st{};
        REQUIRE(lstat(of.c_str(), &st) == 0);
        return st;
    }
};

}  // namespace

TEST_CASE("a home is made once, whole and its user's") {
    require_root();
    const Node node;
    REQUIRE(make_home(node.home));
    const auto st = node.status(node.path);
    CHECK((st.st_mode & 07777) == 0700);
    CHECK(st.st_uid == kTestUid);
    CHECK(st.st_gid == kTestUid);
    CHECK((node.status(fs::path(node.path).parent_path()).st_mode & 07777) == 0755);
    size_t expected = 0;
    for (const auto& entry : fs::directory_iterator("/etc/skel"))
        if (entry.is_regular_file() || entry.is_directory()) ++expected;
    size_t found = 0;
    for (const auto& entry : fs::directory_iterator(node.path)) {
        CHECK(node.status(entry.path()).st_uid == kTestUid);
        ++found;
    }
    CHECK(found == expected);

    write_file(fs::path(node.path) / "data", "kept");
    REQUIRE(make_home(node.home));
    CHECK(read_file(fs::path(node.path) / "data") == "kept");
}

TEST_CASE("what is there and not the user's is never taken over") {
    require_root();
    const Node node;
    fs::create_directories(fs::path(node.path).parent_path());
    SECTION("root's directory") {
        fs::create_directory(node.path);
    }
    SECTION("a file") {
        write_file(node.path, "");
    }
    SECTION("a symlink to a directory of the user") {
        fs::create_directory(node.dir.path / "elsewhere");
        REQUIRE(chown((node.dir.path / "elsewhere").c_str(), kTestUid, kTestUid) == 0);
        fs::create_symlink(node.dir.path / "elsewhere", node.path);
    }
    const auto made = make_home(node.home);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::conflict);
}

TEST_CASE("a place that others can write is not trusted") {
    require_root();
    const Node node;
    const fs::path vo = fs::path(node.path).parent_path();
    fs::create_directories(vo);
    SECTION("writable by a group") {
        REQUIRE(chmod(vo.c_str(), 0775) == 0);
    }
    SECTION("not root's") {
        REQUIRE(chown(vo.c_str(), kTestUid, 0) == 0);
    }
    SECTION("a symlink") {
        fs::remove(vo);
        fs::create_directory(node.dir.path / "other");
        fs::create_symlink(node.dir.path / "other", vo);
    }
    CHECK_FALSE(make_home(node.home));
    CHECK_FALSE(fs::exists(node.path));
}

TEST_CASE("what a crash left half made is begun anew") {
    require_root();
    const Node node;
    const fs::path half = fs::path(node.path).parent_path() / ".user1";
    fs::create_directories(half / "some" / "where");
    REQUIRE(make_home(node.home));
    CHECK_FALSE(fs::exists(half));
    CHECK_FALSE(fs::exists(fs::path(node.path) / "some"));
}
