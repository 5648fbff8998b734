// How many files xosd may have open, and what it starts.
//
// Owns: the soft limit that xosd was started with. Process: xosd and its children. Trusts: nothing.
//
// A tracked cgroup is a descriptor in xosd and one in the connector agent: more than the usual soft limit
// allows. Jobs get that limit back: programs that select(2) rely on it (setrlimit(2), systemd.exec(5)).
#pragma once

namespace xos {

// As far as the hard limit allows; the agent inherits it. Once, at the start.
void raise_open_files();
// In a child that is to run programs of others.
void restore_open_files();

}  // namespace xos
