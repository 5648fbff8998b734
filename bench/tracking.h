// The parts of bench/tracking: each prints its rows.
//
// Owns: nothing. Process: bench/tracking, as root. Trusts: the kernel's clocks and accounts.
#pragma once

#include <functional>

#include "bench/contest.h"

namespace xos::bench {

// The operation's figure; what it throws is why there is none.
Turn guard(std::function<double()> measure);

// tracking_storms.cc
void measure_loss(Report& report);
void measure_costs(Report& report);
void measure_many(Report& report);
void measure_foreign(Report& report);
// tracking_states.cc
void measure_exit(Report& report);
void measure_resync(Report& report);
void measure_memory(Report& report);

}  // namespace xos::bench
