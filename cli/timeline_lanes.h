// Many processes in little room: which ones are shown by name, and where the others go.
//
// Owns: the plan. Pure. Process: the xos command. Trusts: nothing; a job may have any number of processes in
// trees of any shape.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/timeline.h"

namespace xos {

// Processes that are not shown by name, below the one that is.
struct LaneGroup {
    uint32_t owner = kNoBar;        // none: those below no named one
    std::vector<uint32_t> members;  // places of bars
    std::vector<uint32_t> lane;     // of each member
    uint32_t lanes = 0;             // so many side by side
    uint32_t rows = 0;              // lines of the picture that they get; fewer than lanes: they share lines
};

struct LanePlan {
    std::vector<uint32_t> named;    // places of bars, in their order
    std::vector<LaneGroup> groups;  // in the order of their owners
    double row_height = 1;          // of the groups' lines, in pixels
};

// shortest: what a process takes at least, in microseconds, so that it can be seen. room: pixels for all
// groups' lines.
LanePlan plan_lanes(const Timeline& timeline, int64_t shortest);
void fit_lanes(LanePlan& plan, double room);

// How many processes were alive in each of so many equal parts of the time, at the most.
std::vector<uint32_t> count_alive(const Timeline& timeline, size_t parts);

// How the members ended, what they are called, how long they ran.
std::string describe_group(const Timeline& timeline, const LaneGroup& group);

// A line of the picture, in equal parts of the time: how most of those ended that ran then; where one ended
// otherwise than by exit 0 itself, that one's end. 0: nothing ran, else 1 + Ending.
inline constexpr uint8_t kEmptyCell = 0;
using CellRow = std::vector<uint8_t>;
std::vector<CellRow> fill_cells(const Timeline& timeline, const LaneGroup& group, size_t cells);

}  // namespace xos
