#include "xosd/control/event_stream.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/control/process_json.h"
#include "xosd/daemon.h"
#include "xosd/job/job_service.h"

namespace xos {
namespace {

constexpr size_t kCommandShown = 4096;

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}

std::string command_text(const JobRequest& request) {
    std::string text;
    for (const std::string& argument : request.argv) text += (text.empty() ? "" : " ") + argument;
    if (text.size() > kCommandShown) text.resize(kCommandShown);
    return text;
}

bool is_being_ended(const Job& job) {
    return job.state == JobState::running && job.kill_at.time_since_epoch().count() != 0;
}

Json describe(const Job& job) {
    JsonObject object;
    object.set("job", Json::string(job_name(job.id)))
        .set("login", Json::string(job.login))
        .set("state", Json::string(is_being_ended(job) ? "ending" : job_state_name(job.state)))
        .set("command", Json::string(command_text(job.request)))
        .set("submitted", Json::signed_integer(seconds(job.submitted)))
        .set("generation", Json::integer(job.generation));
    if (seconds(job.started) != 0) object.set("started", Json::signed_integer(seconds(job.started)));
    if (seconds(job.ended) != 0) object.set("ended", Json::signed_integer(seconds(job.ended)));
    if (job.wait_status) object.set("waitStatus", Json::signed_integer(*job.wait_status));
    if (!job.reason.empty()) object.set("reason", Json::string(job.reason));
    if (!job.request.output.empty()) object.set("output", Json::string(job.request.output));
    if (job.state != JobState::ended) return object.build();  // a run that goes on is not in the sums yet
    const JobUsage& usage = job.usage;
    for (const auto& [name, field] : {std::pair("cpuUsec", usage.cpu_usec),
                                      {"cpuUserUsec", usage.cpu_user_usec},
                                      {"cpuSystemUsec", usage.cpu_system_usec},
                                      {"memoryPeak", usage.memory_peak},
                                      {"processesPeak", usage.processes_peak},
                                      {"processesTotal", usage.processes_total},
                                      {"wallUsec", usage.wall_usec}})
        if (field) object.set(name, Json::integer(*field));
    return object.build();
}

ControlReply reply_with(const char* key, Json value) {
    return {JsonObject().set(key, std::move(value)).build(), {}};
}

Outcome<uint64_t> read_job(const Json& parameters) {
    const auto name = parameters.root().string("job", 64);
    if (!name) return std::unexpected(name.error());
    const auto id = parse_job_name(*name);
    if (!id) return failure(Errc::invalid, "'{}' is no job: expected job-N", *name);
    return *id;
}

JobService::OnJob answer_status(Respond respond) {
    return [respond](Outcome<Job> job) {
        if (!job) return respond(std::unexpected(job.error()));
        respond(reply_with("status", describe(*job)));
    };
}

JobService::OnJob answer_name(Respond respond) {
    return [respond](Outcome<Job> job) {
        if (!job) return respond(std::unexpected(job.error()));
        respond(reply_with("job", Json::string(job_name(job->id))));
    };
}

JobService::OnJob answer_nothing(Respond respond) {
    return [respond](Outcome<Job> job) {
        if (!job) return respond(std::unexpected(job.error()));
        respond(ControlReply{JsonObject().build(), {}});
    };
}

void describe_job(JobService& jobs, uid_t uid, uint64_t id, const Respond& respond) {
    jobs.snapshot(uid, id, [&jobs, uid, id, respond](Outcome<JobSnapshot> snapshot) {
        const auto job = jobs.find(uid, id);
        if (!job) return respond(std::unexpected(job.error()));
        if (!snapshot) return respond(std::unexpected(snapshot.error()));
        respond(
            ControlReply{JsonObject()
                             .set("status", describe(*job))
                             .set("processes", describe_live(snapshot->processes))
                             .set("eventsLost", Json::integer(snapshot->counters.lost))
                             .set("exitCodesUnknown", Json::integer(snapshot->counters.exit_codes_unknown))
                             .build(),
                         {}});
    });
}

void attach(JobService& jobs, uid_t uid, uint64_t id, const Respond& respond) {
    auto stream = jobs.attach(uid, id);
    if (!stream) return respond(std::unexpected(stream.error()));
    ControlReply reply = reply_with("job", Json::string(job_name(id)));
    reply.fd = *std::move(stream);
    respond(std::move(reply));
}

void checkpoint(JobService& jobs, uid_t uid, uint64_t id, const Json& parameters, const Respond& respond) {
    const auto stop = parameters.root().boolean("stop");
    if (!stop) return respond(std::unexpected(stop.error()));
    jobs.checkpoint(uid, id, *stop, [respond](Outcome<Checkpoint> made, uint64_t generation) {
        if (!made) return respond(std::unexpected(made.error()));
        respond(ControlReply{JsonObject()
                                 .set("generation", Json::integer(generation))
                                 .set("bytes", Json::integer(made->bytes))
                                 .build(),
                             {}});
    });
}

void cancel(JobService& jobs, uid_t uid, uint64_t id, const Json& parameters, const Respond& respond) {
    const JsonNode root = parameters.root();
    const auto given = root.find("now");
    jobs.cancel(uid, id, given && given->boolean().value_or(false), answer_nothing(respond));
}

void restart(JobService& jobs, uid_t uid, uint64_t id, const Json& parameters, const Respond& respond) {
    uint64_t generation = 0;
    const JsonNode root = parameters.root();
    // null where the caller names none
    if (const auto given = root.find("generation")) generation = given->integer(1, INT64_MAX).value_or(0);
    jobs.restart(uid, id, generation, answer_status(respond));
}

void subscribe(JobService& jobs, uid_t uid, uint64_t id, const Json& parameters, const Respond& respond) {
    const auto follow = parameters.root().boolean("follow");
    auto journal = jobs.read_journal(uid, id);
    if (!follow) return respond(std::unexpected(follow.error()));
    if (!journal) return respond(std::unexpected(journal.error()));
    const auto ended = [&jobs, id] {
        const auto job = jobs.find(0, id);
        return !job || job->state == JobState::ended;
    };
    EventStream::start(jobs.loop(), *std::move(journal), *follow, ended, respond);
}

using JobCall = void (*)(JobService&, uid_t, uint64_t, const Json&, const Respond&);

constexpr std::pair<const char*, JobCall> kCalls[] = {
    {"Attach", [](JobService& jobs, uid_t uid, uint64_t id, const Json&,
                  const Respond& respond) { attach(jobs, uid, id, respond); }},
    {"Describe", [](JobService& jobs, uid_t uid, uint64_t id, const Json&,
                    const Respond& respond) { describe_job(jobs, uid, id, respond); }},
    {"Subscribe", subscribe},
    {"Wait", [](JobService& jobs, uid_t uid, uint64_t id, const Json&,
                const Respond& respond) { jobs.wait(uid, id, answer_status(respond)); }},
    {"Cancel", cancel},
    {"Checkpoint", checkpoint},
    {"Restart", restart},
    {"Forget", [](JobService& jobs, uid_t uid, uint64_t id, const Json&,
                  const Respond& respond) { jobs.forget(uid, id, answer_nothing(respond)); }},
};

}  // namespace

