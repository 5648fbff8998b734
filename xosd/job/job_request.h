// Checking what a user asks to be run.
//
// Owns: the grammar and caps of a JobRequest. Pure. Process: xosd. Trusts: nothing; the parameters are a
// user's.
#pragma once

#include <string>

#include "common/failure.h"
#include "common/json.h"
#include "xosd/job/job.h"

namespace xos {

// parameters of org.xtreemos.Job.Run. home: the user's; a batch job's output must lie in it. It stays empty
// where none is given: default_output() when the job has its number.
Outcome<JobRequest> read_job_request(const Json& parameters, const std::string& home);
std::string default_output(const std::string& home, uint64_t id);

}  // namespace xos
