// xos-loader: pid 1 of a job.
//
// Starts the application as the job's user, reaps every process, relays the streams of a terminal or pipes to
// the person attached, keeps the exit status for xosd. When the application has ended, or xosd asks for it,
// the other processes are asked to end too; once they have, or had their time, it ends itself: the kernel
// then kills what is left. It runs as the root of the job's user namespace, which is nobody outside; no
// process of the job can become it.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "xosd/container/loader/ending.h"
#include "xosd/container/loader/exit_record.h"
#include "xosd/container/loader/job_file.h"
#include "xosd/container/loader/launch.h"
#include "xosd/container/loader/relay.h"

namespace xos::loader {
namespace {

constexpr int kRequestsMax = 4;       // connections whose first frame has not arrived
constexpr size_t kRequestMax = 64;    // bytes of a first frame
constexpr int kRequestMillis = 5000;  // how long a silent connection keeps its place
constexpr int kReapedMax = 256;       // in one round: a fork bomb must not keep the clock from being read

struct Request {
    int fd = -1;
    unsigned char bytes[kRequestMax];
    size_t size = 0;
};

Job g_job;
Stdio g_stdio;
Relay g_relay(g_stdio);
Request g_requests[kRequestsMax];
pid_t g_application = -1;  // 0: it has ended, and its number may be another's
Ending g_ending;

int listen_for_requests() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", kLoaderDir, kLoaderSocket);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 8) != 0)
        return -1;
    return fd;
}

int catch_children() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &children, nullptr) != 0) return -1;
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

// A peer outside has no pid in this namespace, and its uid is not mapped: nothing of the job can look like
// that.
bool is_from_outside(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == 0 && peer.uid == 65534;
}

[[noreturn]] void end_with_exec_error(const Launch& failed) {
    record_exec_error(failed.error, failed.what);
    char payload[4 + 400];
    store_le32(reinterpret_cast<unsigned char*>(payload), static_cast<uint32_t>(failed.error));
    const int text = snprintf(payload + 4, sizeof payload - 4, "%s", failed.what);
    const size_t room = sizeof payload - 5;
    g_relay.finish(FrameType::exec_error, payload,
                   4 + (static_cast<size_t>(text) < room ? static_cast<size_t>(text) : room));
    _exit(1);
}

[[noreturn]] void end_with_status() {
    unsigned char payload[4];
    store_le32(payload, static_cast<uint32_t>(g_ending.status()));
    g_relay.finish(FrameType::exit_status, reinterpret_cast<const char*>(payload), sizeof payload);
    _exit(0);
}

void start_application() {
    const Launch launched = launch(g_job, g_stdio);
    close_app_ends(g_stdio);
    if (launched.error != 0) end_with_exec_error(launched);
    g_application = launched.pid;
    if (!drop_loader_capabilities()) _exit(1);
}

enum class Left { none, some, unreaped };

// Reaps who has ended. What is left in the job: unreaped, where there may be more to reap at once.
Left reap() {
    for (int i = 0; i < kReapedMax; i++) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return pid == 0 ? Left::some : Left::none;
        if (pid != g_application) continue;
        g_application = 0;
        record_status(status);
        g_ending.begin(status, g_job.header.grace_millis);
        g_ending.ask_all();
    }
    return Left::unreaped;
}

// The process group, as a terminal would do it; the leader alone where it has left its group.
int signal_application(int number) {
    if (g_application <= 0) return ESRCH;
    return kill(-g_application, number) == 0 || kill(g_application, number) == 0 ? 0 : errno;
}

