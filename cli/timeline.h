// The processes of a job over time, made of its events.
//
// Owns: the model that xos timeline draws. Pure. Process: the xos command. Trusts: nothing of an event: the
// kernel's order may have gaps, and a process may be named before its beginning is told. What was not seen
// is marked so, never made up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cli/event_view.h"

namespace xos {

// In the order in which one hides another where there is no room for both: the last one is seen.
enum class Ending : uint8_t { zero, alive, unknown, code, signal };
inline constexpr size_t kEndings = 5;

inline constexpr uint32_t kNoBar = UINT32_MAX;
inline constexpr size_t kNamesKept = 64;    // of one process
inline constexpr size_t kEscapesKept = 16;  // of one process

struct NameChange {
    int64_t time = 0;
    std::string name;
    bool exec = false;  // else the process named itself, or was found with this name
};

struct Escape {
    int64_t from = 0, to = 0;
};

struct ProcessBar {
    int64_t pid = 0, parent_pid = 0, container_pid = 0;  // 0: unknown
    int64_t from = 0, to = 0;                            // microseconds since 1970; from <= to
    uint32_t parent = kNoBar;                            // its place among the bars
    uint32_t depth = 0, descendants = 0;
    Ending ending = Ending::unknown;
    std::optional<int32_t> wait_status;
    bool seen_start = true;  // else it was there at from, since when is not known
    bool restored = false;   // from a checkpoint
    std::vector<NameChange> names;
    uint32_t execs = 0;  // all of them, kept or not
    std::vector<Escape> escapes;

    std::string name() const { return names.empty() ? "?" : names.back().name; }
};

struct Loss {
    int64_t time = 0;
    std::optional<int64_t> number;  // nothing: how many is not known
    std::string reason;
};

struct Timeline {
    int64_t from = 0, to = 0;
    std::vector<ProcessBar>
        bars;  // as a tree: children after their parents, in the order of their beginnings
    std::vector<Loss> losses;
    std::optional<int64_t> cut;  // from here on nothing was kept
    std::array<uint32_t, kEndings> endings{};
    uint32_t peak = 0;  // most that were alive at one time
};

class TimelineBuilder {
  public:
    void add(const EventView& event);
    // until: the time to which processes that have not ended are drawn; alive: they run on, else what became
    // of them is not known. The builder is empty afterwards.
    Timeline finish(int64_t until, bool alive);

  private:
    ProcessBar& begin(const EventView& event, bool seen_start);
    void fork(const EventView& event);
    void restore(ProcessBar& bar, const EventView& event);
    ProcessBar& bar_of(const EventView& event);
    void rename(ProcessBar& bar, const EventView& event, bool exec);
    void end(const EventView& event);
    void begin_anew(int64_t time);
    void close_doubtful();

    Timeline timeline_;
    std::unordered_map<int64_t, uint32_t> live_;  // places of bars by pid
    // Lived when tracking began anew, and were not met since: they may have ended before.
    std::unordered_set<int64_t> doubtful_;
    int64_t doubt_time_ = 0;
};

}  // namespace xos
