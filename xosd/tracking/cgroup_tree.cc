#include "xosd/tracking/cgroup_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "common/log.h"
#include "xosd/tracking/cgroup_file.h"

namespace xos {
namespace {

constexpr std::string_view kDaemonLeaf = "daemon";
constexpr std::array<std::string_view, 4> kWanted{"cpu", "memory", "pids", "io"};

std::string read_all(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// proc_pid_mountinfo(5) writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
    std::string out;
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    for (size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                             is_octal(text[i + 2]) && is_octal(text[i + 3]);
        if (!escaped) {
            out += text[i];
            continue;
        }
        out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
        i += 3;
    }
    return out;
}

Outcome<UniqueFd> open_beneath(int directory, std::string_view relative, int flags) {
    const std::string path(relative.empty() ? "." : relative);
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    UniqueFd fd(static_cast<int>(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno == ENOENT) return failure(Errc::not_found, "there is no cgroup {}", path);
    return failure_errno(errno, "cannot open the cgroup {}", path);
}

Outcome<UniqueFd> make_child(int parent, const std::string& name) {
    if (mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make the cgroup {}", name);
    return open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
}

// A controller that cannot be had is said, never fatal: membership, kill and CPU accounting need none.
std::vector<std::string> enable_controllers(int base, int jobs, int sessions) {
    std::vector<std::string> enabled;
    std::istringstream available(read_cgroup_file(base, "cgroup.controllers").value_or(""));
    for (std::string name; available >> name;) {
        if (std::ranges::find(kWanted, name) == kWanted.end()) continue;
        const std::string word = "+" + name;
        const auto here = write_cgroup_file(base, "cgroup.subtree_control", word);
        auto below = here ? write_cgroup_file(jobs, "cgroup.subtree_control", word) : here;
        if (below) below = write_cgroup_file(sessions, "cgroup.subtree_control", word);
        if (below)
            enabled.push_back(name);
        else
            log(Level::warning, "a controller cannot be used for jobs",
                {{"controller", name}, {"reason", below.error().message}});
    }
    return enabled;
}

}  // namespace

namespace {

Outcome<std::string> read_v2_line(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("0::/")) return line.substr(3);
    return failure(Errc::unavailable,
                   "this machine has no cgroup v2 tree; mount one at /sys/fs/cgroup/unified");
}

}  // namespace

Outcome<std::string> read_own_cgroup() {
    return read_v2_line(read_all("/proc/self/cgroup"));
}

Outcome<std::string> read_cgroup_of(pid_t pid) {
    const std::string text = read_all(compose("/proc/{}/cgroup", pid).c_str());
    if (text.empty()) return failure(Errc::not_found, "there is no process {}", pid);
    return read_v2_line(text);
}

Outcome<CgroupMount> parse_cgroup_mount(std::string_view mountinfo) {
    CgroupMount found;
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point, word, type;
        words >> id >> parent >> device >> root >> point;
        while (words >> word && word != "-") {
        }
        if (words >> type && type == "cgroup2") found = {.point = unescape(point), .root = unescape(root)};
    }
    if (found.point.empty())
        return failure(Errc::unavailable,
                       "no cgroup v2 tree is mounted; mount one at /sys/fs/cgroup/unified");
    return found;
}

Outcome<CgroupTop> CgroupTop::find() {
    auto mount = parse_cgroup_mount(read_all("/proc/self/mountinfo"));
    if (!mount) return std::unexpected(mount.error());
    CgroupTop top;
    top.point_ = std::move(mount->point);
    if (mount->root != "/") top.root_ = std::move(mount->root);
    top.directory_.reset(::open(top.point_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top.directory_) return failure_errno(errno, "cannot open {}", top.point_);
    return top;
}

Outcome<UniqueFd> CgroupTop::open(std::string_view path) const {
    if (!path.starts_with(root_)) return failure(Errc::unavailable, "{} shows no cgroup {}", point_, path);
    path.remove_prefix(root_.size());
    while (path.starts_with('/')) path.remove_prefix(1);
    return open_beneath(directory_.get(), path, O_RDONLY | O_DIRECTORY);
}

Outcome<UniqueFd> open_cgroup(const std::string& path) {
    const auto top = CgroupTop::find();
    if (!top) return std::unexpected(top.error());
    return top->open(path);
}

Outcome<CgroupBase> find_cgroup_base() {
    auto own = read_own_cgroup();
    if (!own) return std::unexpected(own.error());
    std::string base_path = *own;
    const size_t slash = base_path.rfind('/');
    const bool is_leaf = base_path.substr(slash + 1) == kDaemonLeaf;
    if (is_leaf) base_path.resize(slash);
    if (base_path.empty() || base_path == "/")
        return failure(
            Errc::conflict,
            "xosd runs in the root cgroup; start it by systemd with Delegate=yes, or in a cgroup of its own");
    auto base = open_cgroup(base_path);
    if (!base) return std::unexpected(base.error());
    if (!is_leaf) {
        auto leaf = make_child(base->get(), std::string(kDaemonLeaf));
        if (!leaf) return std::unexpected(leaf.error());
        if (auto moved = write_cgroup_file(leaf->get(), "cgroup.procs", std::to_string(getpid())); !moved)
            return std::unexpected(moved.error());
    }
    auto agent = make_child(base->get(), "agent");
    auto jobs = make_child(base->get(), "jobs");
    if (!agent) return std::unexpected(agent.error());
    auto sessions = make_child(base->get(), "sessions");
    if (!jobs) return std::unexpected(jobs.error());
    if (!sessions) return std::unexpected(sessions.error());
    CgroupBase found{.agent = std::move(*agent),
                     .jobs = std::move(*jobs),
                     .jobs_path = base_path + "/jobs",
                     .sessions = std::move(*sessions),
                     .sessions_path = base_path + "/sessions"};
    found.controllers = enable_controllers(base->get(), found.jobs.get(), found.sessions.get());
    return found;
}

}  // namespace xos
