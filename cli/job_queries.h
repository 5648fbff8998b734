// What xosd says of jobs, read. For the commands that show jobs.
//
// Owns: nothing. Process: the xos command. Trusts: xosd; names and command lines in its answers are hostile
// text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/job_view.h"
#include "cli/varlink_call.h"

namespace xos {

struct JobReport {
    JobView job;
    std::vector<ProcessView> processes;  // those that live
    uint64_t events_lost = 0, exit_codes_unknown = 0;
};

// all: ended jobs too.
Outcome<std::vector<JobView>> list_jobs(bool all, std::chrono::microseconds deadline = kCallDeadline,
                                        const std::string& address = kControlSocket);
Outcome<JobReport> describe_job(const std::string& job, std::chrono::microseconds deadline = kCallDeadline,
                                const std::string& address = kControlSocket);

// The events of a job, in order: on_event gets each, after_reply is called when those of one answer were
// handed over. follow: until the job has ended; else what there is.
struct EventReader {
    std::function<Outcome<void>(const JsonNode& event)> on_event;
    std::function<Outcome<void>()> after_reply;
};
Outcome<void> read_events(const std::string& job, bool follow, const EventReader& reader,
                          const std::string& address = kControlSocket);

// Fills in the names of users; where a uid has none, its number.
void name_users(std::vector<ProcessView>& processes);

}  // namespace xos
