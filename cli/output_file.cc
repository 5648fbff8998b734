#include "cli/output_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

// A file that is gone unless it was renamed.
class TemporaryFile {
  public:
    TemporaryFile(int directory, const std::string& final_name) : directory_(directory) {
        uint64_t random = 0;
        [[maybe_unused]] const auto got = getrandom(&random, sizeof random, 0);  // O_EXCL decides, not chance
        name_ = compose(".{}.{:016x}", final_name, random);
    }
    ~TemporaryFile() {
        if (exists_) unlinkat(directory_, name_.c_str(), 0);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    int create(mode_t mode) {
        fd_.reset(
            openat(directory_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
        exists_ = static_cast<bool>(fd_);
        return fd_.get();
    }
    bool rename_to(const std::string& final_name) {
        if (renameat(directory_, name_.c_str(), directory_, final_name.c_str()) != 0) return false;
        exists_ = false;
        return true;
    }

  private:
    int directory_;  // borrowed
    std::string name_;
    UniqueFd fd_;
    bool exists_ = false;
};

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

Outcome<void> write_directly(int fd, const std::string& path, std::string_view bytes) {
    if (!write_all(fd, bytes)) return failure_errno(errno, "cannot write {}", path);
    return {};
}

}  // namespace

Outcome<void> replace_file(int directory, const std::string& name, std::string_view bytes, mode_t mode) {
    TemporaryFile temporary(directory, name);
    const int fd = temporary.create(mode);
    if (fd < 0) return failure_errno(errno, "cannot make a file beside {}", name);
    if (!write_all(fd, bytes) || fsync(fd) != 0) return failure_errno(errno, "cannot write {}", name);
    if (!temporary.rename_to(name)) return failure_errno(errno, "cannot put {} in its place", name);
    return {};
}

Outcome<void> write_output(const std::string& path, std::string_view bytes) {
    if (path == "-") return write_directly(STDOUT_FILENO, "standard output", bytes);
    struct stat status{};
    if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
        if (!fd) return failure_errno(errno, "cannot write {}", path);
        return write_directly(fd.get(), path, bytes);
    }
    const std::filesystem::path whole(path);
    const std::string folder = whole.has_parent_path() ? whole.parent_path().string() : ".";
    if (!whole.has_filename()) return failure(Errc::invalid, "{} is not the name of a file", path);
    const UniqueFd directory(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return failure_errno(errno, "cannot write into {}", folder);
    return replace_file(directory.get(), whole.filename(), bytes, 0666);
}

}  // namespace xos
