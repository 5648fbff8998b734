#include "cli/program_output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "cli/file_actions.h"
#include "libxos/unique_fd.h"

namespace xos {
namespace {

using Clock = std::chrono::steady_clock;

// Killed, unless it was waited for before.
class Child {
  public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

  private:
    pid_t pid_;
};

struct Pipe {
    UniqueFd read, write;
};

Outcome<Pipe> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return failure_errno(errno, "cannot make a pipe");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Outcome<pid_t> spawn(const std::vector<std::string>& words, int output, int errors) {
    FileActions files;
    posix_spawn_file_actions_addopen(&files.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files.actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files.actions, errors, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files.actions, STDERR_FILENO + 1);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const char* const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", nullptr};
    pid_t pid = -1;
    const int error = posix_spawn(&pid, words.at(0).c_str(), &files.actions, nullptr, arguments.data(),
                                  const_cast<char* const*>(environment));
    if (error == ENOENT) return failure(Errc::not_found, "{} is not installed", words[0]);
    if (error != 0) return failure_errno(error, "cannot run {}", words[0]);
    return pid;
}

// Reads what there is; false at the end, which closes fd.
Outcome<bool> read_some(UniqueFd& fd, std::string& text, size_t max, const std::string& program) {
    char bytes[4096];
    const ssize_t n = read(fd.get(), bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) return true;
    if (n < 0) return failure_errno(errno, "cannot read what {} says", program);
    if (n == 0) {
        fd.reset();
        return false;
    }
    if (text.size() + static_cast<size_t>(n) > max)
        return failure(Errc::too_small, "{} says more than {} bytes", program, max);
    text.append(bytes, static_cast<size_t>(n));
    return true;
}

int milliseconds_until(Clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

bool ends_before(pid_t pid, Clock::time_point end) {
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd fd{pidfd.get(), POLLIN, 0};
    int ready = -1;
    while (pidfd && (ready = poll(&fd, 1, milliseconds_until(end))) < 0 && errno == EINTR) {
    }
    return ready > 0;
}

std::unexpected<Failure> late(const std::string& program, std::chrono::milliseconds deadline) {
    return failure(Errc::timeout, "{} did not end within {} ms", program, deadline.count());
}

}  // namespace

Outcome<ProgramOutput> run_program(const std::vector<std::string>& words, size_t max,
                                   std::chrono::milliseconds deadline) {
    auto output = make_pipe(), errors = make_pipe();
    if (!output) return std::unexpected(output.error());
    if (!errors) return std::unexpected(errors.error());
    const auto end = Clock::now() + deadline;
    const auto pid = spawn(words, output->write.get(), errors->write.get());
    if (!pid) return std::unexpected(pid.error());
    Child child(*pid);
    output->write.reset();
    errors->write.reset();
    ProgramOutput result;
    while (output->read || errors->read) {
        pollfd fds[] = {{output->read.get(), POLLIN, 0}, {errors->read.get(), POLLIN, 0}};  // -1 is ignored
        const int ready = poll(fds, 2, milliseconds_until(end));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return failure_errno(errno, "cannot wait for {}", words[0]);
        if (ready == 0) return late(words[0], deadline);
        for (const auto& [fd, from, to] : {std::tuple{fds[0], &output->read, &result.output},
                                           std::tuple{fds[1], &errors->read, &result.errors}})
            if (fd.revents != 0)
                if (const auto more = read_some(*from, *to, max, words[0]); !more)
                    return std::unexpected(more.error());
    }
    if (!ends_before(*pid, end)) return late(words[0], deadline);  // it may close both and live on
    result.status = child.wait();
    return result;
}

}  // namespace xos
