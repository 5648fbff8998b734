// The table of subcommands of xos: who adds one needs this header, one source file, and a line in commands.h.
//
// Owns: the words of a command line and which function they run. Process: the xos command.
// Trusts: nothing; words are parsed strictly, and nothing runs before all of them are understood.
// CLI11 stays behind this header: it is large, and one source file that includes it is enough.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace CLI {
class App;
}

namespace xos {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// The words that one command takes. Each value keeps what it holds where its word is not given; it outlives
// the parse.
class Command {
  public:
    Command& required(const std::string& name, std::string& value, const std::string& description);
    Command& optional(const std::string& name, std::string& value, const std::string& description);
    // One word or more, up to max.
    Command& several(const std::string& name, std::vector<std::string>& values, int max);
    // names as in "-o,--output". A string, a number, or one that may be repeated.
    Command& option(const std::string& names, std::string& value, const std::string& description);
    Command& option(const std::string& names, uint64_t& value, const std::string& description);
    Command& option(const std::string& names, std::vector<std::string>& values,
                    const std::string& description);
    Command& flag(const std::string& names, bool& value, const std::string& description);
    // From the first word that is not declared here, everything that follows, options of this command or not.
    Command& rest(std::vector<std::string>& words);

  private:
    friend class CommandTable;
    explicit Command(CLI::App& app) : app_(&app) {}
    CLI::App* app_;  // borrowed from the table
};

class CommandTable {
  public:
    // What a command answers is the exit status of xos; a Failure is told on stderr and is kExitFailure.
    using Run = std::function<Outcome<int>()>;

    CommandTable();
    ~CommandTable();
    CommandTable(const CommandTable&) = delete;
    CommandTable& operator=(const CommandTable&) = delete;

    // Adds the command words ("login", "vo trust", "vo issuer add"); the caller declares its words on the
    // answer. run is called at most once, after everything is parsed: what it captures holds the values.
    Command add(std::string_view words, const std::string& description, Run run);

    // Parses and runs: kExitUsage where the words are not understood.
    int run(int argc, char** argv);

  private:
    CLI::App& group(const std::string& words);

    std::unique_ptr<CLI::App> app_;
    std::map<std::string, CLI::App*> groups_;  // borrowed from app_
    Run chosen_;
};

}  // namespace xos
