#include "cli/job_view.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <map>
#include <ranges>

#include "cli/clock_text.h"
#include "cli/reply_fields.h"

namespace xos {
namespace {

constexpr size_t kIndentMax = 32;
constexpr size_t kUserWidthMax = 24;
constexpr size_t kProcessesMax = 1'000'000;

std::string short_clock_text(int64_t seconds) {
    if (seconds == 0) return "-";
    const time_t time = seconds;
    tm local{};
    localtime_r(&time, &local);
    char text[32];
    strftime(text, sizeof text, "%m-%d %H:%M:%S", &local);
    return text;
}

// Which of the optional columns any process fills.
struct Columns {
    size_t user = 0;  // how wide; 0: none
    bool threads = false, memory = false;
};

Columns columns_of(const std::vector<ProcessView>& processes) {
    Columns columns;
    for (const ProcessView& process : processes) {
        columns.user = std::max(columns.user, std::min(plain(process.user).size(), kUserWidthMax));
        columns.threads |= process.threads.has_value();
        columns.memory |= process.memory.has_value();
    }
    if (columns.user != 0) columns.user = std::max(columns.user, std::string_view("USER").size());
    return columns;
}

// Of a column of eight: hours, minutes, seconds.
std::string hours_text(uint64_t usec) {
    const uint64_t seconds = usec / 1'000'000;
    return compose("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string seconds_text(uint64_t usec) {
    return compose("{}.{:06} s", usec / 1'000'000, usec % 1'000'000);
}

// What stands in the optional columns, each with a space behind it.
std::string optional_columns(const Columns& columns, const std::string& user, const std::string& threads,
                             const std::string& memory) {
    std::string text;
    if (columns.user != 0) text += compose("{:<{}.{}} ", user, columns.user, columns.user);
    if (columns.threads) text += compose("{:>4} ", threads);
    if (columns.memory) text += compose("{:>5} ", memory);
    return text;
}

std::string process_line(const ProcessView& process, size_t depth, size_t width, const Columns& columns) {
    const std::string more = optional_columns(
        columns, plain(process.user), process.threads ? std::to_string(*process.threads) : "?",
        process.memory ? memory_text(static_cast<uint64_t>(*process.memory)) : "?");
    std::string line = compose("{:>8} {:>6}  {:<2} {}{:<14} {:>9}  {}{}{}", process.pid,
                               process.container_pid == 0 ? "?" : std::to_string(process.container_pid),
                               plain(process.state), more, short_clock_text(process.started_usec / 1000000),
                               cpu_text(process.cpu_usec), std::string(2 * std::min(depth, kIndentMax), ' '),
                               plain(process.command), process.escaped ? "  (escaped from the job)" : "");
    if (width != 0 && line.size() > width) line.resize(width);
    return line + "\n";
}

}  // namespace

Outcome<JobView> read_job_view(const JsonNode& node) {
    JobView job;
    const auto name = node.string("job", 64), state = node.string("state", 32);
    if (!name || !state) return node.invalid("expected a job");
    job.job = *name;
    job.state = *state;
    job.login = optional_text(node, "login");
    job.command = optional_text(node, "command");
    job.reason = optional_text(node, "reason");
    job.output = optional_text(node, "output");
    job.submitted = optional_number(node, "submitted");
    job.started = optional_number(node, "started");
    job.ended = optional_number(node, "ended");
    job.generation = static_cast<uint64_t>(optional_number(node, "generation"));
    for (const auto& [key, field] : {std::pair("cpuUsec", &job.cpu_usec),
                                     {"cpuUserUsec", &job.cpu_user_usec},
                                     {"cpuSystemUsec", &job.cpu_system_usec},
                                     {"memoryPeak", &job.memory_peak},
                                     {"processesPeak", &job.processes_peak},
                                     {"processesTotal", &job.processes_total},
                                     {"wallUsec", &job.wall_usec}})
        if (const auto found = node.find(key))
            if (const auto number = found->integer(0, INT64_MAX)) *field = static_cast<uint64_t>(*number);
    if (const auto status = node.find("waitStatus"))
        if (const auto number = status->integer(0, 0xffff)) job.wait_status = static_cast<int32_t>(*number);
    return job;
}

Outcome<ProcessView> read_process_view(const JsonNode& node) {
    ProcessView process;
    process.pid = optional_number(node, "pid");
    process.parent = optional_number(node, "parent");
    process.container_pid = optional_number(node, "containerPid");
    process.started_usec = optional_number(node, "started");
    process.cpu_usec = static_cast<uint64_t>(optional_number(node, "cpuUsec"));
    process.state = optional_text(node, "state");
    process.command = optional_text(node, "command");
    process.comm = optional_text(node, "comm");
    process.uid = find_number(node, "uid");
    process.threads = find_number(node, "threads");
    process.memory = find_number(node, "memory");
    if (const auto escaped = node.find("escaped")) process.escaped = escaped->boolean().value_or(false);
    if (process.pid == 0) return node.invalid("expected a process");
    return process;
}

Outcome<std::vector<ProcessView>> read_process_views(const JsonNode& list) {
    const auto count = list.array(kProcessesMax);
    if (!count) return std::unexpected(count.error());
    std::vector<ProcessView> processes;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list.at(i);
        auto process = read_process_view(element);
        if (!process) return std::unexpected(process.error());
        processes.push_back(*std::move(process));
    }
    return processes;
}

namespace {

// Of a job it is said in the past, of its processes as an event.
std::string describe_job_status(int32_t status) {
    return WIFEXITED(status) ? compose("exited {}", WEXITSTATUS(status)) : describe_status(status);
}

}  // namespace

std::string describe_end(const JobView& job) {
    if (job.state != "ended") return job.state;
    if (!job.wait_status)
        return job.reason.empty() ? "ended, how is not known" : "ended: " + plain(job.reason);
    return describe_job_status(*job.wait_status) + (job.reason.empty() ? "" : ": " + plain(job.reason));
}

std::string format_jobs(const std::vector<JobView>& jobs) {
    std::string out = compose("{:<8} {:<20} {:<14} {:>8} {:>5} {:>9} {:>4}  {}\n", "JOB", "STATE",
                              "SUBMITTED", "TIME", "MEM", "CPU", "CKPT", "COMMAND");
    for (const JobView& job : jobs) {
        std::string why;
        if (job.state == "ended" && !job.reason.empty())
            why = "  (" + plain(job.reason) + ")";
        else if (job.state == "ended" && !job.wait_status)
            why = "  (how is not known)";
        out += compose("{:<8} {:<20} {:<14} {:>8} {:>5} {:>9} {:>4}  {}{}\n", job.job,
                       job.state == "ended" && job.wait_status ? describe_job_status(*job.wait_status)
                                                               : plain(job.state),
                       short_clock_text(job.submitted), job.wall_usec ? hours_text(*job.wall_usec) : "-",
                       job.memory_peak ? memory_text(*job.memory_peak) : "-",
                       job.cpu_usec ? cpu_text(*job.cpu_usec) : "-",
                       job.generation == 0 ? "-" : std::to_string(job.generation), plain(job.command), why);
    }
    return out;
}

std::string format_job(const JobView& job) {
    std::string out;
    const auto line = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) out += compose("{:<12} {}\n", compose("{}:", name), value);
    };
    const bool ended = job.state == "ended";
    const auto measured = [&](const std::optional<uint64_t>& value, auto&& text) -> std::string {
        if (value) return text(*value);
        return ended ? "not known" : "";
    };
    line("job", job.job);
    line("user", plain(job.login));
    line("state", describe_end(job));
    if (!ended) line("because", plain(job.reason));
    line("command", plain(job.command));
    line("output", plain(job.output));
    line("submitted", clock_text(static_cast<uint64_t>(job.submitted)));
    line("started", clock_text(static_cast<uint64_t>(job.started)));
    line("ended", clock_text(static_cast<uint64_t>(job.ended)));
    line("checkpoint", job.generation == 0 ? "none" : std::to_string(job.generation));
    line("time", measured(job.wall_usec, seconds_text));
    line("processor", measured(job.cpu_usec, seconds_text));
    line("- user", measured(job.cpu_user_usec, seconds_text));
    line("- system", measured(job.cpu_system_usec, seconds_text));
    line("memory",
         measured(job.memory_peak, [](uint64_t bytes) { return compose("{} bytes at most", bytes); }));
    line("processes", measured(job.processes_total, [](uint64_t number) { return std::to_string(number); }));
    line("- at a time",
         measured(job.processes_peak, [](uint64_t number) { return compose("{} at most", number); }));
    return out;
}

