/* Which process events reach the connector agent: those of bound cgroups, and its own heartbeat.
 *
 * Owns: the counters that make loss visible. Runs: in the kernel, once per multicast message, in the context
 * of the task that acts (the parent for a fork, the dying task for an exit), on the CPU whose sequence the
 * message carries.
 */
/* first: bpf_helpers.h uses its types */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "common/tracking/filter_layout.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1); /* set to the number of possible CPUs before loading */
    __type(key, __u32);
    __type(value, struct xos_cpu_counters);
} cpus SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, XOS_BINDINGS_MAX); /* times the number of possible CPUs, set before loading */
    __type(key, __u32);
    __type(value, struct xos_slot_counters);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, XOS_BINDINGS_MAX);
    __type(key, __u64);
    __type(value, struct xos_binding);
} bindings SEC(".maps");

/* By process, for an agent that meets it after it has gone. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, XOS_ORIGINS_MAX);
    __type(key, __u32);
    __type(value, struct xos_origin);
} origins SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xos_filter_config);
} config SEC(".maps");

/* The few fields of the kernel's own that are read; their places come from its type information. */
struct upid {
    int nr;
} __attribute__((preserve_access_index));
struct pid {
    unsigned int level;
    __u64 ino;
    struct upid numbers[1];
} __attribute__((preserve_access_index));
struct signal_struct {
    unsigned int flags;
    int group_exit_code;
} __attribute__((preserve_access_index));
struct task_struct {
    struct task_struct* group_leader;
    struct signal_struct* signal;
    struct pid* thread_pid;
    __u64 start_boottime;
    char comm[XOS_COMM_SIZE];
} __attribute__((preserve_access_index));

struct message_head {
    struct nlmsghdr netlink;
    struct cn_msg connector;
} __attribute__((packed));

struct event_head {
    __u32 what;
    __u32 cpu;
    __u64 timestamp_ns;
} __attribute__((packed));

enum { WHOLE_MESSAGE = 0xffff };

/* An acknowledgement is 0, and passes to nobody. */
#define WANTED_EVENTS                                                                       \
    (PROC_EVENT_FORK | PROC_EVENT_EXEC | PROC_EVENT_UID | PROC_EVENT_GID | PROC_EVENT_SID | \
     PROC_EVENT_COMM | PROC_EVENT_COREDUMP | PROC_EVENT_EXIT)

static __always_inline void count_sequence(__u32 cpu, __u32 seq) {
    struct xos_cpu_counters* counters = bpf_map_lookup_elem(&cpus, &cpu);
    if (!counters) return;
    counters->messages++;
    if (counters->seen) counters->gap += (__u32)(seq - counters->last_seq - 1);
    counters->last_seq = seq;
    counters->seen = 1;
}

static __always_inline void count_passed(__u32 slot) {
    __u32 place = bpf_get_smp_processor_id() * XOS_BINDINGS_MAX + slot;
    struct xos_slot_counters* counters = bpf_map_lookup_elem(&slots, &place);
    if (counters) __sync_fetch_and_add(&counters->passed, 1);
}

static __always_inline struct xos_binding* find_binding(void) {
    for (int level = 1; level <= XOS_CGROUP_DEPTH_MAX; ++level) {
        __u64 id = bpf_get_current_ancestor_cgroup_id(level);
        if (!id) return 0;
        struct xos_binding* binding = bpf_map_lookup_elem(&bindings, &id);
        if (binding) return binding;
    }
    return 0;
}

enum { SIGNAL_GROUP_EXIT = 4 }; /* linux/sched/signal.h */

/* The events of threads come in any order, and each has its own thread's status: this is the process's. */
static __always_inline void remember_status(struct task_struct* task, __u64 now, struct xos_origin* origin) {
    struct signal_struct* signal = BPF_CORE_READ(task, signal);
    if (origin->end_ns || !(BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)) return;
    origin->status = BPF_CORE_READ(signal, group_exit_code);
    origin->end_ns = now;
}

/* A child whose named parent is not who made it (CLONE_PARENT): nothing else tells whose it is. */
static __always_inline void remember_child(struct __sk_buff* skb, __u32 serial) {
    struct fork_proc_event fork;
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    struct xos_origin origin = {.serial = serial};
    if (bpf_skb_load_bytes(skb,
                           sizeof(struct message_head) + __builtin_offsetof(struct proc_event, event_data),
                           &fork, sizeof fork) ||
        fork.child_pid != fork.child_tgid || fork.parent_tgid == tgid)
        return;
    tgid = fork.child_tgid;
    bpf_map_update_elem(&origins, &tgid, &origin, BPF_ANY);
}

/* The one that acts: of a fork the parent; the child's first own act tells of it. */
static __always_inline void remember_origin(const struct event_head* event, __u32 serial) {
    __u32 what = event->what;
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    struct xos_origin* known = bpf_map_lookup_elem(&origins, &tgid);
    struct task_struct* task = (struct task_struct*)bpf_get_current_task();
    struct task_struct* leader = BPF_CORE_READ(task, group_leader);
    __u64 start = BPF_CORE_READ(leader, start_boottime);
    if (known && known->serial == serial && known->start_ns == start && what != PROC_EVENT_EXEC &&
        what != PROC_EVENT_COMM) {
        if (what == PROC_EVENT_EXIT) remember_status(task, event->timestamp_ns, known);
        return;
    }
    struct pid* pid = BPF_CORE_READ(leader, thread_pid);
    unsigned int level = BPF_CORE_READ(pid, level);
    struct xos_origin origin = {.serial = serial, .start_ns = start};
    origin.identity = BPF_CORE_READ(pid, ino);
    /* numbers[] is a flexible array: its element is found by hand, at the kernel's own distance */
    bpf_core_read(&origin.container_pid, sizeof origin.container_pid,
                  (void*)&pid->numbers[0] + (__u64)(level & 31) * bpf_core_type_size(struct upid));
    bpf_core_read(&origin.comm, sizeof origin.comm, &leader->comm);
    if (what == PROC_EVENT_EXIT) remember_status(task, event->timestamp_ns, &origin);
    bpf_map_update_elem(&origins, &tgid, &origin, BPF_ANY);
}

static __always_inline int is_heartbeat(void) {
    __u32 zero = 0;
    struct xos_filter_config* c = bpf_map_lookup_elem(&config, &zero);
    return c && c->agent_tgid && c->agent_tgid == (__u32)(bpf_get_current_pid_tgid() >> 32);
}

SEC("socket")
int select_event(struct __sk_buff* skb) {
    struct event_head event;
    __u32 seq = 0;
    if (bpf_skb_load_bytes(skb, sizeof(struct nlmsghdr) + __builtin_offsetof(struct cn_msg, seq), &seq,
                           sizeof seq) ||
        bpf_skb_load_bytes(skb, sizeof(struct message_head), &event, sizeof event))
        return 0;
    /* acknowledgements of LISTEN and IGNORE, anybody's, take numbers too: send_msg() of
     * drivers/connector/cn_proc.c */
    count_sequence(event.cpu, seq);
    if (event.what == PROC_EVENT_COMM && is_heartbeat()) {
        count_passed(0);
        return WHOLE_MESSAGE;
    }
    if (!(event.what & WANTED_EVENTS)) return 0;
    struct xos_binding* binding = find_binding();
    if (!binding) return 0;
    remember_origin(&event, binding->serial);
    if (event.what == PROC_EVENT_FORK) remember_child(skb, binding->serial);
    count_passed(binding->slot);
    return WHOLE_MESSAGE;
}

char filter_license[] SEC("license") = "Dual BSD/GPL";
