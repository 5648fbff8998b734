#include "cli/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace xos {

Outcome<UniqueFd> open_input(const std::string& path) {
    UniqueFd fd(path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                            : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) return failure_errno(errno, "cannot open {}", path);
    if (S_ISDIR(status.st_mode)) return failure(Errc::invalid, "{} is a directory", path);
    return fd;
}

Outcome<std::string> read_all(int fd, size_t max, const std::string& name) {
    std::string text;
    char buffer[16 * 1024];
    for (;;) {
        const ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure_errno(errno, "cannot read {}", name);
        if (got == 0) return text;
        text.append(buffer, static_cast<size_t>(got));
        if (text.size() > max)
            return failure(Errc::invalid, "{} is longer than {} bytes: not what is expected here", name, max);
    }
}

Outcome<std::string> read_input(const std::string& path, size_t max) {
    const auto fd = open_input(path);
    if (!fd) return std::unexpected(fd.error());
    return read_all(fd->get(), max, path);
}

}  // namespace xos
