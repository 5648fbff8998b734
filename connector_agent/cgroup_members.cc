#include "connector_agent/cgroup_members.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr int kDepthMax = 32;
constexpr size_t kDirectoriesMax = 65536;
constexpr size_t kFileMax = 64 * 1024 * 1024;  // some 8 million processes

Result<std::string> read_at(int directory, const char* name) {
    const UniqueFd fd(openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return fail_errno("open a file of the cgroup");
    std::string text;
    std::array<char, 65536> buffer;
    while (text.size() < kFileMax) {
        const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read a file of the cgroup");
        if (n == 0) return text;
        text.append(buffer.data(), static_cast<size_t>(n));
    }
    return fail(Errc::invalid, "a file of the cgroup is too long");
}

void append_pids(std::string_view text, std::vector<int32_t>& pids) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        int32_t pid = 0;
        // 0 stands for a process outside of our pid namespace
        if (std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc() && pid > 0)
            pids.push_back(pid);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
}

struct Walk {
    std::vector<int32_t> pids;
    size_t directories = 0;
};

Result<void> walk(int directory, int depth, Walk& state) {
    if (depth > kDepthMax || ++state.directories > kDirectoriesMax)
        return fail(Errc::invalid, "the cgroup tree is too large");
    auto text = read_at(directory, "cgroup.procs");
    // threaded cgroups have no cgroup.procs to read; their processes are listed by the domain above
    if (!text && text.error().sys != EOPNOTSUPP) return std::unexpected(text.error());
    if (text) append_pids(*text, state.pids);
    const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return fail_errno("open a cgroup");
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(copy), closedir);
    if (!entries) {
        close(copy);
        return fail_errno("list a cgroup");
    }
    while (const dirent* entry = readdir(entries.get())) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
        const UniqueFd child(
            openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!child) continue;  // removed while we walk: nobody is in it
        auto below = walk(child.get(), depth + 1, state);
        if (!below && below.error().sys != ENODEV && below.error().sys != ENOENT) return below;
    }
    return {};
}

}  // namespace

Result<std::vector<int32_t>> read_cgroup_members(int cgroup) {
    Walk state;
    if (auto walked = walk(cgroup, 0, state); !walked) {
        if (walked.error().sys == ENODEV || walked.error().sys == ENOENT)
            return fail(Errc::not_found, "the cgroup was removed", walked.error().sys);
        return std::unexpected(walked.error());
    }
    std::ranges::sort(state.pids);
    const auto tail = std::ranges::unique(state.pids);
    state.pids.erase(tail.begin(), tail.end());
    return std::move(state.pids);
}

bool is_cgroup_populated(int cgroup) {
    const auto text = read_at(cgroup, "cgroup.events");
    return text && text->contains("populated 1");
}

}  // namespace xos
