// A home whose member is gone may be hostile; where it lies may be wrong.
#include "xosd/session/home_removal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "libxos/unique_fd.h"
#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "xosd/session/home_directory.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

struct Node {
    TempDir dir;
    Home home{dir.path / "homes", "physics", "user1", kTestUid, kTestUid};
    std::string path = home_path(home);
    fs::path vo = fs::path(path).parent_path();
    fs::path outside = dir.path / "outside";

    Node() {
        require_root();
        REQUIRE(make_home(home));
        fs::create_directories(outside);
        write_file(outside / "precious", "kept");
        REQUIRE(chown(outside.c_str(), kTestUid, kTestUid) == 0);
    }
};

}  // namespace

TEST_CASE("a home goes with all that is in it, and nothing else") {
    const Node node;
    fs::create_symlink("/etc", fs::path(node.path) / "etc");
    fs::create_symlink(node.outside, fs::path(node.path) / "outside");
    REQUIRE(make_home({node.home.root, "physics", "user2", kTestUid + 1, kTestUid + 1}));
    CHECK(has_home(node.path, kTestUid) == true);
    CHECK(remove_home(node.path, kTestUid) == true);
    CHECK(has_home(node.path, kTestUid) == false);
    CHECK(remove_home(node.path, kTestUid) == false);
    CHECK(read_file(node.outside / "precious") == "kept");
    CHECK(fs::exists(node.vo / "user2"));
    CHECK(fs::exists("/etc/passwd"));
    CHECK(make_home(node.home));
}

TEST_CASE("what is not of that uid stays") {
    const Node node;
    CHECK(remove_home(node.path, kTestUid + 1) == false);
    CHECK(fs::exists(node.path));
    fs::rename(node.path, node.dir.path / "moved");
    SECTION("a symlink to a directory of the user") {
        fs::create_symlink(node.outside, node.path);
    }
    SECTION("a file") {
        write_file(node.path, "");
        REQUIRE(chown(node.path.c_str(), kTestUid, kTestUid) == 0);
    }
    CHECK(has_home(node.path, kTestUid) == false);
    CHECK(remove_home(node.path, kTestUid) == false);
    CHECK(fs::exists(fs::symlink_status(node.path)));
    CHECK(read_file(node.outside / "precious") == "kept");
}

TEST_CASE("a place that others can write is not trusted") {
    const Node node;
    SECTION("writable by others") {
        REQUIRE(chmod(node.vo.c_str(), 0777) == 0);
    }
    SECTION("not root's") {
        REQUIRE(chown(node.vo.c_str(), kTestUid, 0) == 0);
    }
    SECTION("a symlink") {
        fs::rename(node.vo, node.dir.path / "elsewhere");
        fs::create_symlink(node.dir.path / "elsewhere", node.vo);
    }
    CHECK_FALSE(has_home(node.path, kTestUid));
    CHECK_FALSE(remove_home(node.path, kTestUid));
    for (const char* path : {"", "/", "home", "/home", "/home/user1", "/a/../b/c", "/a//b"})
        CHECK_FALSE(remove_home(path, kTestUid).value_or(false));
}

TEST_CASE("an interrupted removal goes on, and a newcomer keeps his home") {
    const Node node;
    const fs::path aside = node.vo / (".#" + std::to_string(kTestUid));
    fs::rename(node.path, aside);
    REQUIRE(make_home(node.home));
    CHECK(has_home(node.path, kTestUid) == true);
    SECTION("the newcomer is another person") {
        REQUIRE(chown(node.path.c_str(), kTestUid + 1, kTestUid + 1) == 0);
        CHECK(remove_home(node.path, kTestUid) == true);
        CHECK(fs::exists(node.path));
    }
    SECTION("both are the person's") {
        CHECK(remove_home(node.path, kTestUid) == true);
        CHECK_FALSE(fs::exists(node.path));
    }
    CHECK_FALSE(fs::exists(aside));
}

TEST_CASE("other logins are not kept waiting") {
    const Node node;
    CHECK(remove_home(node.path, kTestUid) == true);
    const UniqueFd vo(open(node.vo.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(flock(vo.get(), LOCK_EX | LOCK_NB) == 0);
}
