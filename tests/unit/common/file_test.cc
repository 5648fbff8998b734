#include "common/file.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/unit/ssh/command.h"

namespace fs = std::filesystem;
using xos::Errc;
using xos::read_file;
using xos::write_file_atomically;
using xos::test::TempDir;

TEST_CASE("a file is written whole, with its mode, and nothing is left beside it") {
    const TempDir dir;
    const std::string path = dir.path / "file";
    REQUIRE(write_file_atomically(path, std::string(100'000, 'a'), 0644));
    CHECK(read_file(path, 100'000)->size() == 100'000);
    REQUIRE(write_file_atomically(path, "short", 0600));
    CHECK(*read_file(path, 100) == "short");
    struct stat st{};
    REQUIRE(stat(path.c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK(std::distance(fs::directory_iterator(dir.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a file that cannot be put in place leaves what was there") {
    const TempDir dir;
    fs::create_directories(dir.path / "taken" / "inside");
    CHECK_FALSE(write_file_atomically(dir.path / "taken", "x", 0600));
    CHECK(fs::is_directory(dir.path / "taken" / "inside"));
    CHECK(std::distance(fs::directory_iterator(dir.path), fs::directory_iterator()) == 1);
    CHECK_FALSE(write_file_atomically(dir.path / "absent" / "file", "x", 0600));
}

TEST_CASE("reading has a cap and tells absence apart") {
    const TempDir dir;
    const std::string path = dir.path / "file";
    REQUIRE(write_file_atomically(path, "12345", 0600));
    CHECK(*read_file(path, 5) == "12345");
    CHECK(read_file(path, 4).error().code == Errc::invalid);
    CHECK(read_file("/dev/zero", 1000).error().code == Errc::invalid);
    CHECK(read_file(dir.path / "absent", 5).error().code == Errc::not_found);
    CHECK(read_file(dir.path, 5).error().code == Errc::system);
}
