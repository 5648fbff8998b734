// The root that the connector agent runs in: read-only, with a /proc that hides nobody.
//
// Owns: the mounts of a namespace that the caller has just got for itself. Process: the child of xosd that
// becomes the agent, before it gives up root; only system calls, no memory is allocated. Trusts: the
// machine's /usr.
#pragma once

namespace xos {

// What has to be there beside /usr and /proc. Read-only, at the same place; an absent one is left out.
struct AgentRoot {
    const char* socket_directory;  // the agent looks whether its socket is still there
    const char* journal = "/run/systemd/journal";
};

// Enters it. 0, or the errno of the step that failed.
int enter_agent_root(const AgentRoot& root);

}  // namespace xos
