// A user's desk: a home directory and a real ssh agent, with the real xos of the build. Process: tests only.
#pragma once

#include <cstdlib>

#include "tests/unit/ssh/command.h"
#include "tests/unit/ssh/real_agent.h"

namespace xos::test {

struct Desk {
    TempDir home;
    RealAgent agent;
    std::filesystem::path folder = home.path / ".config/xos/physics";

    CommandResult xos(std::vector<std::string> words, const std::string& input = "",
                      bool with_agent = true) const {
        words.insert(words.begin(), std::getenv("XOS"));
        std::vector<std::string> environment{"HOME=" + home.path.string(), "TZ=UTC"};
        if (with_agent) environment.push_back(agent.variable());
        return run_command(words, environment, input);
    }
    std::string credential() const { return read_file(folder / "user1.pem"); }
    std::string loaded() const { return agent.ssh_add("-l").output; }
};

}  // namespace xos::test
