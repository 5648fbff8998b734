// A real xos-cda that serves one test on 127.0.0.1. Process: tests only.
#pragma once

#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/unit/ssh/command.h"

namespace xos::test {

class RunningAuthority {
  public:
    TempDir dir;
    std::string state = dir.path / "state";
    std::string url, pin;

    explicit RunningAuthority(const char* vo = "physics") {
        std::filesystem::create_directory(state);
        std::filesystem::permissions(state, std::filesystem::perms::owner_all);
        REQUIRE(command({"vo", "create", vo}).status == 0);
        start("0");
        REQUIRE(command({"vo", "serve", vo, url}).status == 0);
    }
    ~RunningAuthority() { stop(); }

    CommandResult command(std::vector<std::string> words) const {
        words.insert(words.begin(), {std::getenv("XOS_CDA"), "--state", state});
        return run_command(words);
    }
    // The code that the manager hands to a new member, or to one there is.
    std::string invite(const std::string& login, bool add = true) const {
        const auto invited =
            add ? command({"member", "add", login, "--invite"}) : command({"member", "invite", login});
        INFO(invited.errors);
        REQUIRE(invited.status == 0);
        const size_t at = invited.output.find(login + ":");
        REQUIRE(at != std::string::npos);
        return invited.output.substr(at, invited.output.find_last_not_of('\n') + 1 - at);
    }
    std::string log() const { return read_file(dir.path / "log"); }

    void start(const std::string& port) {
        const std::string program = std::getenv("XOS_CDA"), listen = "127.0.0.1:" + port,
                          config = dir.path / "none";
        std::filesystem::remove(dir.path / "log");
        const std::string log_path = dir.path / "log";
        std::vector<std::string> words{program,    "--state", state,      "serve",
                                       "--listen", listen,    "--config", config};
        std::vector<char*> args;
        for (std::string& word : words) args.push_back(word.data());
        args.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 2, log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        REQUIRE(posix_spawn(&pid_, program.c_str(), &actions, nullptr, args.data(), environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
        for (int i = 0; i < 1000 && !log().contains("pin="); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const std::string said = log();
        INFO(said);
        REQUIRE(said.contains("pin="));
        const size_t at = said.find("port=") + 5, pin_at = said.find("pin=") + 4;
        url = "https://127.0.0.1:" + said.substr(at, said.find(' ', at) - at);
        pin = said.substr(pin_at, said.find_first_of(" \n", pin_at) - pin_at);
    }
    // Its exit status.
    int stop() {
        if (pid_ <= 0) return -1;
        kill(pid_, SIGTERM);
        int status = -1;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::string port() const { return url.substr(url.rfind(':') + 1); }

  private:
    pid_t pid_ = -1;
};

}  // namespace xos::test
