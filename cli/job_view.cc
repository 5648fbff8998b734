#include "cli/job_view.h"

#include "cli/reply_fields.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <map>
#include <ranges>

namespace xos {
namespace {

constexpr size_t kIndentMax = 32;
constexpr size_t kProcessesMax = 1'000'000;

std::string clock_text(int64_t seconds) {
    if (seconds == 0) return "-";
    const time_t time = seconds;
    tm local{};
    localtime_r(&time, &local);
    char text[32];
    strftime(text, sizeof text, "%m-%d %H:%M:%S", &local);
    return text;
}

std::string cpu_text(uint64_t usec) {
    const uint64_t centis = usec / 10000;
    return compose("{}:{:02}.{:02}", centis / 6000, centis / 100 % 60, centis % 100);
}

std::string process_line(const ProcessView& process, size_t depth, size_t width) {
    std::string line = compose("{:>8} {:>6}  {:<2} {:<14} {:>9}  {}{}{}", process.pid,
                               process.container_pid == 0 ? "?" : std::to_string(process.container_pid),
                               plain(process.state), clock_text(process.started_usec / 1000000),
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
    job.cpu_usec = static_cast<uint64_t>(optional_number(node, "cpuUsec"));
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

std::string describe_end(const JobView& job) {
    if (job.state != "ended") return job.state;
    if (!job.wait_status)
        return job.reason.empty() ? "ended, how is not known" : "ended: " + plain(job.reason);
    const int status = *job.wait_status;
    if (WIFEXITED(status)) return compose("exited {}", WEXITSTATUS(status));
    const char* name = sigabbrev_np(WTERMSIG(status));
    return compose("killed by SIG{}{}", name == nullptr ? std::to_string(WTERMSIG(status)) : name,
                   WCOREDUMP(status) ? " (core dumped)" : "");
}

std::string format_jobs(const std::vector<JobView>& jobs) {
    std::string out = compose("{:<8} {:<20} {:<14} {:<14} {:>9} {:>4}  {}\n", "JOB", "STATE", "SUBMITTED",
                              "ENDED", "CPU", "CKPT", "COMMAND");
    for (const JobView& job : jobs) {
        const bool told = job.state != "ended" || job.wait_status;
        out += compose(
            "{:<8} {:<20} {:<14} {:<14} {:>9} {:>4}  {}{}\n", job.job, told ? describe_end(job) : "ended",
            clock_text(job.submitted), clock_text(job.ended), cpu_text(job.cpu_usec),
            job.generation == 0 ? "-" : std::to_string(job.generation), plain(job.command),
            told ? "" : "  (" + (job.reason.empty() ? "how is not known" : plain(job.reason)) + ")");
    }
    return out;
}

std::string format_process_tree(const std::vector<ProcessView>& processes, size_t width) {
    std::map<int64_t, std::vector<const ProcessView*>> children;
    std::map<int64_t, const ProcessView*> known;
    for (const ProcessView& process : processes) known[process.pid] = &process;
    std::vector<std::pair<const ProcessView*, size_t>> next;  // with its depth; the last one comes first
    for (const ProcessView& process : processes | std::views::reverse) {
        if (process.parent != process.pid && known.contains(process.parent))
            children[process.parent].push_back(&process);
        else
            next.emplace_back(&process, 0);
    }
    std::string out =
        compose("{:>8} {:>6}  {:<2} {:<14} {:>9}  {}\n", "PID", "INSIDE", "ST", "STARTED", "CPU", "COMMAND");
    // no recursion: a job may make a chain as long as it likes
    while (!next.empty()) {
        const auto [process, depth] = next.back();
        next.pop_back();
        out += process_line(*process, depth, width);
        if (const auto found = children.find(process->pid); found != children.end())
            for (const ProcessView* child : found->second) next.emplace_back(child, depth + 1);
    }
    return out;
}

int exit_code_of(int32_t wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace xos
