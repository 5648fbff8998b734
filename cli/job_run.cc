// xos run, submit, attach: programs in containers on this node.
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/job_view.h"
#include "cli/stream_relay.h"
#include "cli/varlink_call.h"

extern char** environ;  // NOLINT: environ(7)

namespace xos {
namespace {

// What a job has no use for or must not have: it is of this session, terminal or desk.
bool is_private_variable(std::string_view assignment) {
    for (const std::string_view prefix : {"SSH_", "XDG_", "DBUS_", "GPG_", "KRB5", "SUDO_", "_="})
        if (assignment.starts_with(prefix)) return true;
    return false;
}

std::vector<std::string> job_environment() {
    std::vector<std::string> environment;
    for (char** item = environ; *item != nullptr; ++item)
        if (!is_private_variable(*item) && *item[0] != '=') environment.emplace_back(*item);
    return environment;
}

Outcome<std::string> start_job(const std::vector<std::string>& argv, const char* mode,
                               const std::string& output) {
    std::error_code error;
    const auto directory = std::filesystem::current_path(error);
    if (error) return failure(Errc::system, "cannot tell the current directory: {}", error.message());
    JsonObject parameters;
    parameters.set("argv", Json::strings(argv))
        .set("environment", Json::strings(job_environment()))
        .set("directory", Json::string(directory.string()))
        .set("mode", Json::string(mode));
    if (!output.empty())
        parameters.set("output", Json::string(output[0] == '/' ? output : (directory / output).string()));
    winsize size{};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 && size.ws_col != 0)
        parameters.set("rows", Json::integer(size.ws_row)).set("columns", Json::integer(size.ws_col));
    const auto answer = call_node("org.xtreemos.Job.Run", parameters.build());
    if (!answer) return std::unexpected(answer.error());
    return answer->root().string("job", 64);
}

// The status that the daemon has once everything of the job is gone.
Outcome<JobView> wait_for_job(const std::string& job) {
    const auto answer =
        call_node("org.xtreemos.Job.Wait", JsonObject().set("job", Json::string(job)).build(), kWaitDeadline);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto status = root.field("status");
    if (!status) return std::unexpected(status.error());
    return read_job_view(*status);
}

int tell_end(const std::string& job, int32_t wait_status) {
    if (WIFSIGNALED(wait_status)) {
        JobView view;
        view.state = "ended";
        view.wait_status = wait_status;
        std::fprintf(stderr, "xos: %s was %s\n", job.c_str(), describe_end(view).c_str());
    }
    return exit_code_of(wait_status);
}

Outcome<int> attach(const std::string& job, bool terminal) {
    auto answer = ask_node("org.xtreemos.Job.Attach", JsonObject().set("job", Json::string(job)).build());
    if (!answer) return std::unexpected(answer.error());
    if (!answer->fd) return failure(Errc::unavailable, "xosd passed no stream for {}", job);
    const auto end = relay_streams(std::move(answer->fd), terminal);
    if (!end) return std::unexpected(end.error());
    if (!end->exec_error.empty()) return failure(Errc::not_found, "{}: {}", job, end->exec_error);
    if (end->wait_status) return tell_end(job, *end->wait_status);
    // the stream closed without a word: detached, killed, or being checkpointed
    const auto answer_now =
        call_node("org.xtreemos.Job.Describe", JsonObject().set("job", Json::string(job)).build());
    if (!answer_now) return std::unexpected(answer_now.error());
    const JsonNode root = answer_now->root();
    const auto status = root.field("status");
    const auto view = status ? read_job_view(*status) : Outcome<JobView>(std::unexpected(status.error()));
    if (!view) return std::unexpected(view.error());
    if (view->state == "running")
        return failure(Errc::unavailable, "{} goes on without this terminal: xos attach {}", job, job);
    const auto last = wait_for_job(job);
    if (!last) return std::unexpected(last.error());
    if (last->wait_status) return tell_end(job, *last->wait_status);
    return failure(Errc::unavailable, "{}: {}", job, describe_end(*last));
}

Outcome<int> run(const std::vector<std::string>& argv) {
    if (argv.empty()) return failure(Errc::invalid, "a command is missing: xos run COMMAND [ARGUMENT...]");
    const bool terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
    const auto job = start_job(argv, terminal ? "terminal" : "pipes", "");
    if (!job) return std::unexpected(job.error());
    return attach(*job, terminal);
}

Outcome<int> submit(const std::vector<std::string>& argv, const std::string& output) {
    if (argv.empty()) return failure(Errc::invalid, "a command is missing: xos submit COMMAND [ARGUMENT...]");
    const auto job = start_job(argv, "batch", output);
    if (!job) return std::unexpected(job.error());
    std::printf("%s\n", job->c_str());
    return kExitOk;
}

Outcome<int> wait(const std::string& job) {
    const auto view = wait_for_job(job);
    if (!view) return std::unexpected(view.error());
    std::printf("%s %s\n", view->job.c_str(), describe_end(*view).c_str());
    return view->wait_status ? exit_code_of(*view->wait_status) : kExitFailure;
}

}  // namespace

void add_job_run_commands(CommandTable& table) {
    const auto argv = std::make_shared<std::vector<std::string>>();
    table.add("run", "Run a program in a container and wait for it", [argv] { return run(*argv); })
        .rest(*argv);
    const auto batch = std::make_shared<std::vector<std::string>>();
    const auto output = std::make_shared<std::string>();
    table
        .add("submit", "Run a program in a container without waiting; prints the job",
             [batch, output] { return submit(*batch, *output); })
        .option("-o,--output", *output, "file in the home for its output (JOB.out in the home)")
        .rest(*batch);
    const auto attached = std::make_shared<std::string>(), waited = std::make_shared<std::string>();
    table
        .add("attach", "Connect this terminal to a job started by xos run",
             [attached] { return attach(*attached, isatty(STDIN_FILENO) != 0); })
        .required("JOB", *attached, "");
    table.add("wait", "Wait for a job's end; exits as the job did", [waited] { return wait(*waited); })
        .required("JOB", *waited, "");
}

}  // namespace xos
