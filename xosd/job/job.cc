#include "xosd/job/job.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace xos {
namespace {

constexpr std::array<std::string_view, 4> kStates = {"starting", "running", "restarting", "ended"};
constexpr std::array<std::string_view, 3> kModes = {"terminal", "pipes", "batch"};

template <typename Enum, size_t N>
std::optional<Enum> parse_enum(const std::array<std::string_view, N>& names, std::string_view name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view job_state_name(JobState state) {
    return kStates[static_cast<size_t>(state)];
}
std::optional<JobState> parse_job_state(std::string_view name) {
    return parse_enum<JobState>(kStates, name);
}
std::string_view job_mode_name(JobMode mode) {
    return kModes[static_cast<size_t>(mode)];
}
std::optional<JobMode> parse_job_mode(std::string_view name) {
    return parse_enum<JobMode>(kModes, name);
}

bool may_become(JobState from, JobState to) {
    switch (from) {
        case JobState::starting:
        case JobState::restarting:
            return to == JobState::running || to == JobState::ended;
        case JobState::running:
            return to == JobState::ended;
        case JobState::ended:
            return to == JobState::restarting;
    }
    return false;
}

std::optional<uint64_t> parse_job_name(std::string_view name) {
    if (name.starts_with("job-")) name.remove_prefix(4);
    uint64_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || id == 0 || name[0] == '0')
        return std::nullopt;
    return id;
}

}  // namespace xos
