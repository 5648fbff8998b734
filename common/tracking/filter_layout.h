/* The memory that the kernel filter shares with xosd and the connector agent.
 *
 * Owns: keys, values and sizes of the filter's BPF maps. Process: the kernel (filter.bpf.c), xosd (writes
 * bindings and config), the agent (reads counters and origins). C, because the filter is. Trusts: nothing;
 * layout only.
 */
#ifndef XOS_TRACKING_FILTER_LAYOUT_H
#define XOS_TRACKING_FILTER_LAYOUT_H

enum {
    XOS_BINDINGS_MAX = 4096,  /* bound cgroups at one time; slot 0 counts the agent's own markers */
    XOS_ORIGINS_MAX = 32768,  /* processes whose binding the agent may still have to learn */
    XOS_CGROUP_DEPTH_MAX = 16 /* levels below the root of the v2 tree at which a bound cgroup may lie */
};

/* Per CPU; written only by the filter, on that CPU. */
struct xos_cpu_counters {
    unsigned long long messages; /* everything that the kernel multicast */
    unsigned long long gap;      /* messages whose sequence number never came by: lost before any socket */
    unsigned int last_seq;
    unsigned int seen; /* last_seq is valid */
};

/* Per slot; messages let through. */
struct xos_slot_counters {
    unsigned long long passed;
};

/* What a cgroup id is bound to. A serial is never used twice, a slot is. */
struct xos_binding {
    unsigned int slot;
    unsigned int serial;
};

struct xos_filter_config {
    unsigned int agent_tgid;  /* whose PR_SET_NAME events pass, as heartbeat */
    unsigned int last_serial; /* of all bindings ever made; the filter does not read it */
};

#endif
