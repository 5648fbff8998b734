/* Which process events reach the connector agent: those of bound cgroups, and its own heartbeat.
 *
 * Owns: the counters that make loss visible. Runs: in the kernel, once per multicast message, in the context
 * of the task that acts (the parent for a fork, the dying task for an exit), on the CPU whose sequence the
 * message carries.
 */
/* first: bpf_helpers.h uses its types */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "common/tracking/filter_layout.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1); /* set to the number of possible CPUs before loading */
    __type(key, __u32);
    __type(value, struct xos_cpu_counters);
} cpus SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, XOS_BINDINGS_MAX);
    __type(key, __u32);
    __type(value, struct xos_slot_counters);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, XOS_BINDINGS_MAX);
    __type(key, __u64);
    __type(value, struct xos_binding);
} bindings SEC(".maps");

/* Process to serial, for an agent that meets a process after it has gone. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, XOS_ORIGINS_MAX);
    __type(key, __u32);
    __type(value, __u32);
} origins SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct xos_filter_config);
} config SEC(".maps");

struct message_head {
    struct nlmsghdr netlink;
    struct cn_msg connector;
} __attribute__((packed));

struct event_head {
    __u32 what;
    __u32 cpu;
} __attribute__((packed));

enum { WHOLE_MESSAGE = 0xffff };

static __always_inline void count_sequence(__u32 cpu, __u32 seq) {
    struct xos_cpu_counters* counters = bpf_map_lookup_elem(&cpus, &cpu);
    if (!counters) return;
    counters->messages++;
    if (counters->seen) counters->gap += (__u32)(seq - counters->last_seq - 1);
    counters->last_seq = seq;
    counters->seen = 1;
}

static __always_inline void count_passed(__u32 slot) {
    struct xos_slot_counters* counters = bpf_map_lookup_elem(&slots, &slot);
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

static __always_inline void remember_origin(struct __sk_buff* skb, __u32 what, __u32 serial) {
    struct fork_proc_event fork;
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    if (what == PROC_EVENT_FORK) {
        if (bpf_skb_load_bytes(
                skb, sizeof(struct message_head) + __builtin_offsetof(struct proc_event, event_data), &fork,
                sizeof fork))
            return;
        if (fork.child_pid != fork.child_tgid) return;
        tgid = fork.child_tgid;
    }
    __u32* known = bpf_map_lookup_elem(&origins, &tgid);
    if (!known || *known != serial) bpf_map_update_elem(&origins, &tgid, &serial, BPF_ANY);
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
    if (event.what == PROC_EVENT_COMM) {
        if (!is_heartbeat()) return 0;
        count_passed(0);
        return WHOLE_MESSAGE;
    }
    if (event.what != PROC_EVENT_FORK && event.what != PROC_EVENT_EXEC && event.what != PROC_EVENT_EXIT)
        return 0;
    struct xos_binding* binding = find_binding();
    if (!binding) return 0;
    remember_origin(skb, event.what, binding->serial);
    count_passed(binding->slot);
    return WHOLE_MESSAGE;
}

char filter_license[] SEC("license") = "Dual BSD/GPL";
