// The listeners of bench/tracking that are programs of Debian.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "bench/listener.h"
#include "bench/storm.h"
#include "common/failure.h"

namespace xos::bench {
namespace {

bool redirect(int number, const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return fd >= 0 && dup2(fd, number) == number;
}

// "TIME EVENT PID ..": a fork has two lines, of the parent and of the child.
uint64_t count_forkstat(const std::string& line) {
    std::istringstream words(line);
    std::string time, event;
    words >> time >> event;
    return event == "fork" ? 1 : event == "exec" || event == "exit" ? 2 : 0;
}

uint64_t count_bpftrace(const std::string& line) {
    return line.starts_with("fork ") || line.starts_with("exec ") || line.starts_with("exit ") ? 2 : 0;
}

}  // namespace

PeerProgram::PeerProgram(std::vector<std::string> arguments, CountHalves count)
    : name_(arguments[0]), count_(count) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const JobCgroup own = ground().agent_cgroup();
    pid_ = test::spawn_in(own, [&] {
        if (redirect(1, directory_ / "output") && redirect(2, directory_ / "errors"))
            execvp(pointers[0], pointers.data());
        return 127;
    });
    wait_quiet(own);
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == 0) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) test::give_up(name_ + " is not installed");
    test::give_up(compose("{} ended at once: {}", name_, read_output("errors")));
}

std::string PeerProgram::read_output(const char* name) const {
    std::ifstream file(directory_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<uint64_t> PeerProgram::events() {
    kill(pid_, SIGINT);
    test::reap(pid_);
    std::istringstream lines(read_output("output"));
    uint64_t halves = 0;
    for (std::string line; std::getline(lines, line);) halves += count_(line);
    return halves / 2;
}

std::unique_ptr<Listener> start_forkstat() {
    return std::make_unique<PeerProgram>(std::vector<std::string>{"forkstat", "-e", "fork,exec,exit"},
                                         count_forkstat);
}

std::unique_ptr<Listener> start_bpftrace() {
    // raw: the tracepoints that have a format file are read from tracefs, which a locked down kernel hides
    return std::make_unique<PeerProgram>(
        std::vector<std::string>{"bpftrace", "-e",
                                 "rawtracepoint:sched_process_fork { printf(\"fork %d\\n\", pid); } "
                                 "rawtracepoint:sched_process_exec { printf(\"exec %d\\n\", pid); } "
                                 "rawtracepoint:sched_process_exit { printf(\"exit %d %d\\n\", pid, tid); }"},
        count_bpftrace);
}

}  // namespace xos::bench
