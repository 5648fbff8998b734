#include "xosd/session/stray_connections.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "common/failure.h"
#include "xosd/container/pidfd.h"
#include "xosd/tracking/cgroup_tree.h"

namespace xos {
namespace {

// OpenSSH 9.8 and later (its README.privsep): the process of a connection.
constexpr std::string_view kProgram = "/usr/lib/openssh/sshd-session";

bool is_sshd(pid_t pid) {
    char target[256];
    const ssize_t n = readlink(compose("/proc/{}/exe", pid).c_str(), target, sizeof target);
    if (n <= 0) return false;
    std::string_view program(target, static_cast<size_t>(n));
    // an upgrade has replaced it meanwhile
    if (constexpr std::string_view kGone = " (deleted)"; program.ends_with(kGone))
        program.remove_suffix(kGone.size());
    return program == kProgram;
}

}  // namespace

std::vector<StrayConnection> find_stray_connections(
    const std::function<bool(uint32_t uid)>& is_member,
    const std::function<bool(const std::string& cgroup)>& is_session) {
    std::vector<StrayConnection> found;
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename();
        pid_t pid = 0;
        const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (bad != std::errc{} || rest != name.data() + name.size()) continue;
        UniqueFd pidfd(pidfd_open(pid, 0));
        struct stat st{};
        if (!pidfd || stat(at->path().c_str(), &st) != 0 || !is_member(st.st_uid) || !is_sshd(pid)) continue;
        const auto cgroup = read_cgroup_of(pid);
        if (cgroup && !is_session(*cgroup)) found.push_back({pid, st.st_uid, std::move(pidfd)});
    }
    return found;
}

}  // namespace xos
