#include "xosd/checkpoint/job_processes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "libxos/unique_fd.h"
#include "xosd/container/pidfd.h"

namespace xos {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kSettleLimit{5};

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// The number behind key in text of "key:\tvalue" lines.
uint64_t field(const std::string& text, std::string_view key, int base = 10) {
    const size_t at = text.find(std::string(key) + ':');
    if (at == std::string::npos) return 0;
    const size_t start = text.find_first_not_of(" \t", at + key.size() + 1);
    uint64_t value = 0;
    if (start != std::string::npos)
        std::from_chars(text.data() + start, text.data() + text.size(), value, base);
    return value;
}

struct OpenFile {
    int fd;
    std::string target;  // as of readlink(2): a path inside the container, or a kind like "pipe:[5]"
    std::string info;    // /proc/PID/fdinfo/FD
    std::string link;    // /proc/PID/fd/FD
};

std::vector<OpenFile> open_files(pid_t pid) {
    std::vector<OpenFile> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(compose("/proc/{}/fd", pid), error)) {
        const std::string name = entry.path().filename();
        const fs::path target = fs::read_symlink(entry.path(), error);
        if (!error)
            out.push_back({static_cast<int>(std::strtol(name.c_str(), nullptr, 10)), target,
                           read_file(compose("/proc/{}/fdinfo/{}", pid, name)), entry.path()});
    }
    return out;
}

// The id of the mount whose mount point inside the container is path; 0 where there is none.
uint64_t mount_id(pid_t pid, const std::string& path) {
    std::istringstream lines(read_file(compose("/proc/{}/mountinfo", pid)));
    for (std::string line;
         std::getline(lines, line);) {  // ID PARENT MAJOR:MINOR ROOT MOUNTPOINT ... (proc_pid_mountinfo(5))
        std::istringstream words(line);
        std::string id, parent, device, root, point;
        words >> id >> parent >> device >> root >> point;
        if (point == path) return std::strtoull(id.c_str(), nullptr, 10);
    }
    return 0;
}

bool is_written(const std::string& info) {
    return (field(info, "flags", 8) & O_ACCMODE) != O_RDONLY;
}

// Kinds of anonymous inodes that CRIU restores, seen by trying each of them.
bool is_restorable_kind(const std::string& target) {
    for (const char* kind :
         {"[eventfd]", "[eventpoll]", "[timerfd]", "[signalfd]", "inotify", "[fanotify]", "[pidfd]"})
        if (target == std::string("anon_inode:") + kind) return true;
    return !target.starts_with("anon_inode:");
}

std::string name_of(pid_t pid) {
    std::string name = read_file(compose("/proc/{}/comm", pid));
    while (!name.empty() && name.back() == '\n') name.pop_back();
    return compose("process {} ({})", pid, name);
}

Outcome<void> check_files(pid_t pid, uint64_t home_mount) {
    for (const OpenFile& file : open_files(pid)) {
        if (!is_restorable_kind(file.target))
            return failure(Errc::denied, "{} uses {} as descriptor {}, which no checkpoint can hold",
                           name_of(pid), file.target.substr(sizeof "anon_inode:" - 1), file.fd);
        struct stat st{};
        // both ends of a FIFO inside look the same as one end outside, whose bytes a restore would silently
        // lose
        if (field(file.info, "mnt_id") == home_mount && stat(file.link.c_str(), &st) == 0 &&
            S_ISFIFO(st.st_mode))
            return failure(Errc::denied,
                           "{} has the named pipe {} of the home open, which a process outside could share: "
                           "use a pipe in /tmp",
                           name_of(pid), file.target);
    }
    return {};
}

Outcome<void> check_namespaces(pid_t pid, pid_t init) {
    for (const char* kind : {"user", "pid", "pid_for_children", "mnt", "net", "ipc", "uts", "cgroup"}) {
        struct stat its{}, jobs{};
        const char* const reference = kind == std::string_view("pid_for_children") ? "pid" : kind;
        if (stat(compose("/proc/{}/ns/{}", pid, kind).c_str(), &its) != 0 ||
            stat(compose("/proc/{}/ns/{}", init, reference).c_str(), &jobs) != 0)
            continue;  // it has ended meanwhile
        if (its.st_ino != jobs.st_ino)
            return failure(Errc::denied, "{} has a {} namespace of its own, which a checkpoint cannot hold",
                           name_of(pid), kind);
    }
    return {};
}

Outcome<void> arm_timer(pid_t pid, int fd, const itimerspec& timer) {
    UniqueFd process(pidfd_open(pid, 0));
    UniqueFd copy(process ? pidfd_getfd(process.get(), fd, 0) : -1);
    if (!copy || timerfd_settime(copy.get(), 0, &timer, nullptr) != 0)
        return failure_errno(errno, "cannot arm the timer {} of {} again", fd, name_of(pid));
    return {};
}

