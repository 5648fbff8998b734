#include "xosd/child_task.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "libxos/unique_fd.h"

namespace xos {
namespace {

constexpr size_t kAnswerMax = 16 * 1024 * 1024;
constexpr char kGood = '+';  // first byte of an answer; a failure has its Errc there instead

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text.remove_prefix(static_cast<size_t>(n));
    }
}

[[noreturn]] void run_child(int out, const ChildTask::Work& work) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string answer;
    try {
        auto result = work();
        answer = result ? kGood + *result
                        : std::string(1, static_cast<char>('A' + static_cast<int>(result.error().code))) +
                              result.error().message;
    } catch (const std::exception& error) {
        answer = std::string(1, static_cast<char>('A' + static_cast<int>(Errc::system))) + error.what();
    }
    write_all(out, answer);
    _exit(0);
}

Outcome<std::string> parse_answer(const std::string& name, const std::string& bytes, bool late) {
    if (late) return failure(Errc::timeout, "{}: not done before its deadline", name);
    if (bytes.empty()) return failure(Errc::system, "{}: the worker process died", name);
    if (bytes[0] == kGood) return bytes.substr(1);
    const int code = bytes[0] - 'A';
    if (code < 0 || code > static_cast<int>(Errc::system)) return failure(Errc::system, "{}: bad answer", name);
    return std::unexpected(Failure{static_cast<Errc>(code), bytes.substr(1)});
}

}  // namespace

struct ChildTask::Impl {
    std::string name;
    pid_t pid = -1;
    UniqueFd pidfd, pipe;
    std::string answer;
    bool late = false;
    Done done;
    EventSource on_pipe, on_deadline;

    ~Impl() {
        if (pid < 0) return;
        pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
        reap();
    }
    void reap() {
        siginfo_t info{};
        while (waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
        }
        pid = -1;
    }
    void read_some() {
        char buffer[65536];
        const ssize_t n = read(pipe.get(), buffer, sizeof buffer);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n > 0 && answer.size() + static_cast<size_t>(n) <= kAnswerMax) {
            answer.append(buffer, static_cast<size_t>(n));
            return;
        }
        finish();
    }
    void finish() {
        // the pipe is closed only by the child's end: SIGKILL makes sure that a stray holder cannot delay it
        pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
        reap();
        on_pipe = {};
        on_deadline = {};
        auto call = std::move(done);
        call(parse_answer(name, answer, late));  // may destroy this
    }
};

ChildTask::ChildTask(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChildTask::~ChildTask() = default;

Outcome<std::unique_ptr<ChildTask>> ChildTask::start(EventLoop& loop, std::string name, std::chrono::seconds deadline,
                                                     Work work, Done done) {
    auto impl = std::make_unique<Impl>();
    impl->name = std::move(name);
    impl->done = std::move(done);
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return failure_errno(errno, "{}: cannot make a pipe", impl->name);
    impl->pipe = UniqueFd(fds[0]);
    UniqueFd out(fds[1]);
    fcntl(impl->pipe.get(), F_SETFL, O_NONBLOCK);
    const pid_t pid = fork();
    if (pid < 0) return failure_errno(errno, "{}: cannot start a worker process", impl->name);
    if (pid == 0) run_child(out.get(), work);
    impl->pid = pid;
    impl->pidfd = UniqueFd(pidfd_open(pid, 0));
    Impl* raw = impl.get();
    auto io = loop.watch_fd(impl->pipe.get(), EPOLLIN, [raw](uint32_t) { raw->read_some(); });
    if (!io) return std::unexpected(io.error());
    impl->on_pipe = *std::move(io);
    auto timer = loop.after(deadline, [raw] {
        raw->late = true;
        raw->finish();
    });
    if (!timer) return std::unexpected(timer.error());
    impl->on_deadline = *std::move(timer);
    return std::unique_ptr<ChildTask>(new ChildTask(std::move(impl)));
}

}  // namespace xos
