#include "xosd/tracking/agent_resources.h"

#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "common/log.h"

namespace xos {
namespace {

constexpr int kBacklog = 8;

Outcome<UniqueFd> open_listener(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failure(Errc::invalid, "the socket path {} is too long", path);
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return failure_errno(errno, "cannot make the agent's socket");
    // mode 0600 from the first moment: bind(2) applies the inode's mode
    if (fchmod(socket.get(), 0600) != 0) return failure_errno(errno, "cannot protect the agent's socket");
    unlink(path.c_str());
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return failure_errno(errno, "cannot bind {}", path);
    if (listen(socket.get(), kBacklog) != 0) return failure_errno(errno, "cannot listen on {}", path);
    return socket;
}

Outcome<UniqueFd> make_state() {
    UniqueFd state(memfd_create("xos-connector-agent", MFD_CLOEXEC | MFD_NOEXEC_SEAL));
    if (!state || ftruncate(state.get(), kAgentStateSize) != 0)
        return failure_errno(errno, "cannot make the agent's shared state");
    return state;
}

template <typename T>
T socket_option(int socket, int name) {
    T value{};
    socklen_t size = sizeof value;
    if (getsockopt(socket, SOL_SOCKET, name, &value, &size) != 0) return T{-1};
    return value;
}

bool is_connector(int fd) {
    return socket_option<int>(fd, SO_DOMAIN) == AF_NETLINK &&
           socket_option<int>(fd, SO_PROTOCOL) == NETLINK_CONNECTOR;
}

bool is_listener(int fd) {
    return socket_option<int>(fd, SO_DOMAIN) == AF_UNIX && socket_option<int>(fd, SO_ACCEPTCONN) == 1;
}

}  // namespace

std::vector<int> AgentResources::descriptors() const {
    std::vector<int> all{netlink.get(), listener.get(), state.get()};
    if (filter)
        for (const UniqueFd* map :
             {&shared.cpus, &shared.slots, &shared.origins, &shared.bindings, &shared.config})
            all.push_back(map->get());
    return all;
}

Outcome<AgentResources> open_agent_resources(const std::string& socket_path, int receive_buffer,
                                             bool use_filter) {
    if (auto heard = check_proc_connector(); !heard) return std::unexpected(heard.error());
    AgentResources resources;
    if (use_filter) {
        auto filter = ConnectorFilter::load();
        if (!filter)
            log(Level::warning,
                "no kernel filter for process events: every event of this machine costs the agent time",
                {{"reason", filter.error().message}});
        else
            resources.filter = std::move(*filter);
    }
    if (resources.filter) {
        auto maps = resources.filter->agent_maps();
        if (!maps) return std::unexpected(maps.error());
        resources.shared = std::move(*maps);
    }
    auto netlink = open_proc_connector(resources.filter ? &*resources.filter : nullptr, receive_buffer);
    if (!netlink) return std::unexpected(netlink.error());
    auto state = make_state();
    if (!state) return std::unexpected(state.error());
    auto listener = open_listener(socket_path);
    if (!listener) return std::unexpected(listener.error());
    resources.netlink = std::move(*netlink);
    resources.state = std::move(*state);
    resources.listener = std::move(*listener);
    return resources;
}

Outcome<AgentResources> adopt_agent_resources(std::vector<UniqueFd> fds, bool filtered) {
    const auto expected =
        static_cast<size_t>(filtered ? AgentFd::end : AgentFd::cpus) - static_cast<size_t>(AgentFd::netlink);
    if (fds.size() != expected)
        return failure(Errc::invalid, "the agent handed back {} descriptors instead of {}", fds.size(),
                       expected);
    if (!is_connector(fds[0].get()) || !is_listener(fds[1].get()))
        return failure(Errc::conflict, "the agent handed back sockets that are not those it was given");
    uint64_t magic = 0;
    if (pread(fds[2].get(), &magic, sizeof magic, 0) != sizeof magic ||
        (magic != 0 && magic != kAgentStateMagic))
        return failure(Errc::conflict, "the agent's state is of another version");
    AgentResources resources{
        .netlink = std::move(fds[0]), .listener = std::move(fds[1]), .state = std::move(fds[2])};
    if (!filtered) return resources;
    resources.shared = {.cpus = std::move(fds[3]),
                        .slots = std::move(fds[4]),
                        .origins = std::move(fds[5]),
                        .bindings = std::move(fds[6]),
                        .config = std::move(fds[7])};
    auto filter = ConnectorFilter::adopt(resources.shared);
    if (!filter) return std::unexpected(filter.error());
    resources.filter = std::move(*filter);
    return resources;
}

}  // namespace xos
