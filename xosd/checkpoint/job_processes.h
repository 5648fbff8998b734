// The processes of a job, read from /proc.
//
// Owns: the list of members, what they have open for writing in the home, what a checkpoint could not carry,
// and the repair of timers after a restore. Process: xosd and its children. Trusts: the kernel's text; names
// inside it were chosen by the job and are only compared or shown.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/failure.h"
#include "xosd/checkpoint/manifest.h"

namespace xos {

Outcome<std::vector<pid_t>> read_members(int cgroup_fd);
// The regular files below home, inside the container's home mount, that a member has open for writing.
Outcome<std::vector<OutputFile>> find_outputs(const std::vector<pid_t>& members, const std::string& home);
// A failure names the first process and object that no restore could bring back. init: pid 1 of the
// container.
Outcome<void> find_obstacle(const std::vector<pid_t>& members, pid_t init, const std::string& home);
// In a frozen cgroup, waits for those that had begun to end before: in between they have no namespaces any
// more, yet are no zombies, and CRIU can read neither.
Outcome<void> await_settled(pid_t init);
// A periodic timerfd whose tick was unread at the dump is restored disarmed by CRIU and its reader would wait
// for ever: such timers are armed again. Call while the restored processes are stopped.
Outcome<void> arm_timers(const std::vector<pid_t>& members);

}  // namespace xos
