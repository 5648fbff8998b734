#include "cli/top_table.h"

#include <algorithm>
#include <ctime>

#include "cli/reply_fields.h"

namespace xos {
namespace {

constexpr size_t kIndentMax = 20;

// The time of today, else the day.
std::string started_text(int64_t seconds, int64_t now) {
    if (seconds == 0) return "-";
    const auto local = [](int64_t at) {
        const time_t time = at;
        tm fields{};
        localtime_r(&time, &fields);
        return fields;
    };
    const tm then = local(seconds), today = local(now);
    char text[32];
    const bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    strftime(text, sizeof text, same_day ? "%T" : "%m-%d", &then);
    return text;
}

std::string or_dash(const std::optional<uint64_t>& number) {
    return number ? std::to_string(*number) : "-";
}

std::string memory_or_dash(const std::optional<uint64_t>& bytes) {
    return bytes ? memory_text(*bytes) : "-";
}

std::optional<uint64_t> positive(const std::optional<int64_t>& number) {
    return number ? std::optional(static_cast<uint64_t>(*number)) : std::nullopt;
}

std::string job_row(const TopJob& top, int64_t now) {
    const JobView& job = top.report.job;
    const std::string state = job.state == "running" ? "" : "(" + plain(describe_end(job)) + ") ";
    return compose("{:<8} {:<16.16} {:>6.1f} {:>5} {:>5} {:>5} {:<8}  {}{}", job.job, plain(job.login),
                   top.cpu_percent, memory_or_dash(top.memory), top.report.processes.size(),
                   or_dash(top.threads), started_text(job.started, now), state, plain(job.command));
}

std::string process_row(const ProcessView& process, size_t depth) {
    return compose("{:>8} {:>6} {:<12.12} {:<1.1} {:>6.1f} {:>5} {:>4}  {}{}{}", process.pid,
                   process.container_pid == 0 ? "?" : std::to_string(process.container_pid),
                   plain(process.user), plain(process.state), process.cpu_percent,
                   memory_or_dash(positive(process.memory)), or_dash(positive(process.threads)),
                   std::string(std::min(depth, kIndentMax), ' '), process.escaped ? "(escaped) " : "",
                   plain(process.command));
}

}  // namespace

TopTable job_table(const TopSample& sample) {
    TopTable table{compose("{:<8} {:<16} {:>6} {:>5} {:>5} {:>5} {:<8}  {}", "JOB", "USER", "CPU%", "MEM",
                           "PROC", "THR", "STARTED", "COMMAND"),
                   {}};
    for (const TopJob& job : sample.jobs) table.rows.push_back(job_row(job, sample.time / 1'000'000));
    return table;
}

TopTable process_table(const TopJob& job) {
    TopTable table{compose("{:>8} {:>6} {:<12} {:<1} {:>6} {:>5} {:>4}  {}", "PID", "INSIDE", "USER", "S",
                           "CPU%", "MEM", "THR", "COMMAND"),
                   {}};
    for (const auto& [process, depth] : arrange_tree(job.report.processes))
        table.rows.push_back(process_row(*process, depth));
    return table;
}

std::string summary_text(const TopSample& sample) {
    size_t processes = 0;
    double cpu = 0;
    for (const TopJob& job : sample.jobs) {
        processes += job.report.processes.size();
        cpu += job.cpu_percent;
    }
    return compose("{} job{}, {} process{}, CPU {:.1f} %", sample.jobs.size(),
                   sample.jobs.size() == 1 ? "" : "s", processes, processes == 1 ? "" : "es", cpu);
}

void TopView::sort_by(TopOrder order) {
    reversed_ = false;
    order_ = order;
}

void TopView::move(size_t to) {
    selected_ = to;
    job_.clear();  // the row counts, not the job that was there
}

void TopView::press(TopKey key, const std::vector<std::string>& jobs, size_t height) {
    switch (key) {
        case TopKey::none:
            return;
        case TopKey::up:
            return move(selected_ - std::min<size_t>(selected_, 1));
        case TopKey::down:
            return move(selected_ + 1);
        case TopKey::page_up:
            return move(selected_ - std::min(selected_, height));
        case TopKey::page_down:
            return move(selected_ + height);
        case TopKey::first:
            return move(0);
        case TopKey::last:
            return move(SIZE_MAX);
        case TopKey::open:
            if (shows_tree() || selected_ >= jobs.size()) return;
            opened_ = jobs[selected_];
            return move(0);
        case TopKey::back:
            job_ = std::exchange(opened_, "");
            return;
        case TopKey::quit:
            quits_ = true;
            return;
        case TopKey::by_cpu:
            return sort_by(TopOrder::cpu);
        case TopKey::by_memory:
            return sort_by(TopOrder::memory);
        case TopKey::by_processes:
            return sort_by(TopOrder::processes);
        case TopKey::by_started:
            return sort_by(TopOrder::started);
        case TopKey::by_name:
            return sort_by(TopOrder::name);
        case TopKey::reverse:
            reversed_ = !reversed_;
            return;
    }
}

void TopView::settle(const std::vector<std::string>& jobs, size_t rows, size_t height) {
    if (!shows_tree() && !job_.empty())
        if (const auto found = std::ranges::find(jobs, job_); found != jobs.end())
            selected_ = static_cast<size_t>(found - jobs.begin());
    selected_ = rows == 0 ? 0 : std::min(selected_, rows - 1);
    if (!shows_tree() && selected_ < jobs.size()) job_ = jobs[selected_];
    height = std::max<size_t>(height, 1);
    offset_ = std::clamp(offset_, selected_ < height ? 0 : selected_ - height + 1, selected_);
    offset_ = std::min(offset_, rows > height ? rows - height : 0);
}

}  // namespace xos
