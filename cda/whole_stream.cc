#include "cda/whole_stream.h"

#include <unistd.h>

#include <cerrno>

namespace xos {

Outcome<std::string> read_all(int fd, size_t max) {
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot read the input");
        if (count == 0) return text;
        text.append(buffer, static_cast<size_t>(count));
        if (text.size() > max)
            return failure(Errc::invalid, "the input has more than the {} bytes allowed", max);
    }
}

Outcome<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot write to standard output");
        text.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

}  // namespace xos
