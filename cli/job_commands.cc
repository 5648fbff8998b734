// xos jobs, job show, ps, cancel, checkpoint, restart, forget: what becomes of jobs on this node.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/job_queries.h"
#include "cli/reply_fields.h"
#include "cli/terminal_width.h"
#include "cli/track_commands.h"

namespace xos {
namespace {

Json about(const std::string& job) {
    return JsonObject().set("job", Json::string(job)).build();
}

Outcome<int> show_jobs(bool all) {
    const auto jobs = list_jobs(all);
    if (!jobs) return std::unexpected(jobs.error());
    if (jobs->empty())
        std::puts(all ? "no jobs" : "no jobs are running; xos jobs --all shows those that have ended");
    else
        std::fputs(format_jobs(*jobs).c_str(), stdout);
    return kExitOk;
}

Outcome<int> show_job(const std::string& job) {
    const auto report = describe_job(job);
    if (!report) return std::unexpected(report.error());
    std::fputs(format_job(report->job).c_str(), stdout);
    return kExitOk;
}

Outcome<void> show_processes(const std::string& job) {
    auto report = describe_job(job);
    if (!report) return std::unexpected(report.error());
    const JobView& view = report->job;
    std::printf("%s %s %s: %s\n", view.job.c_str(), view.login.c_str(), describe_end(view).c_str(),
                plain(view.command).c_str());
    name_users(report->processes);
    if (view.state != "ended")
        std::fputs(format_process_tree(report->processes, terminal_width()).c_str(), stdout);
    std::fputs(format_losses(report->events_lost, report->exit_codes_unknown).c_str(), stdout);
    return {};
}

bool is_job(const std::string& name) {
    return name.starts_with("job-") || name.find_first_not_of("0123456789") == std::string::npos;
}

Outcome<int> show_trees(const std::string& job) {
    if (!job.empty()) {
        if (auto shown = is_job(job) ? show_processes(job) : show_container(job); !shown)
            return std::unexpected(shown.error());
        return kExitOk;
    }
    const auto jobs = list_jobs(false);
    if (!jobs) return std::unexpected(jobs.error());
    if (jobs->empty()) std::puts("no jobs are running");
    for (const JobView& one : *jobs)
        if (auto shown = show_processes(one.job); !shown) return std::unexpected(shown.error());
    return kExitOk;
}

Outcome<int> forget(const std::string& job) {
    const auto answer = call_node("org.xtreemos.Job.Forget", about(job), std::chrono::minutes(2));
    if (!answer) return std::unexpected(answer.error());
    std::printf("%s is forgotten\n", job.c_str());
    return kExitOk;
}

Outcome<int> cancel(const std::string& job, bool now) {
    const auto answer = call_node(
        "org.xtreemos.Job.Cancel",
        JsonObject().set("job", Json::string(job)).set("now", Json::boolean(now)).build(), kWaitDeadline);
    if (!answer) return std::unexpected(answer.error());
    std::printf("%s is ended\n", job.c_str());
    return kExitOk;
}

Outcome<int> checkpoint(const std::string& job, bool stop) {
    const auto answer = call_node(
        "org.xtreemos.Job.Checkpoint",
        JsonObject().set("job", Json::string(job)).set("stop", Json::boolean(stop)).build(), kWaitDeadline);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto generation = root.integer("generation", 1, INT64_MAX),
               bytes = root.integer("bytes", 0, INT64_MAX);
    if (!generation || !bytes) return root.invalid("expected a checkpoint");
    std::printf("%s checkpoint %llu: %.1f MB; %s\n", job.c_str(),
                static_cast<unsigned long long>(*generation), static_cast<double>(*bytes) / 1e6,
                stop ? "the job is stopped" : "the job goes on");
    return kExitOk;
}

Outcome<int> restart(const std::string& job, uint64_t generation) {
    JsonObject parameters;
    parameters.set("job", Json::string(job));
    if (generation != 0) parameters.set("generation", Json::integer(generation));
    const auto answer = call_node("org.xtreemos.Job.Restart", parameters.build(), kWaitDeadline);
    if (!answer) return std::unexpected(answer.error());
    std::printf("%s continues from its checkpoint\n", job.c_str());
    return kExitOk;
}

}  // namespace

void add_job_commands(CommandTable& table) {
    const auto all = std::make_shared<bool>(false);
    table.add("jobs", "List your jobs on this node", [all] { return show_jobs(*all); })
        .flag("-a,--all", *all, "those that have ended too");
    const auto seen = std::make_shared<std::string>();
    table.add("ps", "Show the processes of your jobs as trees", [seen] { return show_trees(*seen); })
        .optional("JOB", *seen, "only this one; as root also a container of 'xos track list'");
    const auto shown = std::make_shared<std::string>();
    table.add("job show", "Show everything about one job", [shown] { return show_job(*shown); })
        .required("JOB", *shown, "");
    const auto cancelled = std::make_shared<std::string>(), forgotten = std::make_shared<std::string>();
    const auto now = std::make_shared<bool>(false);
    table
        .add("cancel", "End every process of a job: SIGTERM, after ten seconds SIGKILL",
             [cancelled, now] { return cancel(*cancelled, *now); })
        .required("JOB", *cancelled, "")
        .flag("--now", *now, "SIGKILL at once");
    table.add("forget", "Remove an ended job and its checkpoints", [forgotten] { return forget(*forgotten); })
        .required("JOB", *forgotten, "");
    const auto dumped = std::make_shared<std::string>();
    const auto stop = std::make_shared<bool>(false);
    table
        .add("checkpoint", "Write a checkpoint of a running job",
             [dumped, stop] { return checkpoint(*dumped, *stop); })
        .required("JOB", *dumped, "")
        .flag("--stop", *stop, "end the job once the checkpoint is safe");
    const auto restarted = std::make_shared<std::string>();
    const auto generation = std::make_shared<uint64_t>(0);
    table
        .add("restart", "Continue an ended job from its checkpoint",
             [restarted, generation] { return restart(*restarted, *generation); })
        .required("JOB", *restarted, "")
        .option("--generation", *generation, "an older checkpoint than the newest");
}

}  // namespace xos