// Every descendant of pid, and pid: also those that have left the cgroup by ending.
void add_tree(pid_t pid, std::vector<pid_t>& out) {
    out.push_back(pid);
    std::error_code error;
    for (const auto& thread : fs::directory_iterator(compose("/proc/{}/task", pid), error)) {
        std::istringstream children(read_file(thread.path() / "children"));
        for (pid_t child = 0; children >> child;) add_tree(child, out);
    }
}

bool is_ending(pid_t pid) {
    std::error_code error;
    const fs::path net = fs::read_symlink(compose("/proc/{}/ns/net", pid), error);
    if (!net.empty()) return false;
    const std::string status = read_file(compose("/proc/{}/status", pid));
    return !status.empty() && !status.contains("State:\tZ");
}

// "it_value: (0, 0)" and "it_interval: (1, 5000)" of timerfd's fdinfo, as seconds and nanoseconds.
bool parse_timer(const std::string& info, const char* key, timespec& out) {
    const size_t at = info.find(std::string(key) + ": (");
    if (at == std::string::npos) return false;
    const char* const first = info.c_str() + at + std::strlen(key) + 3;
    char* end = nullptr;
    const long long seconds = std::strtoll(first, &end, 10);
    if (end == first || !std::string_view(end).starts_with(", ")) return false;
    const char* const second = end + 2;
    const long nanoseconds = std::strtol(second, &end, 10);
    if (end == second || *end != ')') return false;
    out = {seconds, nanoseconds};
    return true;
}

}  // namespace

Outcome<std::vector<pid_t>> read_members(int cgroup_fd) {
    UniqueFd file(openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC));
    if (!file) return failure_errno(errno, "cannot read the job's cgroup");
    std::string text;
    char bytes[4096];
    for (ssize_t n = 0; (n = read(file.get(), bytes, sizeof bytes)) != 0;) {
        if (n < 0) return failure_errno(errno, "cannot read the job's cgroup");
        text.append(bytes, static_cast<size_t>(n));
    }
    std::vector<pid_t> out;
    std::istringstream lines(text);
    for (pid_t pid = 0; lines >> pid;) out.push_back(pid);
    return out;
}

Outcome<std::vector<OutputFile>> find_outputs(const std::vector<pid_t>& members, const std::string& home) {
    std::map<std::string, uint64_t> found;
    const std::string prefix = home + '/';
    for (const pid_t pid : members) {
        const uint64_t mount = mount_id(pid, home);
        for (const OpenFile& file : open_files(pid)) {
            struct stat st{};
            if (field(file.info, "mnt_id") != mount || !is_written(file.info) ||
                !file.target.starts_with(prefix))
                continue;
            if (stat(file.link.c_str(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0) continue;
            found[file.target.substr(prefix.size())] = static_cast<uint64_t>(st.st_size);
        }
    }
    std::vector<OutputFile> out;
    for (const auto& [path, size] : found) out.push_back({path, size});
    return out;
}

Outcome<void> find_obstacle(const std::vector<pid_t>& members, pid_t init, const std::string& home) {
    for (const pid_t pid : members) {
        const uint64_t home_mount = mount_id(pid, home);
        if (auto checked = check_files(pid, home_mount); !checked) return checked;
        if (auto checked = check_namespaces(pid, init); !checked) return checked;
        if (const uint64_t tracer = field(read_file(compose("/proc/{}/status", pid)), "TracerPid");
            tracer != 0)
            return failure(Errc::denied, "{} is being debugged by process {}: detach the debugger first",
                           name_of(pid), tracer);
    }
    return {};
}

Outcome<void> await_settled(pid_t init) {
    const auto end = std::chrono::steady_clock::now() + kSettleLimit;
    for (;;) {
        std::vector<pid_t> tree;
        add_tree(init, tree);
        if (std::ranges::none_of(tree, is_ending)) return {};
        if (std::chrono::steady_clock::now() > end)
            return failure(Errc::timeout, "a process of the job does not come to its end");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

Outcome<void> arm_timers(const std::vector<pid_t>& members) {
    for (const pid_t pid : members) {
        for (const OpenFile& file : open_files(pid)) {
            itimerspec timer{};
            if (file.target != "anon_inode:[timerfd]" ||
                !parse_timer(file.info, "it_value", timer.it_value) ||
                !parse_timer(file.info, "it_interval", timer.it_interval))
                continue;
            const bool stalled = timer.it_value.tv_sec == 0 && timer.it_value.tv_nsec == 0 &&
                                 (timer.it_interval.tv_sec != 0 || timer.it_interval.tv_nsec != 0);
            if (!stalled) continue;
            timer.it_value = timer.it_interval;
            if (auto armed = arm_timer(pid, file.fd, timer); !armed) return armed;
        }
    }
    return {};
}

}  // namespace xos
