// What a stranger's tree may hold to lead its removal astray, or to outlast it.
#include "xosd/container/tree_removal.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/generators/catch_generators.hpp>
#include <filesystem>

#include "tests/unit/session/as_root.h"
#include "tests/unit/ssh/command.h"
#include "xosd/container/layer.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

struct Place {
    TempDir dir;
    fs::path tree = dir.path / "tree", outside = dir.path / "outside";
    UniqueFd parent{open(dir.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    Place() {
        fs::create_directories(tree);
        fs::create_directories(outside / "deep");
        write_file(outside / "precious", "kept");
        write_file(outside / "deep" / "file", "kept");
    }
    Outcome<void> remove() { return remove_directory(parent.get(), "tree", tree.string()); }
    bool outside_is_whole() const {
        return read_file(outside / "precious") == "kept" && read_file(outside / "deep" / "file") == "kept";
    }
};

// A chain of directories, each in the one before, with a file in each; paths of any length.
void make_deep(const fs::path& top, int levels) {
    UniqueFd at(open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int level = 0; level < levels; ++level) {
        REQUIRE(mkdirat(at.get(), "d", 0700) == 0);
        const UniqueFd file(openat(at.get(), "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        UniqueFd next(openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(next);
        at = std::move(next);
    }
}

// FS_IOC_SETFLAGS of the file, where the file system has it.
bool set_flags(const fs::path& path, int flags) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

}  // namespace

TEST_CASE("an ordinary tree goes, an absent one is no fault") {
    Place place;
    fs::create_directories(place.tree / "a" / "b" / "c");
    write_file(place.tree / "a" / "b" / "file", "x");
    REQUIRE(mkfifo((place.tree / "fifo").c_str(), 0600) == 0);
    fs::create_directories(place.tree / "empty");
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
    CHECK(place.remove());
    CHECK(place.outside_is_whole());
}

TEST_CASE("symlinks and hard links lead nowhere") {
    Place place;
    fs::create_directories(place.tree / "a" / "b");
    for (const fs::path& at : {place.tree, place.tree / "a", place.tree / "a" / "b"}) {
        fs::create_symlink(place.outside, at / "absolute");
        fs::create_symlink("../../../outside", at / "relative");
        fs::create_symlink("/etc", at / "etc");
        fs::create_symlink(".", at / "self");
        fs::create_hard_link(place.outside / "precious", at / "hard");
    }
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
    CHECK(place.outside_is_whole());
    SECTION("nor does one in the place of the tree") {
        fs::create_symlink(place.outside, place.tree);
        CHECK_FALSE(place.remove());
        CHECK(place.outside_is_whole());
    }
}

TEST_CASE("no tree is too deep") {
    Place place;
    make_deep(place.tree, 5000);  // a path of more than PATH_MAX, and more levels than descriptors
    rlimit few{64, 64}, old{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
    few.rlim_max = old.rlim_max;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const auto removed = place.remove();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
    REQUIRE(removed);
    CHECK_FALSE(fs::exists(place.tree));
}

TEST_CASE("a layer that is too deep for its path goes too") {
    Place place;
    make_deep(place.tree, 5000);
    REQUIRE(remove_layer(place.tree));
    CHECK_FALSE(fs::exists(place.tree));
    CHECK(remove_layer(place.tree));
}

TEST_CASE("names of any kind") {
    Place place;
    const std::string longest(255, 'n');
    for (const std::string& name : {longest, std::string("#0"), std::string("#1"), std::string("a\nb"),
                                    std::string("\xff\xfe"), std::string(" "), std::string("-rf")}) {
        fs::create_directories(place.tree / name / name / name);
        write_file(place.tree / name / "#2", "x");
    }
    write_file(place.tree / "#3", "x");
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
}

TEST_CASE("a removal that was interrupted goes on") {
    Place place;
    make_deep(place.tree, 200);
    fs::rename(place.tree / "d" / "d", place.tree / "#0");
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
}

TEST_CASE("what cannot be removed is named, all the rest goes") {
    require_root();
    Place place;
    fs::create_directories(place.tree / "a" / "b");
    fs::create_directories(place.tree / "other" / "dir");
    write_file(place.tree / "a" / "b" / "pinned", "x");
    write_file(place.tree / "other" / "file", "x");
    const bool directory = GENERATE(false, true);
    const fs::path pinned = directory ? place.tree / "a" / "b" : place.tree / "a" / "b" / "pinned";
    if (!set_flags(pinned, FS_IMMUTABLE_FL)) skip_test("this file system knows no immutable files");
    const auto removed = place.remove();
    REQUIRE_FALSE(removed);
    CHECK(removed.error().code == Errc::conflict);
    CHECK(removed.error().message.contains("immutable"));
    CHECK(removed.error().message.contains("chattr"));
    CHECK_FALSE(fs::exists(place.tree / "other"));
    size_t left = 0;
    for (const auto& entry : fs::recursive_directory_iterator(place.tree)) {
        if (entry.path().filename() == "pinned") ++left;
        (void)set_flags(entry.path(), 0);
    }
    CHECK(left == 1);
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
}

TEST_CASE("a mount in the tree is not crossed") {
    require_root();
    Place place;
    fs::create_directories(place.tree / "a" / "mnt" / "below");
    write_file(place.tree / "a" / "file", "x");
    const fs::path at = GENERATE(false, true) ? place.tree / "a" / "mnt" : place.tree / "a";
    // in a child: the mount is of a namespace of its own
    const pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount(place.outside.c_str(), at.c_str(), nullptr, MS_BIND, nullptr) != 0)
            _exit(77);
        const auto removed = place.remove();
        const bool told = !removed && removed.error().message.contains("mounted");
        _exit(told && place.outside_is_whole() ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WEXITSTATUS(status) == 77) skip_test("mounts are not allowed here");
    CHECK(status == 0);
    CHECK(place.outside_is_whole());
    REQUIRE(place.remove());
    CHECK_FALSE(fs::exists(place.tree));
}
