// The commands of a VO's manager at a terminal, with the real xos of the build.
#include <pty.h>
#include <signal.h>
#include <termios.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>

#include "libxos/unique_fd.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// What a program at a terminal of its own says until it has said awaited, or its terminal is closed.
std::string read_until(int terminal, std::string_view awaited) {
    std::string said;
    char buffer[256];
    ssize_t got = 0;
    while (!said.contains(awaited) && (got = read(terminal, buffer, sizeof buffer)) > 0)
        said.append(buffer, static_cast<size_t>(got));
    return said;
}

}  // namespace

TEST_CASE("no file is made for a key before its passphrase is known") {
    const TempDir dir;
    const std::string key = dir.path / "vo.key";
    std::string xos = std::getenv("XOS"), option = "--key-out=" + key;
    char* const words[] = {xos.data(),
                           const_cast<char*>("vo"),
                           const_cast<char*>("create"),
                           const_cast<char*>("physics"),
                           option.data(),
                           nullptr};
    int terminal = -1;
    const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
    REQUIRE(child >= 0);
    if (child == 0) {
        execv(words[0], words);
        _exit(127);
    }
    const UniqueFd ours(terminal);
    CHECK_THAT(read_until(terminal, "passphrase of the VO key: "), ContainsSubstring("New passphrase"));
    CHECK_FALSE(std::filesystem::exists(key));
    kill(child, SIGKILL);  // other signals are held back at the prompt
    int status = 0;
    waitpid(child, &status, 0);
    CHECK_FALSE(std::filesystem::exists(key));
}
