#include "xosd/container/operation.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "xosd/container/open_files.h"
#include "xosd/container/pidfd.h"

namespace xos {
namespace {

constexpr size_t kResultMax = 64 * 1024;

struct ResultHeader {
    uint32_t ok;
    uint32_t code;  // Errc
    int32_t pid;
    uint32_t has_pidfd;
    uint64_t start_time;
};

void keep_only(std::span<const int> keep, int result) {
    std::vector<int> kept(keep.begin(), keep.end());
    kept.push_back(result);
    std::ranges::sort(kept);
    unsigned int next = STDERR_FILENO + 1;
    for (const int fd : kept) {
        if (fd < static_cast<int>(next)) continue;
        if (static_cast<unsigned int>(fd) > next) close_range(next, static_cast<unsigned int>(fd) - 1, 0);
        next = static_cast<unsigned int>(fd) + 1;
    }
    close_range(next, ~0U, 0);
}

void send_result(int fd, const Outcome<OperationResult>& outcome) {
    ResultHeader header{};
    header.ok = outcome.has_value();
    header.code = outcome ? 0 : static_cast<uint32_t>(outcome.error().code);
    std::string text = outcome ? outcome->text : outcome.error().message;
    text.resize(std::min(text.size(), kResultMax - sizeof header));
    iovec parts[2] = {{&header, sizeof header}, {text.data(), text.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    if (outcome && outcome->process.pidfd) {
        header.pid = outcome->process.pid;
        header.start_time = outcome->process.start_time;
        header.has_pidfd = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        const int pidfd = outcome->process.pidfd.get();
        memcpy(CMSG_DATA(rights), &pidfd, sizeof pidfd);
    }
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) _exit(1);  // xosd is gone, or sees a child without a result
}

[[noreturn]] void run_child(int result, std::span<const int> keep, std::chrono::seconds limit,
                            const std::function<Outcome<OperationResult>()>& work) {
    setsid();
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // the deadline holds even where xosd itself is gone by then
    signal(SIGALRM, [](int) { kill(0, SIGKILL); });
    alarm(static_cast<unsigned int>(limit.count()) + 1);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(1);
    keep_only(keep, result);
    restore_open_files();
    umask(022);
    try {
        send_result(result, work());
    } catch (const std::exception& error) {
        send_result(result, failure(Errc::system, "{}", error.what()));
    }
    _exit(0);
}

Outcome<OperationResult> receive_result(int fd, const std::string& about) {
    std::vector<char> bytes(kResultMax);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    ResultHeader header{};
    if (n < static_cast<ssize_t>(sizeof header))
        return failure(Errc::system, "{} failed: its process died before it answered", about);
    memcpy(&header, bytes.data(), sizeof header);
    std::string text(bytes.data() + sizeof header, static_cast<size_t>(n) - sizeof header);
    if (header.ok == 0) return std::unexpected(Failure{static_cast<Errc>(header.code), std::move(text)});
    OperationResult out{std::move(text), {header.pid, UniqueFd(), header.start_time}};
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    if (header.has_pidfd != 0 && rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
        int pidfd = -1;
        memcpy(&pidfd, CMSG_DATA(rights), sizeof pidfd);
        out.process.pidfd.reset(pidfd);
    }
    return out;
}

}  // namespace

Operation& Operation::operator=(Operation&& other) noexcept {
    if (this == &other) return *this;
    stop();
    pid = std::exchange(other.pid, -1);
    pidfd = std::move(other.pidfd);
    result = std::move(other.result);
    deadline = other.deadline;
    about = std::move(other.about);
    cleanup = std::exchange(other.cleanup, nullptr);
    return *this;
}

void Operation::stop() {
    if (pid <= 0) return;
    kill(-pid,
         SIGKILL);  // criu and tar are of the child's session; it is not reaped yet, so the number is its own
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    if (const auto undo = std::exchange(cleanup, nullptr)) undo();
}

Outcome<Operation> begin_operation(std::string about, std::chrono::seconds limit, std::span<const int> keep,
                                   const std::function<Outcome<OperationResult>()>& work) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failure_errno(errno, "cannot make the result socket of {}", about);
    UniqueFd ours(ends[0]), theirs(ends[1]);
    const pid_t pid = fork();
    if (pid < 0) return failure_errno(errno, "cannot fork for {}", about);
    if (pid == 0) run_child(theirs.get(), keep, limit, work);
    Operation operation;
    operation.pid = pid;
    operation.pidfd.reset(pidfd_open(pid, 0));
    operation.result = std::move(ours);
    operation.deadline = std::chrono::steady_clock::now() + limit;
    operation.about = std::move(about);
    return operation;
}

Outcome<OperationResult> finish_operation(Operation operation) {
    using namespace std::chrono;
    pollfd slot{operation.result.get(), POLLIN, 0};
    int ready = 0;
    for (;;) {
        const auto left = duration_cast<milliseconds>(operation.deadline - steady_clock::now()).count();
        ready = poll(&slot, 1, static_cast<int>(std::max<int64_t>(left, 0)));
        if (ready >= 0 || errno != EINTR) break;
    }
    Outcome<OperationResult> outcome =
        ready > 0 ? receive_result(operation.result.get(), operation.about)
                  : failure(Errc::timeout, "{} took too long and was stopped", operation.about);
    if (outcome) operation.cleanup = nullptr;
    operation.stop();
    return outcome;
}

Outcome<uint64_t> read_start_time(pid_t pid) {
    std::ifstream file(compose("/proc/{}/stat", pid));
    std::string text;
    std::getline(file, text);
    // the command name may hold anything, also blanks and parentheses; numbers start behind its last one
    size_t at = text.rfind(')');
    if (at == std::string::npos) return failure(Errc::not_found, "process {} is gone", pid);
    for (int field = 2; field < 22; field++) at = std::min(text.find(' ', at + 1), text.size());
    const uint64_t time = std::strtoull(text.c_str() + at, nullptr, 10);
    if (time == 0) return failure(Errc::invalid, "/proc/{}/stat has no start time", pid);
    return time;
}

Outcome<ContainerProcess> open_process(pid_t pid, uint64_t start_time) {
    ContainerProcess process{pid, UniqueFd(pidfd_open(pid, 0)), 0};
    if (!process.pidfd) return failure(Errc::not_found, "process {} is gone", pid);
    auto time = read_start_time(pid);
    if (!time) return std::unexpected(time.error());
    if (start_time != 0 && *time != start_time)
        return failure(Errc::not_found, "process {} is gone, its number belongs to another one now", pid);
    process.start_time = *time;
    return process;
}

}  // namespace xos
