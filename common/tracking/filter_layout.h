/* The memory that the kernel filter shares with xosd and the connector agent.
 *
 * Owns: keys, values and sizes of the filter's BPF maps. Process: the kernel (filter.bpf.c), xosd (writes
 * bindings and config), the agent (reads counters and origins). C, because the filter is. Trusts: nothing;
 * layout only.
 */
#ifndef XOS_TRACKING_FILTER_LAYOUT_H
#define XOS_TRACKING_FILTER_LAYOUT_H

enum {
    XOS_BINDINGS_MAX = 4096,   /* bound cgroups at one time; slot 0 counts the agent's own markers */
    XOS_ORIGINS_MAX = 32768,   /* processes whose binding the agent may still have to learn */
    XOS_CGROUP_DEPTH_MAX = 16, /* levels below the root of the v2 tree at which a bound cgroup may lie */
    XOS_COMM_SIZE = 16         /* TASK_COMM_LEN of linux/sched.h */
};

/* Map cpus, one a CPU; written only by the filter, on that CPU. Readers map it. */
struct xos_cpu_counters {
    unsigned long long messages; /* everything that the kernel multicast */
    unsigned long long gap;      /* messages whose sequence number never came by: lost before any socket */
    unsigned int last_seq;
    unsigned int seen; /* last_seq is valid */
};

/* Map slots: messages let through, by that CPU, for that binding. At [cpu * XOS_BINDINGS_MAX + slot], so that
 * no two CPUs write one cache line. Readers map it: what passed costs them no system call. */
struct xos_slot_counters {
    unsigned long long passed;
};

/* What a cgroup id is bound to. A serial is never used twice, a slot is. */
struct xos_binding {
    unsigned int slot;
    unsigned int serial;
};

/* What the filter saw of a process when it last acted, for those that are gone before anybody looks. */
struct xos_origin {
    unsigned int serial;
    int container_pid;           /* in its innermost pid namespace; 0 = unknown */
    unsigned long long identity; /* of its struct pid: the inode in pidfs; 0 = unknown */
    unsigned long long start_ns; /* CLOCK_BOOTTIME; 0 = unknown */
    unsigned long long end_ns;   /* of the first exit event by which all its threads were ending; 0 = none */
    int status;                  /* then: of the process as a whole, wait(2) form */
    unsigned int unused;
    char comm[XOS_COMM_SIZE];
};

struct xos_filter_config {
    unsigned int agent_tgid;  /* whose PR_SET_NAME events pass, as heartbeat */
    unsigned int last_serial; /* of all bindings ever made; the filter does not read it */
};

#endif
