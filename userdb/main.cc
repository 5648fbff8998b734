// xos-userdb: the accounts of VO users for userdbctl and nss-systemd. See xos-userdb(8).
//
// Process: its own, started by its socket as root; becomes nobody before it reads anything. Trusts: systemd
// for the descriptor of its socket.
#include <grp.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <string_view>

#include "common/log.h"
#include "libxos/names.h"
#include "userdb/userdb_server.h"

namespace {

constexpr char kUsage[] =
    "Usage: xos-userdb\n"
    "Answers userdbctl and nss-systemd about VO users, on a socket that is passed to it. See "
    "xos-userdb(8).\n";
constexpr uid_t kNobody = 65534;  // systemd: UIDS-GIDS.md
// not at once: each start costs more than many answers
constexpr auto kIdleLook = std::chrono::seconds(30);

// By number: to ask for a name is to ask ourselves.
bool give_up_rights() {
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
                           setresuid(kNobody, kNobody, kNobody) != 0))
        return false;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

xos::Outcome<int> serve() {
    if (!give_up_rights()) return xos::failure_errno(errno, "cannot become nobody");
    const int sockets = sd_listen_fds(1);
    if (sockets <= 0)
        return xos::failure(xos::Errc::invalid,
                            "no socket was passed; start it with: systemctl start xos-userdb.socket");
    auto loop = xos::EventLoop::create();
    if (!loop) return std::unexpected(loop.error());
    auto server = xos::UserdbServer::start(*loop, {xos::kAccountsFile, xos::kAccountsBootFile});
    if (!server) return std::unexpected(server.error());
    for (int i = 0; i < sockets; ++i)
        if (auto listening = (*server)->listen(xos::UniqueFd(SD_LISTEN_FDS_START + i)); !listening)
            return std::unexpected(listening.error());
    auto term = loop->watch_signal(SIGTERM, [&] { loop->stop(0); });
    if (!term) return std::unexpected(term.error());
    xos::EventSource timer;
    uint64_t before = UINT64_MAX;  // at the last look
    std::function<void()> look = [&] {
        const uint64_t now = (*server)->count_calls();
        if ((*server)->is_idle() && now == before) return loop->stop(0);
        before = now;
        auto again = loop->after(kIdleLook, [&look] { look(); });
        if (again) timer = *std::move(again);
    };
    look();
    return loop->run();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--version")
        return std::printf("xos-userdb %s\n", xos::kVersion) < 0;
    if (argc != 1) {
        const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
        std::fputs(kUsage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    xos::open_log("xos-userdb", false);
    signal(SIGPIPE, SIG_IGN);
    try {
        const auto ended = serve();
        if (ended) return *ended;
        xos::log(xos::Level::error, "xos-userdb cannot serve", {{"reason", ended.error().message}});
    } catch (const std::exception& error) {
        xos::log(xos::Level::error, "xos-userdb failed", {{"reason", error.what()}});
    }
    return 1;
}
