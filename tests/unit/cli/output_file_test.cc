#include "cli/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "libxos/unique_fd.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;

TEST_CASE("a file is replaced whole, with its mode, and nothing lies beside it") {
    const TempDir dir;
    write_file(dir.path / "f", "old");
    const UniqueFd directory(open(dir.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(replace_file(directory.get(), "f", "new", 0600));
    CHECK(read_file(dir.path / "f") == "new");
    struct stat status{};
    REQUIRE(stat((dir.path / "f").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path), {}) == 1);
}

TEST_CASE("what cannot be written leaves nothing") {
    const TempDir dir;
    std::filesystem::create_directory(dir.path / "f");
    const UniqueFd directory(open(dir.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    CHECK_FALSE(replace_file(directory.get(), "f", "new", 0600));  // a directory is in its place
    CHECK(std::distance(std::filesystem::directory_iterator(dir.path), {}) == 1);
    CHECK_FALSE(write_output(dir.path / "absent" / "f", "new"));
    CHECK_FALSE(write_output(dir.path.string() + "/", "new"));
    CHECK_FALSE(write_output("/dev/full", "new"));
}

TEST_CASE("a device is written to, not replaced") {
    REQUIRE(write_output("/dev/null", "new"));
    struct stat status{};
    REQUIRE(stat("/dev/null", &status) == 0);
    CHECK(S_ISCHR(status.st_mode));
}
