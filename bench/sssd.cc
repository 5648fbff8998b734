#include "bench/sssd.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

namespace xos::bench {
namespace {

constexpr char kProgram[] = "/usr/sbin/sssd";
// An hour: nothing expires while the bench runs. Every name is taken whole, as SSSD would read user@physics
// as a user of its domain "physics".
constexpr char kConfig[] = R"([sssd]
services = nss
domains = floor
[nss]
memcache_timeout = 3600
entry_negative_timeout = 3600
[domain/floor]
id_provider = proxy
proxy_lib_name = xosfloor
auth_provider = none
access_provider = permit
chpass_provider = none
re_expression = ^(?P<name>.+)$
entry_cache_timeout = 3600
)";
constexpr auto kStart = std::chrono::seconds(20), kStop = std::chrono::seconds(10);
constexpr auto kPause = std::chrono::milliseconds(50);

[[noreturn]] void become_sssd() {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int null = open("/dev/null", O_RDWR);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
    execl(kProgram, kProgram, "-i", "--logger=files", nullptr);
    _exit(127);
}

nss_status ask(const Module& module, const std::string& name) {
    passwd entry{};
    char buffer[1024];
    int error = 0;
    return module.getpwnam(name.c_str(), &entry, buffer, sizeof buffer, &error);
}

Outcome<void> wait_until_up(pid_t process, const Module& module, const std::string& name) {
    const auto end = std::chrono::steady_clock::now() + kStart;
    while (std::chrono::steady_clock::now() < end) {
        siginfo_t ended{};
        if (waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            ended.si_pid == process)
            return failure(Errc::unavailable, "{} ended at once (is sssd-common there?)", kProgram);
        if (ask(module, name) == NSS_STATUS_SUCCESS) return {};
        std::this_thread::sleep_for(kPause);
    }
    return failure(Errc::timeout, "sssd does not answer");
}

Outcome<void> warm_up(const Module& module, const Population& population,
                      const std::vector<std::string>& missing) {
    for (int pass = 0; pass < 2; ++pass) {
        for (const AccountEntry& account : population.snapshot.accounts)
            if (ask(module, account.name) != NSS_STATUS_SUCCESS)
                return failure(Errc::invalid, "sssd does not know {}", account.name);
        for (const std::string& name : missing)
            if (ask(module, name) != NSS_STATUS_NOTFOUND)
                return failure(Errc::invalid, "sssd gives no clear answer for {}", name);
    }
    return {};
}

}  // namespace

Outcome<Sssd> Sssd::start(const Module& module, const Population& population,
                          const std::vector<std::string>& missing) {
    if (access(kProgram, X_OK) != 0) return failure(Errc::not_found, "no {}", kProgram);
    write_file("/etc/sssd/sssd.conf", kConfig, 0600);
    const pid_t process = fork();
    if (process < 0) return failure_errno(errno, "cannot fork");
    if (process == 0) become_sssd();
    Sssd sssd(process);
    if (const Outcome<void> up = wait_until_up(process, module, population.names[0]); !up)
        return std::unexpected(up.error());
    if (const Outcome<void> warm = warm_up(module, population, missing); !warm)
        return std::unexpected(warm.error());
    return sssd;
}

Sssd::~Sssd() {
    if (process_ == 0) return;
    kill(process_, SIGTERM);
    const auto end = std::chrono::steady_clock::now() + kStop;
    siginfo_t ended{};
    // It stays unreaped at first, so that its number, which is its group's, is nobody else's.
    while (waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(kPause);
    kill(-process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace xos::bench
