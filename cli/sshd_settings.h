// What sshd's configuration comes to for one user, as "sshd -T" prints it, and sshd's patterns.
//
// Process: the xos command. Trusts: nothing in the text. The format: sshd(8), -T; sshd_config(5),
// ssh_config(5) PATTERNS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xos {

class SshdSettings {
  public:
    // Lines "keyword value", keywords in lower case; other lines are not read.
    static SshdSettings parse(std::string_view text);

    bool empty() const { return lines_.empty(); }
    // The value of the first line of keyword; empty where there is none.
    std::string value(std::string_view keyword) const;
    // The words of all lines of keyword.
    std::vector<std::string> words(std::string_view keyword) const;

  private:
    struct Line {
        std::string keyword, value;
    };
    std::vector<Line> lines_;
};

// '*' is any characters or none, '?' one; all others are themselves.
bool matches_pattern(std::string_view text, std::string_view pattern);
// Whether some text matches both.
bool patterns_meet(std::string_view a, std::string_view b);

// The lines of text without what surrounds them; those that are empty or comments are left out.
std::vector<std::string> split_lines(std::string_view text);
// The words of text, without the double quotes around one.
std::vector<std::string> split_words(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace xos
