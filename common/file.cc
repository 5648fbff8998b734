#include "common/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

Outcome<void> write_and_sync(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t n = write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failure_errno(errno, "cannot write {}", path);
        text.remove_prefix(static_cast<size_t>(n));
    }
    if (fsync(fd) != 0) return failure_errno(errno, "cannot sync {}", path);
    return {};
}

}  // namespace

Outcome<std::string> read_file(const std::string& path, size_t max) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        const int error = errno;
        auto failed = failure_errno(error, "cannot open {}", path);
        if (error == ENOENT) failed.error().code = Errc::not_found;
        return failed;
    }
    std::string text;
    char buffer[65536];
    while (true) {
        const ssize_t n = read(fd.get(), buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failure_errno(errno, "cannot read {}", path);
        if (n == 0) return text;
        text.append(buffer, static_cast<size_t>(n));
        if (text.size() > max) return failure(Errc::invalid, "{} is larger than {} bytes", path, max);
    }
}

Outcome<void> write_file_atomically(const std::string& path, std::string_view text, mode_t mode) {
    // always of one name: what a process that died has left is replaced by the next
    const std::string temporary = path + ".new";
    unlink(temporary.c_str());
    UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return failure_errno(errno, "cannot make a file beside {}", path);
    Outcome<void> written = write_and_sync(fd.get(), text, path);
    if (written && fchmod(fd.get(), mode) != 0)
        written = failure_errno(errno, "cannot set the mode of {}", path);
    if (written && rename(temporary.c_str(), path.c_str()) != 0)
        written = failure_errno(errno, "cannot put {} in place", path);
    if (!written) {
        unlink(temporary.c_str());
        return written;
    }
    const std::string directory = std::filesystem::path(path).parent_path().string();
    const UniqueFd parent(
        open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || fsync(parent.get()) != 0)
        return failure_errno(errno, "cannot sync the directory of {}", path);
    return {};
}

}  // namespace xos
