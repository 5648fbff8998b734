#include "cli/terminal_width.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace xos {

size_t terminal_width() {
    winsize size{};
    return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace xos
