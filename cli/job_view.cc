#include "cli/job_view.h"

#include <sys/wait.h>

#include <cstring>
#include <ctime>
#include <map>

namespace xos {
namespace {

std::string plain(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    return out;
}

int64_t optional_number(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    if (!field) return 0;
    return static_cast<int64_t>(field->integer(0, INT64_MAX).value_or(0));
}

std::string optional_text(const JsonNode& node, const char* key) {
    const auto field = node.find(key);
    return field && field->is_string() ? field->string(64 * 1024).value_or("") : "";
}

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

using Children = std::multimap<int64_t, const ProcessView*>;

void format_branch(const Children& children, const ProcessView& process, const std::string& indent, size_t width,
                   std::string& out) {
    std::string line = compose("{:>8} {:>6}  {:<2} {:<14} {:>9}  {}{}{}", process.pid,
                                   process.container_pid == 0 ? "?" : std::to_string(process.container_pid),
                                   process.state, clock_text(process.started_usec / 1000000), cpu_text(process.cpu_usec),
                                   indent, plain(process.command), process.escaped ? "  (escaped from the job)" : "");
    if (width != 0 && line.size() > width) line.resize(width);
    out += line + "\n";
    const auto [first, last] = children.equal_range(process.pid);
    for (auto child = first; child != last; ++child)
        format_branch(children, *child->second, indent + "  ", width, out);
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

std::string describe_end(const JobView& job) {
    if (job.state != "ended") return job.state;
    if (!job.wait_status) return job.reason.empty() ? "ended, how is not known" : "ended: " + job.reason;
    const int status = *job.wait_status;
    if (WIFEXITED(status)) return compose("exited {}", WEXITSTATUS(status));
    const char* name = sigabbrev_np(WTERMSIG(status));
    return compose("killed by SIG{}{}", name == nullptr ? std::to_string(WTERMSIG(status)) : name,
                       WCOREDUMP(status) ? " (core dumped)" : "");
}

std::string format_jobs(const std::vector<JobView>& jobs) {
    std::string out = compose("{:<8} {:<20} {:<14} {:<14} {:>9} {:>4}  {}\n", "JOB", "STATE", "SUBMITTED", "ENDED",
                                  "CPU", "CKPT", "COMMAND");
    for (const JobView& job : jobs) {
        const bool told = job.state != "ended" || job.wait_status;
        out += compose("{:<8} {:<20} {:<14} {:<14} {:>9} {:>4}  {}{}\n", job.job, told ? describe_end(job) : "ended",
                           clock_text(job.submitted), clock_text(job.ended), cpu_text(job.cpu_usec),
                       job.generation == 0 ? "-" : std::to_string(job.generation), plain(job.command),
                       told ? "" : "  (" + (job.reason.empty() ? "how is not known" : plain(job.reason)) + ")");
    }
    return out;
}

std::string format_process_tree(const std::vector<ProcessView>& processes, size_t width) {
    Children children;
    std::map<int64_t, const ProcessView*> known;
    for (const ProcessView& process : processes) known[process.pid] = &process;
    std::vector<const ProcessView*> roots;
    for (const ProcessView& process : processes) {
        if (process.parent != process.pid && known.contains(process.parent))
            children.emplace(process.parent, &process);
        else
            roots.push_back(&process);
    }
    std::string out =
        compose("{:>8} {:>6}  {:<2} {:<14} {:>9}  {}\n", "PID", "INSIDE", "ST", "STARTED", "CPU", "COMMAND");
    for (const ProcessView* root : roots) format_branch(children, *root, "", width, out);
    return out;
}

int exit_code_of(int32_t wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace xos