Outcome<void> bind_job_methods(ControlServer& server, Daemon& daemon) {
    JobService& jobs = *daemon.jobs;
    if (auto added = server.add_interface(&xos_interface_job); !added) return added;
    auto bound = server.bind("org.xtreemos.Job.Run",
                             [&jobs](const Caller& caller, const Json& parameters, Respond respond) {
                                 jobs.run(caller.uid, parameters, answer_name(respond));
                             });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Job.ListJobs",
                        [&jobs](const Caller& caller, const Json& parameters, Respond respond) {
                            const auto all = parameters.root().boolean("all");
                            if (!all) return respond(std::unexpected(all.error()));
                            JsonArray list;
                            for (const Job& job : jobs.list(caller.uid, *all)) list.add(describe(job));
                            respond(reply_with("jobs", list.build()));
                        });
    if (!bound) return bound;
    for (const auto& [name, call] : kCalls) {
        bound = server.bind(std::string("org.xtreemos.Job.") + name,
                            [&jobs, call](const Caller& caller, const Json& parameters, Respond respond) {
                                const auto id = read_job(parameters);
                                if (!id) return respond(std::unexpected(id.error()));
                                call(jobs, caller.uid, *id, parameters, respond);
                            });
        if (!bound) return bound;
    }
    return {};
}

}  // namespace xos
