// The lines of /proc/PID/stat, status and cgroup (proc(5), cgroups(7)).
//
// Owns: their grammar. Process: the agent. Trusts: nothing; a process chooses its own name. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xos {

struct ProcStat {
    std::string comm;
    char state = '?';
    int32_t parent_pid = 0;
    uint64_t cpu_ticks = 0;  // user and system
    uint32_t threads = 0;
    uint64_t start_ticks = 0;  // since boot
    uint64_t resident_pages = 0;
};

struct ProcStatus {
    uint32_t uid = 0;           // real
    int32_t container_pid = 0;  // the innermost of NSpid
};

std::optional<ProcStat> parse_proc_stat(std::string_view text);
std::optional<ProcStatus> parse_proc_status(std::string_view text);
// The path in the v2 tree, without the mark of a deleted cgroup; a view into text.
std::optional<std::string_view> parse_proc_cgroup(std::string_view text);
// Arguments joined by spaces, at most limit bytes.
std::string join_command_line(std::string_view nul_separated, size_t limit);

}  // namespace xos
