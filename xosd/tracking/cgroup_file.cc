#include "xosd/tracking/cgroup_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr size_t kFileMax = 16 * 1024 * 1024;

std::unexpected<Failure> file_failure(int reason, const char* what, const char* name) {
    auto why = failure_errno(reason, "cannot {} the cgroup's {}", what, name);
    if (reason == ENOENT || reason == ENODEV) why.error().code = Errc::not_found;
    return why;
}

}  // namespace

Outcome<std::string> read_cgroup_file(int directory, const char* name) {
    const UniqueFd fd(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return file_failure(errno, "open", name);
    std::string text;
    std::array<char, 16384> buffer;
    while (text.size() < kFileMax) {
        const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_failure(errno, "read", name);
        if (n == 0) return text;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
    return failure(Errc::invalid, "the cgroup's {} is too long", name);
}

Outcome<std::vector<std::string>> list_cgroups(int directory, size_t max) {
    const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return failure_errno(errno, "cannot list a cgroup");
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(copy), closedir);
    if (!entries) {
        close(copy);
        return failure_errno(errno, "cannot list a cgroup");
    }
    std::vector<std::string> names;
    while (const dirent* entry = names.size() < max ? readdir(entries.get()) : nullptr)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    return names;
}

Outcome<uint64_t> cgroup_id(int directory) {
    struct stat st{};
    if (fstat(directory, &st) != 0) return failure_errno(errno, "cannot look at a cgroup");
    return st.st_ino;
}

Outcome<void> write_cgroup_file(int directory, const char* name, std::string_view value) {
    const UniqueFd fd(openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return file_failure(errno, "open", name);
    if (write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return file_failure(errno, "write", name);
    return {};
}

}  // namespace xos
