#include "connector_agent/proc_stat.h"

#include <charconv>

namespace xos {
namespace {

template <typename T>
bool read_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

// Takes the next word, up to a space, tab or line end.
std::string_view take_word(std::string_view& rest) {
    const size_t begin = rest.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return rest = {};
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t\n"));
    rest.remove_prefix(word.size());
    return word;
}

// The text behind "key:" at the beginning of a line, up to its end.
std::optional<std::string_view> find_line(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (line.starts_with(key)) return line.substr(key.size());
        text.remove_prefix(line.size());
        if (!text.empty()) text.remove_prefix(1);
    }
    return std::nullopt;
}

}  // namespace

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
    // the name may hold anything, also ") R 1": the last bracket is the kernel's
    const size_t open = text.find('(');
    const size_t close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return std::nullopt;
    ProcStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    std::string_view rest = text.substr(close + 1);
    const std::string_view state = take_word(rest);
    if (state.size() != 1) return std::nullopt;
    stat.state = state[0];
    uint64_t user_ticks = 0;
    uint64_t system_ticks = 0;
    constexpr int kParent = 4, kUser = 14, kSystem = 15, kThreads = 20, kStart = 22, kResident = 24;
    for (int field = kParent; field <= kResident; ++field) {
        const std::string_view word = take_word(rest);
        bool good = !word.empty();
        if (field == kParent) good = read_number(word, stat.parent_pid);
        if (field == kUser) good = read_number(word, user_ticks);
        if (field == kSystem) good = read_number(word, system_ticks);
        if (field == kThreads) good = read_number(word, stat.threads);
        if (field == kStart) good = read_number(word, stat.start_ticks);
        if (field == kResident) good = read_number(word, stat.resident_pages);
        if (!good) return std::nullopt;
    }
    stat.cpu_ticks = user_ticks + system_ticks;
    return stat;
}

std::optional<ProcStatus> parse_proc_status(std::string_view text) {
    ProcStatus status;
    auto uids = find_line(text, "Uid:");
    if (!uids || !read_number(take_word(*uids), status.uid)) return std::nullopt;
    auto pids = find_line(text, "NSpid:");
    if (!pids) return status;
    for (std::string_view word = take_word(*pids); !word.empty(); word = take_word(*pids))
        if (!read_number(word, status.container_pid)) return std::nullopt;
    return status;
}

std::optional<std::string_view> parse_proc_cgroup(std::string_view text) {
    auto path = find_line(text, "0::");
    if (!path || !path->starts_with('/')) return std::nullopt;
    constexpr std::string_view kDeleted = " (deleted)";
    if (path->ends_with(kDeleted)) path->remove_suffix(kDeleted.size());
    return path;
}

std::string join_command_line(std::string_view nul_separated, size_t limit) {
    while (!nul_separated.empty() && nul_separated.back() == '\0') nul_separated.remove_suffix(1);
    std::string line(nul_separated.substr(0, limit));
    for (char& c : line)
        if (c == '\0') c = ' ';
    return line;
}

}  // namespace xos