std::string format_losses(uint64_t events, uint64_t exit_codes) {
    if (events + exit_codes == 0) return {};
    return compose("{} events were lost, {} exit codes are unknown; the tree was read again since\n", events,
                   exit_codes);
}

std::vector<std::pair<const ProcessView*, size_t>> arrange_tree(const std::vector<ProcessView>& processes) {
    std::map<int64_t, std::vector<const ProcessView*>> children;
    std::map<int64_t, const ProcessView*> known;
    for (const ProcessView& process : processes) known[process.pid] = &process;
    std::vector<std::pair<const ProcessView*, size_t>> next, tree;  // the last of next comes first
    for (const ProcessView& process : processes | std::views::reverse) {
        if (process.parent != process.pid && known.contains(process.parent))
            children[process.parent].push_back(&process);
        else
            next.emplace_back(&process, 0);
    }
    // no recursion: a job may make a chain as long as it likes
    while (!next.empty()) {
        const auto [process, depth] = next.back();
        next.pop_back();
        tree.emplace_back(process, depth);
        if (const auto found = children.find(process->pid); found != children.end())
            for (const ProcessView* child : found->second) next.emplace_back(child, depth + 1);
    }
    return tree;
}

std::string format_process_tree(const std::vector<ProcessView>& processes, size_t width) {
    const Columns columns = columns_of(processes);
    std::string out = compose("{:>8} {:>6}  {:<2} {}{:<14} {:>9}  {}\n", "PID", "INSIDE", "ST",
                              optional_columns(columns, "USER", "THR", "MEM"), "STARTED", "CPU", "COMMAND");
    for (const auto& [process, depth] : arrange_tree(processes))
        out += process_line(*process, depth, width, columns);
    return out;
}

std::string memory_text(uint64_t bytes) {
    static constexpr char kUnits[] = "KMGTPE";
    double size = static_cast<double>(bytes) / 1024;
    size_t unit = 0;
    for (; size >= 999.5 && unit + 2 < sizeof kUnits; ++unit) size /= 1024;
    return size < 9.95 && unit > 0 ? compose("{:.1f}{}", size, kUnits[unit])
                                   : compose("{:.0f}{}", size, kUnits[unit]);
}

std::string cpu_text(uint64_t usec) {
    const uint64_t centis = usec / 10000;
    return compose("{}:{:02}.{:02}", centis / 6000, centis / 100 % 60, centis % 100);
}

std::string describe_status(int32_t status) {
    if (WIFEXITED(status)) return compose("exit {}", WEXITSTATUS(status));
    const char* name = sigabbrev_np(WTERMSIG(status));
    return compose("killed by SIG{}{}", name == nullptr ? std::to_string(WTERMSIG(status)) : name,
                   WCOREDUMP(status) ? " (core dumped)" : "");
}

int exit_code_of(int32_t wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace xos
