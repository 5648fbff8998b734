#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "bench/accounts.h"
#include "libxos/names.h"

namespace xos::bench {
namespace {

constexpr int kProcesses = 25;  // of one contestant in one round
constexpr int kRounds = 21;
constexpr auto kBetweenReplacements = std::chrono::milliseconds(200);

double cpu_nanoseconds(const rusage& usage) {
    const auto nanoseconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

// The CPU time of one process that asks service for name, or for nothing where service is empty.
Outcome<double> run_one(const std::string& service, const std::string& name) {
    static std::string program = find_built("bench/one_look_up");
    std::string first = service, second = name;
    char* arguments[] = {program.data(), service.empty() ? nullptr : first.data(), second.data(), nullptr};
    char* environment[] = {nullptr};
    pid_t process = 0;
    if (const int error = posix_spawn(&process, program.c_str(), nullptr, nullptr, arguments, environment))
        return failure_errno(error, "cannot run {}", program);
    int status = 0;
    rusage usage{};
    while (wait4(process, &status, 0, &usage) < 0)
        if (errno != EINTR) return failure_errno(errno, "cannot wait for {}", program);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failure(Errc::invalid, "wrong answer");
    return cpu_nanoseconds(usage);
}

Turn take_turn_of_processes(const std::string& service, const Population& all) {
    return [service, &all, key = size_t{0}]() mutable -> Outcome<double> {
        std::vector<double> samples;
        for (int i = 0; i < kProcesses; ++i) {
            const Outcome<double> took = run_one(service, all.names[key = (key + 1) % all.keys()]);
            if (!took) return took;
            samples.push_back(*took);
        }
        return median(std::move(samples));
    };
}

// A process that replaces the accounts file now and then, until it is killed.
class Writer {
  public:
    explicit Writer(const AccountsSnapshot& snapshot) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) die("cannot make a pipe");
        process_ = fork();
        if (process_ < 0) die("cannot fork");
        if (process_ == 0) replace_for_ever(snapshot, ends[1]);
        close(ends[1]);
        replacements_ = ends[0];
    }
    ~Writer() {
        kill(process_, SIGKILL);
        waitpid(process_, nullptr, 0);
        close(replacements_);
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    [[nodiscard]] Outcome<void> make_run(bool runs) {
        if (runs == runs_) return {};
        int status = 0;
        if (kill(process_, runs ? SIGCONT : SIGSTOP) != 0 ||
            waitpid(process_, &status, runs ? WCONTINUED : WUNTRACED) != process_ || WIFEXITED(status))
            return failure(Errc::unavailable, "the writer of the accounts file has gone");
        runs_ = runs;
        return {};
    }
    // How often it has replaced the file since this was asked last.
    ssize_t count_replacements() const {
        char bytes[4096];
        return std::max(read(replacements_, bytes, sizeof bytes), ssize_t{0});
    }

  private:
    [[noreturn]] static void replace_for_ever(const AccountsSnapshot& snapshot, int replacements) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        auto writer = AccountsWriter::open(kAccountsFile, "");
        while (writer && writer->replace(snapshot) && write(replacements, "", 1) == 1)
            std::this_thread::sleep_for(kBetweenReplacements);
        _exit(1);
    }
    bool runs_ = true;
    pid_t process_ = 0;
    int replacements_ = -1;
};

}  // namespace

void measure_fresh_processes(const Field& field, Report& report) {
    Contest contest("CPU of a fresh process", field.users());
    contest.add("none", take_turn_of_processes("", field.population));
    for (const Peer* peer :
         {&field.floor, &field.xos, &field.sss, &field.systemd, &field.extrausers, &field.files})
        add(contest, *peer, take_turn_of_processes(peer->service, field.population));
    contest.run(kRounds);
    report.state(contest, "none");
    report.compare(contest, "xos", "floor", at_most(1.1), "none");
    for (const Peer* peer : {&field.sss, &field.systemd, &field.extrausers, &field.files})
        report.compare(contest, peer->name, "xos", {}, "none");
}

void measure_stopped_writer(const Field& field, Report& report) {
    Writer writer(field.population.snapshot);
    const Turn look_up = take_turn_by_name(field.xos, field.population, 64);
    ssize_t replacements[2] = {};  // while it was stopped, while it ran
    Contest contest("hit by name, writer of the file", field.users());
    for (const bool runs : {false, true})
        contest.add(runs ? "running" : "stopped", [&, runs]() -> Outcome<double> {
            if (const Outcome<void> changed = writer.make_run(runs); !changed)
                return std::unexpected(changed.error());
            writer.count_replacements();
            Outcome<double> took = look_up();
            replacements[runs] += writer.count_replacements();
            return took;
        });
    contest.run(kRounds);
    if (replacements[false] != 0 || replacements[true] == 0)
        die(compose("the writer replaced the file {} times while it was stopped, {} times while it ran",
                    replacements[false], replacements[true]));
    report.compare(contest, "stopped", "running", at_most(1.05));
}

}  // namespace xos::bench
