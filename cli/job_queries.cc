#include "cli/job_queries.h"

#include <pwd.h>

#include <map>

namespace xos {
namespace {

constexpr size_t kJobsMax = 1'000'000;
constexpr size_t kEventsOfAnswerMax = 1'000'000;
constexpr size_t kNameBuffer = 16 * 1024;

std::string user_name(uid_t uid) {
    std::vector<char> buffer(kNameBuffer);
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return std::to_string(uid);
    return found->pw_name;
}

}  // namespace

Outcome<std::vector<JobView>> list_jobs(bool all, std::chrono::microseconds deadline,
                                        const std::string& address) {
    const auto answer = call_node("org.xtreemos.Job.ListJobs",
                                  JsonObject().set("all", Json::boolean(all)).build(), deadline, address);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto list = root.field("jobs");
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kJobsMax);
    if (!count) return std::unexpected(count.error());
    std::vector<JobView> jobs;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto job = read_job_view(element);
        if (!job) return std::unexpected(job.error());
        jobs.push_back(*std::move(job));
    }
    return jobs;
}

Outcome<JobReport> describe_job(const std::string& job, std::chrono::microseconds deadline,
                                const std::string& address) {
    const auto answer = call_node("org.xtreemos.Job.Describe",
                                  JsonObject().set("job", Json::string(job)).build(), deadline, address);
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    const auto status = root.field("status");
    const auto list = root.field("processes");
    if (!status || !list) return root.invalid("expected a job");
    auto view = read_job_view(*status);
    if (!view) return std::unexpected(view.error());
    auto processes = read_process_views(*list);
    if (!processes) return std::unexpected(processes.error());
    return JobReport{*std::move(view), *std::move(processes),
                     root.integer("eventsLost", 0, INT64_MAX).value_or(0),
                     root.integer("exitCodesUnknown", 0, INT64_MAX).value_or(0)};
}

Outcome<void> read_events(const std::string& job, bool follow, const EventReader& reader,
                          const std::string& address) {
    const Json parameters =
        JsonObject().set("job", Json::string(job)).set("follow", Json::boolean(follow)).build();
    const auto take = [&reader](const Json& answer) -> Outcome<void> {
        const JsonNode root = answer.root();
        const auto list = root.field("events");
        if (!list) return std::unexpected(list.error());
        const auto count = list->array(kEventsOfAnswerMax);
        if (!count) return std::unexpected(count.error());
        for (size_t i = 0; i < *count; ++i) {
            const JsonNode event = list->at(i);
            if (auto taken = reader.on_event(event); !taken) return taken;
        }
        return reader.after_reply();
    };
    return observe_node("org.xtreemos.Job.Subscribe", parameters, take,
                        follow ? std::chrono::microseconds(kWaitDeadline) : kCallDeadline, address);
}

void name_users(std::vector<ProcessView>& processes) {
    std::map<int64_t, std::string> names;  // each is asked for once
    for (ProcessView& process : processes) {
        if (!process.uid) continue;
        const auto [place, is_new] = names.try_emplace(*process.uid);
        if (is_new) place->second = user_name(static_cast<uid_t>(*process.uid));
        process.user = place->second;
    }
}

}  // namespace xos
