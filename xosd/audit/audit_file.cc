#include "xosd/audit/audit_file.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

namespace xos {
namespace {

constexpr char kReaders[] = "adm";  // who reads logs on Debian: base-passwd, users-and-groups
constexpr int kFileFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

// root's own group where there is none of that name.
gid_t find_readers() {
    std::vector<char> buffer(16 * 1024);
    group entry{};
    group* found = nullptr;
    if (getgrnam_r(kReaders, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return 0;
    return found->gr_gid;
}

bool ends_in_newline(int file, off_t size) {
    char last = '\n';
    return size == 0 || pread(file, &last, 1, size - 1) != 1 || last == '\n';
}

// Takes away what fitted of a line, unless another line follows it by now.
void take_back(int file, ssize_t written) {
    struct stat status{};
    const off_t end = lseek(file, 0, SEEK_CUR);
    if (end < written || fstat(file, &status) != 0 || status.st_size != end) return;
    // where that fails, the next line begins with a newline, and readers pass over the stump
    if (ftruncate(file, end - written) != 0) return;
}

Outcome<void> write_line(int file, off_t size, std::string_view line) {
    std::string text = ends_in_newline(file, size) ? "" : "\n";
    text += line;
    ssize_t written = -1;
    do written = write(file, text.data(), text.size());
    while (written < 0 && errno == EINTR);
    if (written < 0) return failure_errno(errno, "cannot write it");
    if (static_cast<size_t>(written) == text.size()) return {};
    take_back(file, written);
    return failure(Errc::system, "only {} of {} bytes found room", written, text.size());
}

}  // namespace

AuditFile::AuditFile(const std::string& path, uint64_t max_bytes)
    : directory_(std::filesystem::path(path).parent_path()),
      name_(std::filesystem::path(path).filename()),
      max_bytes_(max_bytes),
      group_(find_readers()) {}

Outcome<UniqueFd> AuditFile::open_directory() const {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd directory(open(directory_.c_str(), kFlags));
    if (!directory && errno == ENOENT && mkdir(directory_.c_str(), 0755) == 0)
        directory.reset(open(directory_.c_str(), kFlags));
    struct stat status{};
    if (!directory || fstat(directory.get(), &status) != 0)
        return failure_errno(errno, "cannot open the directory {}", directory_);
    if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return failure(Errc::denied, "the directory {} must be root's, and nobody else may write in it",
                       directory_);
    return directory;
}

Outcome<UniqueFd> AuditFile::make_file(int directory) const {
    UniqueFd file(openat(directory, name_.c_str(), kFileFlags | O_CREAT | O_EXCL, 0600));
    if (!file && errno == EEXIST) file.reset(openat(directory, name_.c_str(), kFileFlags));
    if (!file) return failure_errno(errno, "cannot make it");
    // not readable to its group before that is the right one
    const bool given = geteuid() != 0 || fchown(file.get(), 0, group_) == 0;
    if (!given || fchmod(file.get(), 0640) != 0) return failure_errno(errno, "cannot set its mode");
    return file;
}

Outcome<UniqueFd> AuditFile::open_file(int directory) const {
    UniqueFd file(openat(directory, name_.c_str(), kFileFlags));
    if (!file && errno == ENOENT) {
        auto made = make_file(directory);
        if (!made) return made;
        file = std::move(*made);
    }
    struct stat status{};
    if (!file || fstat(file.get(), &status) != 0) return failure_errno(errno, "cannot open it");
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid())
        return failure(Errc::denied, "it is not a file of root");
    return file;
}

Outcome<void> AuditFile::turn_over(int directory, int file, uint64_t size) const {
    // of two writers, one renames; whoever does not get the lock writes on meanwhile
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (size < 2 * max_bytes_) return {};
        return failure(Errc::system, "it is full, and another process holds a lock on it");
    }
    struct stat named{}, held{};
    if (fstatat(directory, name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0 || fstat(file, &held) != 0 ||
        named.st_ino != held.st_ino || named.st_dev != held.st_dev)
        return {};  // renamed already
    if (renameat(directory, name_.c_str(), directory, (name_ + ".1").c_str()) != 0)
        return failure_errno(errno, "cannot rename it to {}.1", name_);
    return {};
}

Outcome<void> AuditFile::append(std::string_view line) const {
    const auto directory = open_directory();
    if (!directory) return std::unexpected(directory.error());
    auto file = open_file(directory->get());
    if (!file) return std::unexpected(file.error());
    struct stat status{};
    if (fstat(file->get(), &status) != 0) return failure_errno(errno, "cannot look at it");
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size > 0 && size + line.size() > max_bytes_) {
        if (auto turned = turn_over(directory->get(), file->get(), size); !turned) return turned;
        file = open_file(directory->get());
        if (!file) return std::unexpected(file.error());
        if (fstat(file->get(), &status) != 0) return failure_errno(errno, "cannot look at it");
    }
    return write_line(file->get(), status.st_size, line);
}

}  // namespace xos