void answer(int fd, int error) {
    unsigned char frame[kFrameHeaderSize + 4];
    memcpy(frame, frame_header(FrameType::done, 4).data(), kFrameHeaderSize);
    store_le32(frame + kFrameHeaderSize, static_cast<uint32_t>(error));
    if (send(fd, frame, sizeof frame, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

void serve(Request& request, FrameType type, const unsigned char* payload, uint32_t length) {
    const int fd = request.fd;
    request.fd = -1;
    if (type == FrameType::attach && length == 4) {
        set_window_size(g_stdio, load_le16(payload), load_le16(payload + 2));
        g_relay.attach(fd);
        if (g_application < 0) start_application();
        return;
    }
    if (type == FrameType::detach) {
        g_relay.detach();
        answer(fd, 0);
    } else if (type == FrameType::signal && length == 4 && (load_le32(payload) & kSignalAll) != 0) {
        if (g_application < 0) _exit(0);  // nobody ever attached, nothing ran: there is no status to record
        g_ending.ask_all();
        answer(fd, 0);
    } else if (type == FrameType::signal && length == 4) {
        answer(fd, signal_application(static_cast<int>(load_le32(payload) & 0x7f)));
    }
    close(fd);
}

// Reads exactly the first frame: what follows an attach frame belongs to the relay.
void read_request(Request& request) {
    size_t want = kFrameHeaderSize;
    if (request.size >= kFrameHeaderSize) want += load_le32(request.bytes + 1);
    const ssize_t n = recv(request.fd, request.bytes + request.size, want - request.size, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) request.size += static_cast<size_t>(n);
    const auto header =
        request.size < kFrameHeaderSize
            ? FrameHeader{FrameType::done, 0}
            : parse_frame_header(request.bytes).value_or(FrameHeader{FrameType::done, kFrameMax});
    if (n <= 0 || header.length > kRequestMax - kFrameHeaderSize) {
        close(request.fd);
        request.fd = -1;
    } else if (request.size >= kFrameHeaderSize && request.size == kFrameHeaderSize + header.length) {
        serve(request, header.type, request.bytes + kFrameHeaderSize, header.length);
    } else if (request.size == kFrameHeaderSize) {
        read_request(request);
    }
}

void accept_request(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    for (Request& request : g_requests) {
        if (request.fd >= 0 || !is_from_outside(fd)) continue;
        request.fd = fd;
        request.size = 0;
        return;
    }
    close(fd);
}

void close_silent_requests() {
    for (Request& request : g_requests) {
        if (request.fd < 0) continue;
        close(request.fd);
        request.fd = -1;
    }
}

int poll_millis(bool waiting, Left left) {
    if (left == Left::unreaped) return 0;
    if (g_ending.begun()) return g_ending.millis_left();
    return waiting ? kRequestMillis : -1;
}

[[noreturn]] void run(int listener, int children) {
    for (Left left = Left::some;;) {
        pollfd slots[2 + kRequestsMax + Relay::kPollMax] = {{listener, POLLIN, 0}, {children, POLLIN, 0}};
        bool waiting = false;
        for (int i = 0; i < kRequestsMax; i++) {
            slots[2 + i] = {g_requests[i].fd, POLLIN, 0};
            waiting = waiting || g_requests[i].fd >= 0;
        }
        pollfd* const relay = slots + 2 + kRequestsMax;
        const int used = g_relay.prepare(relay);
        const int ready =
            poll(slots, static_cast<nfds_t>(2 + kRequestsMax + used), poll_millis(waiting, left));
        if (ready < 0) continue;  // EINTR, also after a checkpoint
        if (ready == 0 && left != Left::unreaped) close_silent_requests();
        signalfd_siginfo info;
        while (read(children, &info, sizeof info) > 0) {
        }
        int number = 0;
        g_relay.move(relay, used, number);
        if (number != 0) signal_application(number);
        left = reap();
        if (g_ending.begun() && (left == Left::none || g_ending.millis_left() == 0)) end_with_status();
        for (int i = 0; i < kRequestsMax; i++)
            if (slots[2 + i].fd >= 0 && slots[2 + i].revents != 0) read_request(g_requests[i]);
        if (slots[0].revents != 0) accept_request(listener);
    }
}

int start() {
    umask(077);
    // it stays dumpable: of a restored process that is not, CRIU could no longer enter the namespaces for a
    // second dump
    char path[64];
    snprintf(path, sizeof path, "%s/%s", kLoaderDir, kLoaderJob);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !read_job(path, g_job)) return 1;
    if (!make_stdio(g_job, g_stdio)) {
        record_exec_error(errno, "the job's terminal");
        return 1;
    }
    const int children = catch_children(), listener = listen_for_requests();
    if (children < 0 || listener < 0 || write(kLoaderReadyFd, "", 1) != 1) return 1;
    close(kLoaderReadyFd);
    // with nobody attached a terminal's first lines would wait unseen; files need nobody
    if (g_stdio.kind == JobStdio::file) start_application();
    run(listener, children);
}

}  // namespace
}  // namespace xos::loader

int main() {
    return xos::loader::start();
}
