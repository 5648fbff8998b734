#include "bench/listener.h"

#include <sys/socket.h>

#include <array>

#include "xosd/tracking/proc_connector_socket.h"

namespace xos::bench {
namespace {

constexpr uid_t kNobody = 65534;

int count_messages(int socket, Seen& seen) {
    std::array<char, 128> message{};
    for (;;)
        if (recv(socket, message.data(), message.size(), 0) > 0) ++seen.events;
}

UniqueFd open_connector(const ConnectorFilter* filter, int buffer) {
    auto socket = open_proc_connector(filter, buffer);
    if (!socket) test::give_up(socket.error().message);
    return std::move(*socket);
}

}  // namespace

PlainListener::PlainListener() : socket_(open_connector(nullptr, kReceiveBuffer)) {
    test::spawn_in(ground().agent_cgroup(), [this] { return count_messages(socket_.get(), *seen_); });
}

PlainListener::~PlainListener() {
    ignore_proc_connector(socket_.get());
}

ReceivePath::ReceivePath(bool bound) {
    auto resources = open_agent_resources(ground().directory() / "agent", kReceiveBuffer, true);
    if (!resources) test::give_up(resources.error().message);
    resources_ = std::move(*resources);
    if (!resources_.filter) test::give_up("BPF is not available here");
    const JobCgroup idle = ground().make_cgroup("idle");
    if (auto now = resources_.filter->bind(bound ? storm().id() : idle.id(), 1, 1); !now)
        test::give_up(now.error().message);
    const AgentProgram program{.path = XOS_RECEIVE_PATH_PROGRAM,
                               .uid = kNobody,
                               .gid = kNobody,
                               .cgroup = ground().base().agent.get()};
    std::vector<int> descriptors = resources_.descriptors();
    descriptors.at(static_cast<size_t>(AgentFd::listener) - static_cast<size_t>(AgentFd::netlink)) =
        seen_.memory();
    if (auto started = AgentProcess::spawn(program, descriptors, true); !started)
        test::give_up(started.error().message);
}

ReceivePath::~ReceivePath() {
    ignore_proc_connector(resources_.netlink.get());
}

WholeAgent::WholeAgent(size_t others) {
    if (others > 0) bind_idle(node_, others);
}

void bind_idle(test::TrackingNode& node, size_t count) {
    for (size_t i = 0; i < count; ++i) node.make_job("idle" + std::to_string(i));
    node.snapshot("idle" + std::to_string(count - 1));  // answered after all that was asked before
}

ManySockets::ManySockets(size_t count) {
    const auto filter = ConnectorFilter::load();
    if (!filter) test::give_up(filter.error().message);
    constexpr int kSmallBuffer = 256 * 1024;
    for (size_t i = 0; i < count; ++i) sockets_.push_back(open_connector(&*filter, kSmallBuffer));
}

ManySockets::~ManySockets() {
    for (const UniqueFd& socket : sockets_) ignore_proc_connector(socket.get());
}

}  // namespace xos::bench
