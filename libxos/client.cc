#include "libxos/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libxos/errno_guard.h"
#include "libxos/names.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

using std::chrono::milliseconds;

// The kernel's clock; not steady_clock::now(), which lives in libstdc++.
milliseconds now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(t.tv_sec) +
                                                    std::chrono::nanoseconds(t.tv_nsec));
}

class Deadline {
  public:
    explicit Deadline(milliseconds budget) : end_(now() + budget) {}
    // What is left, as poll(2) takes it; 0 once it has passed.
    int left() const {
        return static_cast<int>(std::clamp<milliseconds::rep>((end_ - now()).count(), 0, 1 << 30));
    }

  private:
    milliseconds end_;
};

// An answer of connect(2) that says: there is no xosd to wait for.
bool is_absence(int error) {
    return error == ENOENT || error == ENOTDIR || error == ECONNREFUSED || error == EACCES || error == EPERM;
}

Result<void> connect_to_xosd(int fd, const Deadline& deadline) {
    static_assert(sizeof kPamSocket <= sizeof(sockaddr_un::sun_path));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, kPamSocket, sizeof kPamSocket);
    while (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (is_absence(errno)) return fail(Errc::unavailable, "connect to xosd", errno);
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return fail_errno("connect to xosd");
        // EAGAIN: the queue of the listener is full, and poll(2) tells nobody when it is not (unix(7))
        constexpr int kPause = 5;
        const int left = deadline.left();
        if (left == 0) return fail(Errc::timeout, "connect to xosd");
        poll(nullptr, 0, std::min(kPause, left));
    }
    return {};
}

// Whoever can put a socket at our path is root already; this catches a wrong mode of its directory.
Result<void> check_peer(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail_errno("ask who listens");
    if (peer.uid != 0) return fail(Errc::unavailable, "the listener is not root");
    return {};
}

Result<void> wait_for(int fd, short events, const Deadline& deadline, const char* step) {
    for (;;) {
        pollfd waiter{fd, events, 0};
        const int ready = poll(&waiter, 1, deadline.left());
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return fail_errno(step);
        if (deadline.left() == 0) return fail(Errc::timeout, step);
    }
}

Result<void> send_request(int fd, std::span<const std::byte> request, const Deadline& deadline) {
    for (;;) {
        const ssize_t sent = send(fd, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == static_cast<ssize_t>(request.size())) return {};
        if (sent >= 0) return fail(Errc::system, "send to xosd");  // a packet goes whole or not at all
        if (errno == EPIPE || errno == ECONNRESET) return fail(Errc::unavailable, "send to xosd", errno);
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return fail_errno("send to xosd");
        if (auto ready = wait_for(fd, POLLOUT, deadline, "send to xosd"); !ready) return ready;
    }
}

Result<size_t> receive_reply(int fd, std::span<std::byte> buffer, const Deadline& deadline) {
    for (;;) {
        if (auto ready = wait_for(fd, POLLIN, deadline, "wait for xosd"); !ready)
            return std::unexpected(ready.error());
        // no room for control data: descriptors that a peer might attach are dropped by the kernel
        const ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (size > static_cast<ssize_t>(buffer.size())) return fail(Errc::too_small, "reply of xosd");
        if (size > 0) return static_cast<size_t>(size);
        if (size == 0) return fail(Errc::unavailable, kHungUp);
        if (errno == ECONNRESET) return fail(Errc::unavailable, kHungUp, errno);
        if (errno != EINTR && errno != EAGAIN) return fail_errno("receive from xosd");
    }
}

}  // namespace

Result<size_t> ask_xosd(std::span<const std::byte> request, std::span<std::byte> reply_buffer,
                        milliseconds budget) {
    const ErrnoGuard guard;
    const Deadline deadline(budget);
    const UniqueFd socket_fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_fd) return fail_errno("make a socket");
    if (auto connected = connect_to_xosd(socket_fd.get(), deadline); !connected)
        return std::unexpected(connected.error());
    if (auto peer = check_peer(socket_fd.get()); !peer) return std::unexpected(peer.error());
    if (auto sent = send_request(socket_fd.get(), request, deadline); !sent)
        return std::unexpected(sent.error());
    return receive_reply(socket_fd.get(), reply_buffer, deadline);
}

}  // namespace xos
