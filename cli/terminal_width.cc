#include "cli/terminal_width.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cwchar>

namespace xos {

size_t terminal_width() {
    winsize size{};
    return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string fit_columns(std::string_view text, size_t columns) {
    std::string out;
    std::mbstate_t state{};
    size_t used = 0;
    while (!text.empty()) {
        wchar_t letter = 0;
        size_t length = std::mbrtowc(&letter, text.data(), text.size(), &state);
        const bool odd = length == 0 || length > text.size();  // NUL, invalid or cut off
        if (odd) {
            length = 1;
            state = {};
        }
        const int width = odd ? 1 : wcwidth(letter);
        used += width < 0 ? 1 : static_cast<size_t>(width);
        if (used > columns) break;
        out += odd || width < 0 ? "?" : text.substr(0, length);
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace xos
