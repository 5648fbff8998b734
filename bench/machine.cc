#include "bench/machine.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>
#include <utility>

#include "common/file.h"

namespace xos::bench {
namespace {

constexpr auto kLook = std::chrono::milliseconds(1);
constexpr auto kSettled = std::chrono::seconds(30);
constexpr size_t kCgroupFileMax = size_t{1} << 20;
constexpr char kPart[] = "bench";

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

UniqueFd make_memory(const char* name) {
    return UniqueFd(memfd_create(name, MFD_CLOEXEC));
}

std::string content(int fd) {
    std::string text(4096, '\0');
    const ssize_t size = pread(fd, text.data(), text.size(), 0);
    text.resize(static_cast<size_t>(std::max(size, ssize_t{0})));
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

bool write_all(int fd, std::string_view text) {
    return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool join_cgroup(const std::string& path) {
    const UniqueFd processes(open((path + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    return processes && write_all(processes.get(), "0");
}

bool become(const Command& command) {
    if (command.uid == 0) return true;
    return setgroups(0, nullptr) == 0 && setgid(command.gid) == 0 && setuid(command.uid) == 0;
}

// Ends in the command, or with 125.
[[noreturn]] void hold(const Command& command, int barrier, int output, int errors) {
    const std::vector<char*> arguments = pointers(command.arguments),
                             environment = pointers(command.environment);
    const std::string part = command.machine->cgroup(kPart);
    char go = 0;
    const bool there = command.machine->enter() && chdir("/") == 0 && join_cgroup(part) && become(command);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (there && null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(errors, STDERR_FILENO) >= 0 && write_all(barrier, "r") && read(barrier, &go, 1) == 1)
        execve(arguments[0], arguments.data(), environment.data());
    _exit(125);
}

// Of sshd, sshd-session and sshd-auth, in whatever cgroup below path: a session may have one of its own.
// Cgroups and processes that go meanwhile are not counted.
size_t count_sshd(const std::string& path) {
    size_t found = 0;
    std::istringstream processes(read_file(path + "/cgroup.procs", kCgroupFileMax).value_or(""));
    for (std::string process; std::getline(processes, process);)
        if (read_file("/proc/" + process + "/comm", 64).value_or("").starts_with("sshd")) ++found;
    namespace fs = std::filesystem;
    std::error_code gone, no_directory;
    for (fs::directory_iterator entry(path, gone); !gone && entry != fs::directory_iterator();
         entry.increment(gone))
        if (entry->is_directory(no_directory)) found += count_sshd(entry->path());
    return found;
}

}  // namespace

Outcome<Machine> Machine::open(std::string_view where) {
    const size_t comma = where.find(','), slash = where.rfind('/');
    if (comma == std::string_view::npos || slash == std::string_view::npos || slash < comma)
        return failure(Errc::invalid, "\"{}\" is not HOLDER,CGROUP", where);
    Machine machine;
    const std::string_view holder = where.substr(0, comma);
    machine.name_ = where.substr(slash + 1);
    machine.cgroup_ = where.substr(comma + 1);
    for (auto& [fd, kind] : {std::pair(&machine.mounts_, "mnt"), std::pair(&machine.host_name_, "uts")}) {
        const std::string path = compose("/proc/{}/ns/{}", holder, kind);
        *fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (!*fd) return failure_errno(errno, "cannot open {}", path);
    }
    if (mkdir(machine.cgroup(kPart).c_str(), 0755) != 0 && errno != EEXIST)
        return failure_errno(errno, "cannot make {}", machine.cgroup(kPart));
    return machine;
}

bool Machine::enter() const {
    return setns(host_name_.get(), CLONE_NEWUTS) == 0 && setns(mounts_.get(), CLONE_NEWNS) == 0;
}

Outcome<double> Machine::used(std::string_view part) const {
    constexpr std::string_view kUsage = "usage_usec ";  // cgroup-v2.rst, CPU interface files
    const std::string path = cgroup(part) + "/cpu.stat";
    const auto text = read_file(path, kCgroupFileMax);
    if (!text) return std::unexpected(text.error());
    double microseconds = 0;
    const size_t at = text->find(kUsage);
    if (at == std::string::npos ||
        std::from_chars(text->data() + at + kUsage.size(), text->data() + text->size(), microseconds).ec !=
            std::errc())
        return failure(Errc::invalid, "{} has no {}", path, kUsage);
    return microseconds * 1e3;
}

Outcome<void> Machine::settle() const {
    const auto end = std::chrono::steady_clock::now() + kSettled;
    for (;;) {
        const size_t running = count_sshd(cgroup_);
        if (running == 1) return {};
        if (std::chrono::steady_clock::now() > end)
            return failure(Errc::timeout, "sshd on {} has {} processes, not one that listens", name_,
                           running);
        std::this_thread::sleep_for(kLook);
    }
}

Outcome<Run> Run::prepare(const Command& command) {
    Run run;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return failure_errno(errno, "cannot make a pair of sockets");
    run.program_ = command.arguments.at(0);
    run.barrier_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    run.output_ = make_memory("output");
    run.errors_ = make_memory("errors");
    if (!run.output_ || !run.errors_) return failure_errno(errno, "cannot keep what {} says", run.program_);
    run.process_ = fork();
    if (run.process_ < 0) return failure_errno(errno, "cannot fork");
    if (run.process_ == 0) hold(command, theirs.get(), run.output_.get(), run.errors_.get());
    return run;
}

Run::Run(Run&& other) noexcept
    : process_(std::exchange(other.process_, 0)),
      program_(std::move(other.program_)),
      barrier_(std::move(other.barrier_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)),
      began_(other.began_) {}

Run::~Run() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

void Run::begin() {
    char ready = 0;
    // one that is not there has ended, and wait() says so
    (void)!read(barrier_.get(), &ready, 1);
    began_ = std::chrono::steady_clock::now();
    (void)send(barrier_.get(), "g", 1, MSG_NOSIGNAL);
}

Outcome<Ended> Run::wait() {
    int status = 0;
    const pid_t process = std::exchange(process_, 0);
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return failure_errno(errno, "cannot wait for {}", program_);
    const auto took = std::chrono::steady_clock::now() - began_;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failure(Errc::invalid, "{} ended with status {}: {}", program_,
                       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content(errors_.get()));
    return Ended{took, content(output_.get())};
}

Outcome<Ended> run(const Command& command) {
    auto prepared = Run::prepare(command);
    if (!prepared) return std::unexpected(prepared.error());
    prepared->begin();
    return prepared->wait();
}

Outcome<double> run_for_cpu(const Command& command) {
    const auto before = command.machine->used(kPart);
    if (!before) return before;
    if (const auto ended = run(command); !ended) return std::unexpected(ended.error());
    return command.machine->used(kPart).transform([&](double after) { return after - *before; });
}

}  // namespace xos::bench
