#include "xosd/tracking/proc_connector_socket.h"

#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <memory>

namespace xos {
namespace {

struct NlSocketDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using NlSocket = std::unique_ptr<nl_sock, NlSocketDeleter>;

Outcome<NlSocket> connect_connector() {
    NlSocket socket(nl_socket_alloc());
    if (!socket) return failure(Errc::system, "cannot allocate a netlink socket");
    if (const int e = nl_connect(socket.get(), NETLINK_CONNECTOR); e != 0)
        return failure(Errc::unavailable,
                       "cannot open the kernel's connector: {}; is this the initial network namespace?",
                       nl_geterror(e));
    return socket;
}

struct Request {
    nlmsghdr netlink;
    alignas(4) char connector[sizeof(cn_msg)];
    alignas(4) uint32_t operation;
};

// Without a mask of event types: a masked listener sees gaps in the sequence that mean nothing.
bool send_operation(int fd, proc_cn_mcast_op operation) {
    Request request{};
    request.netlink.nlmsg_len = sizeof request;
    request.netlink.nlmsg_type = NLMSG_DONE;
    request.operation = operation;
    cn_msg head{};
    head.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    head.len = sizeof request.operation;
    std::memcpy(request.connector, &head, sizeof head);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    return sendto(fd, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof kernel) == static_cast<ssize_t>(sizeof request);
}

// Inode numbers of the initial namespaces: enum init_ns_ino of linux/nsfs.h.
constexpr ino_t kInitialPid = 0xEFFFFFFC, kInitialUser = 0xEFFFFFFD;

bool is_initial(const char* link, ino_t inode) {
    struct stat st{};
    return stat(link, &st) != 0 || st.st_ino == inode;
}

std::unexpected<Failure> not_listening(int reason) {
    if (reason == ECONNREFUSED)
        return failure(Errc::unavailable,
                       "the kernel tells process events in the initial network namespace only, and this is "
                       "another one: start this program outside of the container");
    return failure_errno(reason, "cannot ask the kernel for process events");
}

// The answer to LISTEN: a message of kind none, the only one that a kernel without cn_proc does not send.
bool is_answered(int fd) {
    constexpr int kPatienceMs = 1000;
    pollfd wait{.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, kPatienceMs) == 1) {
        std::array<char, 256> message;
        if (recv(fd, message.data(), message.size(), MSG_DONTWAIT) > 0 || errno == ENOBUFS) return true;
    }
    return false;
}

}  // namespace

Outcome<void> check_proc_connector() {
    if (!is_initial("/proc/self/ns/pid", kInitialPid))
        return failure(
            Errc::unavailable,
            "the kernel tells process events in the initial pid namespace only, and this is another "
            "one: start this program outside of the container");
    if (!is_initial("/proc/self/ns/user", kInitialUser))
        return failure(Errc::unavailable,
                       "the kernel tells process events in the initial user namespace only, and this is "
                       "another one: start this program outside of the container");
    auto socket = connect_connector();
    if (!socket) return std::unexpected(socket.error());
    const int fd = nl_socket_get_fd(socket->get());
    if (const int e = nl_socket_add_membership(socket->get(), CN_IDX_PROC); e != 0)
        return failure(Errc::unavailable, "cannot join the kernel's process events: {}", nl_geterror(e));
    if (!send_operation(fd, PROC_CN_MCAST_LISTEN)) return not_listening(errno);
    const bool answered = is_answered(fd);
    (void)send_operation(fd, PROC_CN_MCAST_IGNORE);
    if (answered) return {};
    return failure(Errc::unavailable,
                   "the kernel does not answer who asks for process events: it is built without "
                   "CONFIG_PROC_EVENTS, which tracking needs");
}

Outcome<UniqueFd> open_proc_connector(const ConnectorFilter* filter, int buffer_bytes) {
    auto socket = connect_connector();
    if (!socket) return std::unexpected(socket.error());
    const int fd = nl_socket_get_fd(socket->get());
    if (filter != nullptr) {
        if (auto attached = filter->attach(fd); !attached) return std::unexpected(attached.error());
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0)
        return failure_errno(errno, "cannot give the connector a buffer of {} bytes", buffer_bytes);
    if (const int e = nl_socket_add_membership(socket->get(), CN_IDX_PROC); e != 0)
        return failure(Errc::unavailable, "cannot join the kernel's process events: {}", nl_geterror(e));
    if (!send_operation(fd, PROC_CN_MCAST_LISTEN)) return not_listening(errno);
    // libnl closes its descriptor; ours has to outlive it in other processes
    UniqueFd kept(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!kept) return failure_errno(errno, "cannot keep the connector's socket");
    return kept;
}

void listen_proc_connector(int socket) {
    (void)send_operation(socket, PROC_CN_MCAST_LISTEN);
}

void ignore_proc_connector(int socket) {
    (void)send_operation(socket, PROC_CN_MCAST_IGNORE);
}

Outcome<void> SpareListeners::add() {
    if (sockets_.size() >= kMax)
        return failure(
            Errc::unavailable,
            "the kernel sends no process events although {} listeners asked; look for a program that "
            "sends PROC_CN_MCAST_IGNORE",
            kMax);
    auto socket = connect_connector();
    if (!socket) return std::unexpected(socket.error());
    const int fd = nl_socket_get_fd(socket->get());
    if (!send_operation(fd, PROC_CN_MCAST_LISTEN))
        return failure_errno(errno, "cannot ask the kernel for process events again");
    UniqueFd kept(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!kept) return failure_errno(errno, "cannot keep a spare listener");
    sockets_.push_back(std::move(kept));
    return {};
}

}  // namespace xos
