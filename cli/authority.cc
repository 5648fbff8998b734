// The commands of a VO's manager: xos parses the words and opens the files, the authority (xos-cda) does the
// work.
#include <fcntl.h>

#include <memory>

#include "cli/authority_commands.h"
#include "cli/authority_program.h"
#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/passphrase.h"

namespace xos {
namespace {

constexpr int kFilesMax = 16;

// The values of one command's words, in the order of the table's entry.
struct Values {
    std::vector<std::string> arguments;
    std::string optional;
    std::string input = "-";
    std::string output = "-";
    std::vector<std::vector<std::string>> texts;  // of each option, but flags
    std::unique_ptr<bool[]> flags;
};

std::string passed_name(const AuthorityOption& option) {
    return option.passed_as ? option.passed_as : option.name;
}

std::vector<std::string> split_words(std::string_view text) {
    const size_t space = text.find(' ');
    return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

Outcome<UniqueFd> make_new_file(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd && errno == EEXIST)
        return failure(Errc::exists, "{} exists already: a key never replaces a file", path);
    if (!fd) return failure_errno(errno, "cannot make {}", path);
    return fd;
}

// Whether the authority needs a passphrase for one of the files that are given.
bool uses_key(const AuthorityCommand& entry, const Values& values, bool new_key) {
    for (size_t i = 0; i < entry.options.size(); ++i)
        if (entry.options[i].kind == (new_key ? OptionKind::new_file : OptionKind::input) &&
            (new_key || std::string_view(entry.options[i].name) == "--key") && !values.texts[i].empty())
            return true;
    return false;
}

Outcome<void> add_passphrase(const AuthorityCommand& entry, const Values& values, size_t index,
                             AuthorityCall& call) {
    const bool new_key = uses_key(entry, values, true);
    if (!new_key && !uses_key(entry, values, false)) return {};
    auto fd = values.texts[index].empty() ? ask_passphrase(new_key) : open_input(values.texts[index].back());
    if (!fd) return std::unexpected(fd.error());
    call.files.push_back({entry.options[index].name, *std::move(fd)});
    return {};
}

Outcome<void> add_option(const AuthorityCommand& entry, const Values& values, size_t index,
                         AuthorityCall& call) {
    const AuthorityOption& option = entry.options[index];
    if (option.kind == OptionKind::flag && values.flags[index]) call.words.emplace_back(option.name);
    if (option.kind == OptionKind::passphrase) return add_passphrase(entry, values, index, call);
    for (const std::string& value : values.texts[index]) {
        if (option.kind == OptionKind::text) {
            call.words.push_back(std::string(option.name) + "=" + value);
            continue;
        }
        auto fd = option.kind == OptionKind::new_file ? make_new_file(value) : open_input(value);
        if (!fd) return std::unexpected(fd.error());
        call.files.push_back({passed_name(option), *std::move(fd)});
        if (option.kind == OptionKind::new_file) call.made.push_back(value);
    }
    return {};
}

// The same words again, but for the files, which the authority gets opened.
Outcome<int> run(const AuthorityCommand& entry, const Values& values) {
    AuthorityCall call{.words = split_words(entry.words), .input = {}, .output = {}};
    call.words.insert(call.words.end(), values.arguments.begin(), values.arguments.end());
    if (!values.optional.empty()) call.words.push_back(values.optional);
    // new files last: who ends the command at the question for the passphrase leaves none behind
    for (const bool new_files : {false, true})
        for (size_t i = 0; i < entry.options.size(); ++i) {
            if ((entry.options[i].kind == OptionKind::new_file) != new_files) continue;
            if (auto added = add_option(entry, values, i, call); !added) {
                remove_unused(call);
                return std::unexpected(added.error());
            }
        }
    if (values.input != "-") call.input = values.input;
    if (values.output != "-") call.output = values.output;
    return run_authority(call);
}

void declare(CommandTable& table, const AuthorityCommand& entry) {
    const auto values = std::make_shared<Values>();
    values->arguments.resize(entry.arguments.size());
    values->texts.resize(entry.options.size());
    values->flags = std::make_unique<bool[]>(entry.options.size());
    Command command = table.add(entry.words, std::string(entry.description) + " (at the authority)",
                                [&entry, values] { return run(entry, *values); });
    for (size_t i = 0; i < entry.arguments.size(); ++i)
        command.required(entry.arguments[i], values->arguments[i], "");
    if (entry.optional) command.optional(entry.optional, values->optional, "");
    if (entry.input) command.optional(entry.input, values->input, "file; - (the default) is standard input");
    if (entry.output)
        command.option("-o,--output", values->output,
                       compose("file for {}; - (the default) is standard output", entry.output));
    for (size_t i = 0; i < entry.options.size(); ++i) {
        const AuthorityOption& option = entry.options[i];
        if (option.kind == OptionKind::flag)
            command.flag(option.name, values->flags[i], option.description);
        else if (option.kind == OptionKind::words)
            command.several("FILE", values->texts[i], kFilesMax);
        else
            command.option(option.name, values->texts[i], option.description);
    }
}

}  // namespace

void add_authority_commands(CommandTable& table) {
    for (const AuthorityCommand& entry : authority_commands()) declare(table, entry);
}

}  // namespace xos
