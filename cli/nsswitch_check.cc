#include "cli/nsswitch_check.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

namespace xos {
namespace {

// A source, or the actions in brackets behind one.
struct Word {
    bool actions = false;
    std::string text;
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::vector<Word> split_words(std::string_view text) {
    std::vector<Word> words;
    for (size_t at = 0; at < text.size();) {
        if (std::isspace(static_cast<unsigned char>(text[at])) != 0) {
            ++at;
            continue;
        }
        const bool actions = text[at] == '[';
        const size_t end = actions ? std::min(text.find(']', at), text.size())
                                   : std::min(text.find_first_of(" \t\r[", at), text.size());
        words.push_back({actions, actions ? lower(text.substr(at + 1, end - at - 1))
                                          : std::string(text.substr(at, end - at))});
        at = actions ? end + 1 : end;
    }
    return words;
}

// The words of the line of database; nothing where there is no such line.
std::optional<std::vector<Word>> find_line(std::string_view text, std::string_view database) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line = line.substr(0, line.find('#'));
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (!line.starts_with(database)) continue;
        line.remove_prefix(database.size());
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.starts_with(':')) return split_words(line.substr(1));
    }
    return std::nullopt;
}

// Of one status = action: whether it keeps the sources behind it from being asked for a name that the one
// before does not have, or while that one is away. "!status" is every other status.
bool ends_search(std::string_view status, std::string_view action) {
    if (action != "return") return false;
    const bool negated = status.starts_with('!');
    if (negated) status.remove_prefix(1);
    return negated || status != "success";
}

bool ends_search(const Word& actions) {
    std::string_view text = actions.text;
    while (!text.empty()) {
        const size_t equals = text.find('=');
        if (equals == std::string_view::npos) return false;
        std::string_view status = text.substr(0, equals);
        text.remove_prefix(equals + 1);
        while (status.starts_with(' ') || status.starts_with('\t')) status.remove_prefix(1);
        while (status.ends_with(' ') || status.ends_with('\t')) status.remove_suffix(1);
        while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
        const size_t end = std::min(text.find_first_of(" \t"), text.size());
        if (ends_search(status, text.substr(0, end))) return true;
        text.remove_prefix(end);
    }
    return false;
}

void check_order(const std::string& database, const std::vector<Word>& words,
                 std::vector<Word>::const_iterator ours, Findings& findings) {
    const auto stands_before = [&](std::string_view source) {
        return std::find_if(words.begin(), ours,
                            [&](const Word& word) { return !word.actions && word.text == source; }) != ours;
    };
    const std::string conf = "/etc/nsswitch.conf";
    bool sound = true;
    const auto say_wrong = [&](std::string what, std::string advice) {
        sound = false;
        wrong(findings, std::move(what), std::move(advice));
    };
    for (auto word = words.begin(); word != ours; ++word)
        if (word->actions && ends_search(*word))
            say_wrong(compose("{}: [{}] stands before xos: what is asked for may never reach it", database,
                              word->text),
                      compose("in {}, put xos before that, or take the brackets away", conf));
    // "compat" reads the same files
    if (!stands_before("files") && !stands_before("compat"))
        say_wrong(compose("{}: files does not stand before xos: local users must come first", database),
                  compose("in {}, put xos behind files", conf));
    if (stands_before("systemd"))
        note(findings,
             compose("{}: systemd stands before xos: every look-up of a member asks its services first",
                     database),
             compose("in {}, put xos before systemd", conf));
    if (sound) good(findings, compose("{}: xos is asked", database));
}

}  // namespace

void check_nsswitch(std::string_view text, Findings& findings) {
    for (const std::string database : {"passwd", "group", "initgroups"}) {
        const auto words = find_line(text, database);
        if (!words && database == "initgroups") continue;  // the line of group counts
        const auto ours =
            words ? std::ranges::find_if(*words,
                                         [](const Word& word) { return !word.actions && word.text == "xos"; })
                  : std::vector<Word>::const_iterator();
        if (words && ours != words->end()) {
            check_order(database, *words, ours, findings);
            continue;
        }
        wrong(findings, compose("{}: xos is not among the sources: no program knows VO users", database),
              database == "initgroups"
                  ? "in /etc/nsswitch.conf, write xos behind files in the line of initgroups, or remove that "
                    "line"
                  : compose("in /etc/nsswitch.conf, write xos behind files in the line of {}", database));
    }
}

void check_nss_modules(const std::string& root, Findings& findings) {
    namespace fs = std::filesystem;
    std::error_code error;
    size_t present = 0;
    const fs::path libraries = root + "/usr/lib";
    std::vector<std::string> names;
    for (fs::directory_iterator at(libraries, error), end; !error && at != end; at.increment(error))
        names.push_back(at->path().filename().string());
    std::ranges::sort(names);
    for (const std::string& name : names) {
        std::error_code ignored;
        if (!fs::exists(libraries / name / "libc.so.6", ignored)) continue;
        if (fs::exists(libraries / name / "libnss_xos.so.2", ignored)) {
            ++present;
            continue;
        }
        wrong(findings,
              compose(
                  "{} has a C library and no libnss_xos.so.2: programs of that architecture know no VO users",
                  (libraries / name).string()),
              "install libnss-xos of that architecture, such as libnss-xos:i386");
    }
    if (present != 0) good(findings, compose("libnss_xos.so.2 lies beside {} C libraries", present));
}

}  // namespace xos
