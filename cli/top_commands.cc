// xos top: which jobs are busy now.
#include "cli/top_commands.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "cli/commands.h"
#include "cli/reply_fields.h"
#include "cli/top_screen.h"

namespace xos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenSamples{1000}, kBetweenTwo{500};
// a person waits for keys to work
constexpr std::chrono::seconds kSampleDeadline{5};

Outcome<TopSample> take_sample(const TopSample* before, const std::string& address) {
    const auto jobs = list_jobs(false, kSampleDeadline, address);
    if (!jobs) return std::unexpected(jobs.error());
    TopSample sample;
    for (const JobView& job : *jobs) {
        auto report = describe_job(job.job, kSampleDeadline, address);
        if (!report && report.error().code == Errc::not_found) continue;  // forgotten meanwhile
        if (!report) return std::unexpected(report.error());
        name_users(report->processes);
        sample.jobs.push_back({.report = *std::move(report)});
    }
    sample.time = std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
    measure_cpu(sample, before);
    return sample;
}

std::vector<std::string> names_of(const TopSample& sample) {
    std::vector<std::string> names;
    for (const TopJob& job : sample.jobs) names.push_back(job.report.job.job);
    return names;
}

// What is on the screen, and what it was made of.
class TopDisplay {
  public:
    TopDisplay(TopScreen& screen, const std::string& address) : screen_(screen), address_(address) {}

    // Takes a new sample; what keeps that from succeeding is told on the screen.
    void look() {
        auto sample = take_sample(taken_ ? &sample_ : nullptr, address_);
        message_ = sample ? "" : plain(sample.error().message);
        if (!sample) return;
        taken_ = true;
        sample_ = *std::move(sample);
    }
    void press(TopKey key) { view_.press(key, names_of(sample_), screen_.rows()); }
    bool quits() const { return view_.quits(); }

    void draw() {
        sort_sample(sample_, view_.order(), view_.reversed());
        const auto opened = std::ranges::find(sample_.jobs, view_.opened(),
                                              [](const TopJob& job) { return job.report.job.job; });
        const bool tree = view_.shows_tree(), here = opened != sample_.jobs.end();
        const TopTable table = !tree  ? job_table(sample_)
                               : here ? process_table(*opened)
                                      : TopTable{"", {view_.opened() + " has ended"}};
        view_.settle(names_of(sample_), table.rows.size(), screen_.rows());
        screen_.draw(tree && here ? job_summary(*opened) : summary_text(sample_), table, view_, message_);
    }

  private:
    static std::string job_summary(const TopJob& job) {
        return compose("{} {}, CPU {:.1f} %, {}", job.report.job.job, describe_end(job.report.job),
                       job.cpu_percent, plain(job.report.job.command));
    }

    TopScreen& screen_;
    const std::string& address_;
    TopSample sample_;
    bool taken_ = false;
    TopView view_;
    std::string message_;
};

}  // namespace

Outcome<int> print_top(std::FILE* out, const std::string& address) {
    auto first = take_sample(nullptr, address);
    if (!first) return std::unexpected(first.error());
    std::this_thread::sleep_for(kBetweenTwo);
    auto second = take_sample(&*first, address);
    if (!second) return std::unexpected(second.error());
    sort_sample(*second, TopOrder::cpu, false);
    const TopTable table = job_table(*second);
    std::fputs((table.heading + "\n").c_str(), out);
    for (const std::string& row : table.rows) std::fputs((row + "\n").c_str(), out);
    if (std::fflush(out) != 0) return failure_errno(errno, "cannot write the table");
    return kExitOk;
}

Outcome<int> watch_top(const std::string& address) {
    // before the screen is taken: where there is no xosd, a message on an empty screen would help nobody
    if (auto jobs = list_jobs(false, kSampleDeadline, address); !jobs) return std::unexpected(jobs.error());
    auto screen = TopScreen::open();
    if (!screen) return std::unexpected(screen.error());
    TopDisplay display(*screen, address);
    Clock::time_point next = Clock::now();
    while (!display.quits()) {
        const auto now = Clock::now();
        if (now >= next) {
            display.look();
            next = Clock::now() + kBetweenSamples;
        }
        display.draw();
        display.press(screen->wait(std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now())));
    }
    return kExitOk;
}

void add_top_command(CommandTable& table) {
    const auto once = std::make_shared<bool>(false);
    table
        .add("top", "Watch which jobs are busy",
             [once] {
                 const bool terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
                 return *once || !terminal ? print_top(stdout) : watch_top();
             })
        .flag("--once", *once, "print one table and end; so it is without a terminal, too");
}

}  // namespace xos
