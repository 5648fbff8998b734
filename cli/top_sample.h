// Jobs at one moment, and how busy they were since the moment before.
//
// Owns: the figures of xos top. Pure. Process: the xos command. Trusts: xosd's counts; a job's processes may
// be any number.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cli/job_queries.h"

namespace xos {

struct TopJob {
    JobReport report;
    double cpu_percent = 0;                   // of one processor
    std::optional<uint64_t> memory, threads;  // of all processes; nothing: none tells it
};

struct TopSample {
    int64_t time = 0;  // microseconds since 1970
    std::vector<TopJob> jobs;
};

enum class TopOrder : uint8_t { cpu, memory, processes, started, name };

// Fills in what is computed. before: the sample of the last time; without it, since each process's start.
void measure_cpu(TopSample& now, const TopSample* before);

// The largest and newest first, names from a to z; reversed: the other way round. The processes of each job
// too.
void sort_sample(TopSample& sample, TopOrder order, bool reversed);

}  // namespace xos
