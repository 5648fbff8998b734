// xosd: the daemon of an XtreemOS node. See xosd(8).
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "common/log.h"
#include "libxos/names.h"
#include "xosd/container/open_files.h"
#include "xosd/daemon.h"

namespace {

constexpr char kUsage[] =
    "Usage: xosd [--config FILE] [--debug]\n"
    "The daemon of an XtreemOS node: accounts, logins and jobs of VO users. See xosd(8).\n";

struct Arguments {
    std::string config = xos::kNodeConfig;
    bool debug = false;
    int exit_status = -1;  // set: do not start
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--debug") {
            arguments.debug = true;
        } else if (word == "--config" && i + 1 < argc) {
            arguments.config = argv[++i];
        } else if (word == "--help" || word == "--version") {
            word == "--help" ? std::fputs(kUsage, stdout) : std::printf("xosd %s\n", xos::kVersion);
            arguments.exit_status = 0;
        } else {
            std::fputs(kUsage, stderr);
            arguments.exit_status = 2;
        }
    }
    return arguments;
}

int serve(const Arguments& arguments) {
    auto loop = xos::EventLoop::create();
    if (!loop) {
        xos::log(xos::Level::error, "xosd cannot start", {{"reason", loop.error().message}});
        return 1;
    }
    auto daemon = xos::Daemon::start(*loop, {arguments.config});
    if (!daemon) {
        xos::log(xos::Level::error, "xosd cannot start", {{"reason", daemon.error().message}});
        return 1;
    }
    auto term = loop->watch_signal(SIGTERM, [&] { loop->stop(0); });
    auto interrupt = loop->watch_signal(SIGINT, [&] { loop->stop(0); });
    auto hangup = loop->watch_signal(SIGHUP, [&] { (*daemon)->reload([](const xos::Outcome<void>&) {}); });
    if (!term || !interrupt || !hangup) return 1;
    xos::log(xos::Level::notice, "xosd is ready",
             {{"version", xos::kVersion}, {"vos", std::to_string((*daemon)->trust->all().size())}});
    sd_notify(0, "READY=1");
    const auto ended = loop->run();
    sd_notify(0, "STOPPING=1");
    if (ended)
        xos::log(xos::Level::notice, "xosd ends");
    else
        xos::log(xos::Level::error, "xosd fails", {{"reason", ended.error().message}});
    return ended ? *ended : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = parse(argc, argv);
    if (arguments.exit_status >= 0) return arguments.exit_status;
    xos::open_log("xosd", arguments.debug);
    if (geteuid() != 0) {
        std::fputs("xosd: must be started by root\n", stderr);
        return 1;
    }
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    // its memory holds every member's record, and keys that members delegated: no core file of it
    prctl(PR_SET_DUMPABLE, 0);
    xos::raise_open_files();
    try {
        return serve(arguments);
    } catch (const std::exception& error) {
        xos::log(xos::Level::error, "xosd failed", {{"reason", error.what()}});
        return 1;
    }
}
