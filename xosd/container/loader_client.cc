#include "xosd/container/loader_client.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/job_stream.h"
#include "xosd/container/layer.h"
#include "xosd/container/loader_protocol.h"
#include "xosd/container/pidfd.h"

namespace xos {
namespace {

Outcome<UniqueFd> find_socket(const ContainerProcess& process) {
    UniqueFd root(open(compose("/proc/{}/root", process.pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return failure(Errc::not_found, "the job's process {} is gone", process.pid);
    UniqueFd found =
        open_beneath(root.get(), compose("{}/{}", kLoaderDir, kLoaderSocket), O_PATH | O_NOFOLLOW);
    if (!found) return failure_errno(errno, "cannot reach the loader of process {}", process.pid);
    // alive after the look: the number was not another process's meanwhile
    if (pidfd_send_signal(process.pidfd.get(), 0, nullptr, 0) != 0)
        return failure(Errc::not_found, "the job's process {} is gone", process.pid);
    struct stat st{};
    if (fstat(found.get(), &st) != 0 || !S_ISSOCK(st.st_mode))
        return failure(Errc::invalid, "what lies where the loader of process {} listens is no socket",
                       process.pid);
    return found;
}

// A connection on which request was sent whole. Never blocks: a full backlog is a failure.
Outcome<UniqueFd> send_request(const ContainerProcess& process, const std::string& request) {
    auto found = find_socket(process);
    if (!found) return std::unexpected(found.error());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", found->get());
    if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return failure_errno(errno, "cannot connect to the loader of process {}", process.pid);
    if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return failure_errno(errno, "cannot send a request to the loader of process {}", process.pid);
    return fd;
}

// The done frame, then the end of the connection.
Outcome<void> await_done(int fd, std::chrono::milliseconds limit) {
    using namespace std::chrono;
    const auto end = steady_clock::now() + limit;
    FrameReader reader;
    std::optional<int32_t> answer;
    for (;;) {
        pollfd slot{fd, POLLIN, 0};
        const auto left = duration_cast<milliseconds>(end - steady_clock::now()).count();
        const int ready = left > 0 ? poll(&slot, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return failure(Errc::timeout, "the job's loader did not answer in time");
        char bytes[64];
        const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) break;
        reader.feed({bytes, static_cast<size_t>(n)});
        const auto frame = reader.next();
        if (!frame) return std::unexpected(to_failure(frame.error()));
        if (*frame && (*frame)->type == FrameType::done) answer = parse_number(**frame);
    }
    if (!answer)
        return failure(Errc::unavailable, "the job's loader closed the connection without an answer");
    if (*answer != 0) return failure_errno(*answer, "the job's loader could not do it");
    return {};
}

Outcome<void> request_done(const ContainerProcess& process, const std::string& request,
                           std::chrono::milliseconds limit) {
    auto fd = send_request(process, request);
    if (!fd) return std::unexpected(fd.error());
    return await_done(fd->get(), limit);
}

}  // namespace

Outcome<UniqueFd> connect_loader(const ContainerProcess& process, uint16_t rows, uint16_t columns) {
    auto fd = send_request(process, encode_window_size(FrameType::attach, rows, columns));
    if (!fd) return fd;
    // the program that gets it expects the usual blocking mode
    if (fcntl(fd->get(), F_SETFL, 0) != 0) return failure_errno(errno, "cannot prepare the job's stream");
    return fd;
}

Outcome<void> detach_streams(const ContainerProcess& process, std::chrono::milliseconds limit) {
    return request_done(process, encode_frame(FrameType::detach), limit);
}

Outcome<void> ask_all_to_end(const ContainerProcess& process) {
    const auto fd = send_request(process, encode_number(FrameType::signal, kSignalAll | SIGTERM));
    if (!fd) return std::unexpected(fd.error());
    return {};
}

Outcome<void> signal_application(const ContainerProcess& process, int number,
                                 std::chrono::milliseconds limit) {
    return request_done(process, encode_number(FrameType::signal, static_cast<uint32_t>(number)), limit);
}

}  // namespace xos
