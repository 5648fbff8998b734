// The commands of a VO's manager: xos parses the words and opens the files, the authority (xos-cda) does the
// work.
#include <array>
#include <memory>

#include "cli/authority_program.h"
#include "cli/commands.h"

namespace xos {
namespace {

struct AuthorityOption {
    const char* name;  // nullptr ends the list
    const char* description;
};

struct AuthorityCommand {
    const char* words;
    const char* description;
    const char* argument;  // nullptr where it takes none
    const char* input;     // what is read from a file or standard input; nullptr for nothing
    const char* output;    // what -o writes; nullptr for nothing
    std::array<AuthorityOption, 2> options;
    AuthorityOption flag = {};  // takes no value
};

constexpr AuthorityCommand kAuthorityCommands[] = {
    {"vo create",
     "Create a VO, its keys and its CA",
     "VO",
     nullptr,
     nullptr,
     {{{"--uid-base", "first uid of its block, hexadecimal"}, {"--lifetime", "days until it ends"}}}},
    {"vo show", "Show a VO of this authority and its fingerprint", "VO", nullptr, nullptr, {}},
    {"vo list", "List the VOs of this authority", nullptr, nullptr, nullptr, {}},
    {"vo export",
     "Write the signed bundle that nodes need",
     "VO",
     nullptr,
     "the bundle",
     {{{"--since", "only what changed since this serial"}}},
     {"--zstd", "compressed, for a web server"}},
    {"member add",
     "Admit a member",
     "LOGIN",
     nullptr,
     nullptr,
     {{{"--group", "a group; may be repeated"}, {"--role", "a role; may be repeated"}}}},
    {"member remove", "End a membership", "LOGIN", nullptr, nullptr, {}},
    {"member suspend", "Shut a member out for a time", "LOGIN", nullptr, nullptr, {}},
    {"member resume", "Let a suspended member in again", "LOGIN", nullptr, nullptr, {}},
    {"member list", "List the members of a VO", "VO", nullptr, nullptr, {}},
    {"credential issue",
     "Certify a member's request",
     "LOGIN",
     "REQUEST",
     "the credential",
     {{{"--lifetime", "how long the credential is valid: 12h, 30m, 90s"}}}},
    {"credential revoke", "End a credential before its time", "SERIAL", nullptr, nullptr, {}},
    {"policy set", "Set the policy of a VO", "VO", "POLICY", nullptr, {}},
};

struct Values {
    std::string argument;
    std::string input = "-";
    std::string output = "-";
    std::array<std::vector<std::string>, 2> options;
    bool flag = false;
};

std::vector<std::string> split_words(std::string_view text) {
    const size_t space = text.find(' ');
    return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

// The same words again, but for the files, which the authority gets opened.
AuthorityCall make_call(const AuthorityCommand& entry, const Values& values) {
    AuthorityCall call{.words = split_words(entry.words), .input = {}, .output = {}};
    if (entry.argument) call.words.push_back(values.argument);
    for (size_t i = 0; i < entry.options.size(); ++i)
        for (const std::string& value : values.options[i])
            call.words.push_back(std::string(entry.options[i].name) + "=" + value);
    if (values.flag) call.words.push_back(entry.flag.name);
    if (values.input != "-") call.input = values.input;
    if (values.output != "-") call.output = values.output;
    return call;
}

}  // namespace

void add_authority_commands(CommandTable& table) {
    for (const AuthorityCommand& entry : kAuthorityCommands) {
        const auto values = std::make_shared<Values>();
        Command command = table.add(entry.words, std::string(entry.description) + " (at the authority)",
                                    [&entry, values] { return run_authority(make_call(entry, *values)); });
        if (entry.argument) command.required(entry.argument, values->argument, "");
        if (entry.input)
            command.optional(entry.input, values->input, "file; - (the default) is standard input");
        if (entry.output)
            command.option("-o,--output", values->output,
                           compose("file for {}; - (the default) is standard output", entry.output));
        for (size_t i = 0; i < entry.options.size() && entry.options[i].name; ++i)
            command.option(entry.options[i].name, values->options[i], entry.options[i].description);
        if (entry.flag.name) command.flag(entry.flag.name, values->flag, entry.flag.description);
    }
}

}  // namespace xos
