#include "common/tracking/agent_channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace xos {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(sizeof(int) * kAgentFdsMax) + CMSG_SPACE(sizeof(int));

void take_fds(msghdr& header, ReceivedMessage& received) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD) continue;
        const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (c->cmsg_type == SCM_PIDFD)
                received.sender.reset(fd);
            else
                received.fds.emplace_back(fd);
        }
    }
}

}  // namespace

Result<void> send_agent_message(int socket, const AgentMessage& message, std::span<const int> fds) {
    if (fds.size() > kAgentFdsMax) return fail(Errc::invalid, "too many descriptors for one message");
    std::vector<std::byte> bytes = encode_agent_message(message);
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) std::array<char, kControlSize> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    while (sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return fail(Errc::timeout, "the agent's peer does not keep up");
        if (errno == EPIPE || errno == ECONNRESET) return fail(Errc::unavailable, "the agent's peer is gone");
        return fail_errno("sendmsg to the agent's peer");
    }
    return {};
}

Result<std::optional<ReceivedMessage>> receive_agent_message(int socket) {
    thread_local std::array<std::byte, kAgentMessageMax> buffer;
    alignas(cmsghdr) std::array<char, kControlSize> control;
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size = 0;
    do {
        size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    if (size < 0 && errno != ECONNRESET) return fail_errno("recvmsg from the agent's peer");
    if (size <= 0) return fail(Errc::unavailable, "the agent's peer is gone");
    ReceivedMessage received;
    take_fds(header, received);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return fail(Errc::invalid, "an agent message or its descriptors were cut off");
    auto message = parse_agent_message(std::span(buffer).first(static_cast<size_t>(size)));
    if (!message) return std::unexpected(message.error());
    received.message = std::move(*message);
    return received;
}

}  // namespace xos
