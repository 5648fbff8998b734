// xos-connector-agent: tells xosd what the processes of its jobs do.
//
// Started by xosd with the descriptors of AgentFd, as its own user, without capabilities; outlives xosd.
#include <fcntl.h>
#include <sys/socket.h>

#include <exception>
#include <string_view>

#include "common/log.h"
#include "connector_agent/agent.h"
#include "connector_agent/sandbox.h"

namespace xos {
namespace {

constexpr int kListener = static_cast<int>(AgentFd::listener);

Outcome<void> run_agent(bool filtered) {
    // a separate descriptor: the source keeps the one that it hands to a new xosd
    UniqueFd listener(fcntl(kListener, F_DUPFD_CLOEXEC, static_cast<int>(AgentFd::end)));
    if (!listener)
        return failure_errno(errno, "descriptor {} was not inherited; only xosd starts this program",
                             kListener);
    auto source = ProcEventSource::inherit(filtered);
    if (!source) return std::unexpected(source.error());
    auto files = ProcessFiles::open();
    if (!files) return std::unexpected(files.error());
    auto agent = Agent::make(std::move(*source), std::move(*files), std::move(listener));
    if (!agent) return std::unexpected(agent.error());
    // before the sandbox: the first line opens the journal's socket
    log(Level::info, "connector agent starts", {{"filtered", filtered ? "yes" : "no"}});
    if (auto closed = enter_sandbox(); !closed) return closed;
    return (*agent)->run();
}

}  // namespace
}  // namespace xos

int main(int argc, char** argv) {
    xos::open_log("xos-connector-agent", false);
    const std::string_view argument = argc == 2 ? argv[1] : "";
    if (argc > 2 || (argc == 2 && argument != "--unfiltered")) {
        xos::log(xos::Level::error, "unknown argument; only xosd starts this program");
        return 2;
    }
    try {
        if (const auto done = xos::run_agent(argument.empty()); !done) {
            xos::log(xos::Level::error, "the connector agent ends", {{"reason", done.error().message}});
            return 1;
        }
    } catch (const std::exception& e) {
        xos::log(xos::Level::error, "the connector agent ends", {{"reason", e.what()}});
        return 1;
    }
    xos::log(xos::Level::info, "the connector agent ends: nobody wants it any more");
    return 0;
}
