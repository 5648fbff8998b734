#include "cli/pam_stack.h"

#include <algorithm>
#include <charconv>

#include "cli/sshd_settings.h"

namespace xos {
namespace {

constexpr size_t kDepthMax = 16;  // Linux-PAM: PAM_SUBSTACK_MAX_LEVEL
constexpr size_t kEntriesMax = 1024;

struct Line {
    std::string type;     // lower case, without the '-' of a module that may be absent; "@include"
    std::string control;  // lower case; with its brackets
    std::string module;   // or the service that is included
    std::vector<std::string> arguments;
};

// Lines that end in '\' go on in the next.
std::string join_lines(std::string_view text) {
    std::string joined(text);
    for (size_t at = 0; (at = joined.find("\\\n", at)) != std::string::npos;) joined.replace(at, 2, " ");
    return joined;
}

// A bracketed control is one word.
std::string take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const bool bracketed = text.starts_with('[');
    const size_t close = bracketed ? text.find(']') : std::string_view::npos;
    const size_t end =
        bracketed ? (close == std::string_view::npos ? text.size() : close + 1) : text.find_first_of(" \t");
    std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end, text.size()));
    return word;
}

std::vector<Line> read_lines(std::string_view text) {
    std::vector<Line> lines;
    for (const std::string& whole : split_lines(join_lines(text))) {
        std::string_view rest = std::string_view(whole).substr(0, whole.find('#'));
        Line line;
        line.type = to_lower(take_word(rest));
        if (line.type.starts_with('-')) line.type.erase(0, 1);
        if (line.type != "@include") line.control = to_lower(take_word(rest));
        line.module = take_word(rest);
        for (std::string word = take_word(rest); !word.empty(); word = take_word(rest))
            line.arguments.push_back(std::move(word));
        if (!line.module.empty()) lines.push_back(std::move(line));
    }
    return lines;
}

class Resolver {
  public:
    Resolver(const PamFiles& files, std::string_view type) : files_(files), type_(type) {}

    Outcome<void> add(const std::string& service, size_t depth, size_t level) {
        if (depth > kDepthMax)
            return failure(Errc::invalid, "PAM's files include each other without end, at {}", service);
        const auto text = files_(service);
        if (!text) return failure(Errc::not_found, "PAM has no file for {}", service);
        for (const Line& line : read_lines(*text)) {
            const bool whole = line.type == "@include";
            if (!whole && line.type != type_) continue;
            const bool substack = line.control == "substack";
            if (whole || substack || line.control == "include") {
                const auto added = add(line.module, depth + 1, level + (substack ? 1 : 0));
                if (!added) return added;
                continue;
            }
            if (entries.size() >= kEntriesMax)
                return failure(Errc::invalid, "PAM runs more than {} modules, at {}", kEntriesMax, service);
            entries.push_back({line.control, line.module.substr(line.module.rfind('/') + 1), line.arguments,
                               service, level});
        }
        return {};
    }

    std::vector<PamEntry> entries;

  private:
    const PamFiles& files_;
    std::string_view type_;
};

}  // namespace

Outcome<std::vector<PamEntry>> resolve_pam_stack(const PamFiles& files, const std::string& service,
                                                 std::string_view type) {
    Resolver resolver(files, type);
    if (auto added = resolver.add(service, 0, 0); !added) return std::unexpected(added.error());
    return std::move(resolver.entries);
}

std::string action_on(std::string_view control, std::string_view status) {
    if (!control.starts_with('[')) {
        const bool success = status == "success" || status == "new_authtok_reqd";
        if (control == "requisite") return success ? "ok" : "die";
        if (control == "required") return success ? "ok" : "bad";
        if (control == "sufficient") return success ? "done" : "ignore";
        return success ? "ok" : "ignore";
    }
    std::string action = "bad";  // of what is not written
    for (const std::string& word : split_words(control.substr(1, control.find(']') - 1))) {
        const size_t equals = std::min(word.find('='), word.size());
        const std::string_view name = std::string_view(word).substr(0, equals);
        const std::string value = equals == word.size() ? "" : word.substr(equals + 1);
        if (name == status) return value;
        if (name == "default") action = value;
    }
    return action;
}

std::pair<size_t, size_t> skipped_after(const std::vector<PamEntry>& entries, size_t at) {
    const std::string action = action_on(entries[at].control, "success");
    const size_t level = entries[at].level;
    size_t end = at + 1;
    const auto is_inside = [&] { return end < entries.size() && entries[end].level >= level; };
    if (action == "done" || action == "die") {
        while (is_inside()) ++end;
        return {at + 1, end};
    }
    size_t jump = 0;
    std::from_chars(action.data(), action.data() + action.size(), jump);
    for (; jump > 0 && is_inside(); --jump) {
        ++end;
        // a substack counts as one
        if (entries[end - 1].level > level)
            while (end < entries.size() && entries[end].level > level) ++end;
    }
    return {at + 1, end};
}

}  // namespace xos
