#include "cli/sshd_settings.h"

#include <algorithm>
#include <cctype>

namespace xos {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

}  // namespace

std::string to_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
        if (line.empty() || line.front() == '#') continue;
        lines.emplace_back(line.substr(0, line.find_last_not_of(kBlanks) + 1));
    }
    return lines;
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
        if (text.empty()) return words;
        const bool quoted = text.front() == '"';
        if (quoted) text.remove_prefix(1);
        const size_t end = std::min(quoted ? text.find('"') : text.find_first_of(kBlanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

SshdSettings SshdSettings::parse(std::string_view text) {
    SshdSettings settings;
    for (const std::string& line : split_lines(text)) {
        const size_t blank = line.find_first_of(kBlanks);
        if (blank == std::string::npos) continue;
        settings.lines_.push_back(
            {to_lower(line.substr(0, blank)), line.substr(line.find_first_not_of(kBlanks, blank))});
    }
    return settings;
}

std::string SshdSettings::value(std::string_view keyword) const {
    const auto line = std::ranges::find(lines_, keyword, &Line::keyword);
    return line == lines_.end() ? "" : line->value;
}

std::vector<std::string> SshdSettings::words(std::string_view keyword) const {
    std::vector<std::string> all;
    for (const Line& line : lines_) {
        if (line.keyword != keyword) continue;
        for (std::string& word : split_words(line.value)) all.push_back(std::move(word));
    }
    return all;
}

bool patterns_meet(std::string_view a, std::string_view b) {
    // meet[j]: what is left of a, from the character in hand on, meets what is left of b from j on
    std::vector<bool> after(b.size() + 1), meet(b.size() + 1);
    for (size_t i = a.size() + 1; i-- > 0;) {
        for (size_t j = b.size() + 1; j-- > 0;) {
            const bool more_a = i < a.size(), more_b = j < b.size();
            bool is = !more_a && !more_b;
            if (more_a && a[i] == '*') is = after[j] || (more_b && meet[j + 1]);
            if (!is && more_b && b[j] == '*') is = meet[j + 1] || (more_a && after[j]);
            const bool is_star = (more_a && a[i] == '*') || (more_b && b[j] == '*');
            if (!is_star && more_a && more_b && (a[i] == b[j] || a[i] == '?' || b[j] == '?'))
                is = after[j + 1];
            meet[j] = is;
        }
        after = meet;
    }
    return meet[0];
}

bool matches_pattern(std::string_view text, std::string_view pattern) {
    size_t at = 0, in = 0, star = std::string_view::npos, tried = 0;
    while (at < text.size()) {
        if (in < pattern.size() && pattern[in] == '*') {
            star = in++;
            tried = at;
        } else if (in < pattern.size() && (pattern[in] == '?' || pattern[in] == text[at])) {
            ++in;
            ++at;
        } else if (star != std::string_view::npos) {
            in = star + 1;
            at = ++tried;
        } else {
            return false;
        }
    }
    while (in < pattern.size() && pattern[in] == '*') ++in;
    return in == pattern.size();
}

}  // namespace xos
