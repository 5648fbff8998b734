#include "xosd/tracking/connector_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "connector_filter.skel.h"

namespace xos {
namespace {

struct SkeletonDeleter {
    void operator()(connector_filter* skeleton) const { connector_filter__destroy(skeleton); }
};

Outcome<UniqueFd> duplicate(int fd) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return failure_errno(errno, "cannot duplicate a descriptor of the connector's filter");
    return copy;
}

struct Shape {
    UniqueFd FilterMaps::* member;
    std::string_view name;
    uint32_t type, key_size, value_size;
    uint32_t agent_flags;
};

// A shared mapping wants a descriptor that may write, even where it only reads (mmap(2)). With it the agent
// could falsify what it counts itself by, and nothing of anybody else's.
constexpr uint32_t kMapped = 0;

constexpr std::array<Shape, 5> kShapes{
    Shape{&FilterMaps::cpus, "cpus", BPF_MAP_TYPE_ARRAY, 4, sizeof(xos_cpu_counters), kMapped},
    Shape{&FilterMaps::slots, "slots", BPF_MAP_TYPE_ARRAY, 4, sizeof(xos_slot_counters), kMapped},
    Shape{&FilterMaps::origins, "origins", BPF_MAP_TYPE_LRU_HASH, 4, sizeof(xos_origin), BPF_F_RDONLY},
    Shape{&FilterMaps::bindings, "bindings", BPF_MAP_TYPE_HASH, 8, sizeof(xos_binding), BPF_F_RDONLY},
    Shape{&FilterMaps::config, "config", BPF_MAP_TYPE_ARRAY, 4, sizeof(xos_filter_config), BPF_F_RDONLY},
};

// A new descriptor of the map that fd names, with the rights in open_flags (0 or BPF_F_RDONLY).
Outcome<UniqueFd> reopen_map(int fd, const Shape& shape, uint32_t open_flags) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (const int e = bpf_map_get_info_by_fd(fd, &info, &size); e != 0)
        return failure_errno(-e, "cannot ask the kernel about the filter's map {}", shape.name);
    if (info.type != shape.type || info.key_size != shape.key_size || info.value_size != shape.value_size ||
        shape.name != info.name)
        return failure(Errc::conflict, "the agent handed back something that is not the filter's map {}",
                       shape.name);
    bpf_get_fd_by_id_opts options{.sz = sizeof(bpf_get_fd_by_id_opts), .open_flags = open_flags};
    const int copy = bpf_map_get_fd_by_id_opts(info.id, &options);
    if (copy < 0) return failure_errno(-copy, "cannot open the filter's map {} anew", shape.name);
    return UniqueFd(copy);  // close-on-exec: the kernel opens all descriptors of BPF objects so
}

enum class For : uint8_t { xosd, agent };

Outcome<FilterMaps> reopen_maps(const FilterMaps& maps, For whom) {
    FilterMaps copies;
    for (const Shape& shape : kShapes) {
        auto copy = reopen_map((maps.*shape.member).get(), shape, whom == For::agent ? shape.agent_flags : 0);
        if (!copy) return std::unexpected(copy.error());
        copies.*shape.member = std::move(*copy);
    }
    return copies;
}

}  // namespace

Outcome<ConnectorFilter> ConnectorFilter::load() {
    libbpf_set_print(nullptr);  // its texts would go to stderr beside our log
    const std::unique_ptr<connector_filter, SkeletonDeleter> skeleton(connector_filter__open());
    if (!skeleton) return failure_errno(errno, "cannot open the connector's filter");
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return failure_errno(-cpus, "cannot count the CPUs of this machine");
    bpf_map__set_max_entries(skeleton->maps.cpus, static_cast<uint32_t>(cpus));
    bpf_map__set_max_entries(skeleton->maps.slots, static_cast<uint32_t>(cpus) * XOS_BINDINGS_MAX);
    if (const int e = connector_filter__load(skeleton.get()); e != 0) {
        auto why = failure_errno(-e, "cannot load the connector's filter");
        why.error().code = Errc::unavailable;
        return why;
    }
    ConnectorFilter filter;
    filter.cpus_ = static_cast<uint32_t>(cpus);
    auto program = duplicate(bpf_program__fd(skeleton->progs.select_event));
    if (!program) return std::unexpected(program.error());
    filter.program_ = std::move(*program);
    const std::array<bpf_map*, 5> maps{skeleton->maps.cpus, skeleton->maps.slots, skeleton->maps.origins,
                                       skeleton->maps.bindings, skeleton->maps.config};
    for (size_t i = 0; i < maps.size(); ++i) {
        auto map = duplicate(bpf_map__fd(maps[i]));
        if (!map) return std::unexpected(map.error());
        filter.maps_.*kShapes[i].member = std::move(*map);
    }
    return filter;
}

Outcome<ConnectorFilter> ConnectorFilter::adopt(const FilterMaps& maps) {
    auto writable = reopen_maps(maps, For::xosd);
    if (!writable) return std::unexpected(writable.error());
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return failure_errno(-cpus, "cannot count the CPUs of this machine");
    ConnectorFilter filter;
    filter.cpus_ = static_cast<uint32_t>(cpus);
    filter.maps_ = std::move(*writable);
    return filter;
}

Outcome<void> ConnectorFilter::attach(int socket) const {
    const int program = program_.get();
    if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) != 0)
        return failure_errno(errno, "cannot attach the connector's filter");
    const int locked = 1;
    if (setsockopt(socket, SOL_SOCKET, SO_LOCK_FILTER, &locked, sizeof locked) != 0)
        return failure_errno(errno, "cannot lock the connector's filter");
    return {};
}

xos_filter_config ConnectorFilter::read_config() const {
    const uint32_t zero = 0;
    xos_filter_config config{};
    bpf_map_lookup_elem(maps_.config.get(), &zero, &config);
    return config;
}

Outcome<void> ConnectorFilter::write_config(const xos_filter_config& config) {
    const uint32_t zero = 0;
    if (bpf_map_update_elem(maps_.config.get(), &zero, &config, BPF_ANY) != 0)
        return failure_errno(errno, "cannot configure the connector's filter");
    return {};
}

Outcome<void> ConnectorFilter::set_agent(pid_t tgid) {
    xos_filter_config config = read_config();
    config.agent_tgid = static_cast<uint32_t>(tgid);
    return write_config(config);
}

uint32_t ConnectorFilter::last_serial() const {
    return read_config().last_serial;
}

Outcome<void> ConnectorFilter::bind(uint64_t cgroup_id, uint32_t slot, uint32_t serial) {
    xos_filter_config config = read_config();
    config.last_serial = serial;
    if (auto written = write_config(config); !written) return written;
    if (auto cleared = clear_slot(slot); !cleared) return cleared;
    const xos_binding binding{.slot = slot, .serial = serial};
    if (bpf_map_update_elem(maps_.bindings.get(), &cgroup_id, &binding, BPF_NOEXIST) != 0)
        return failure_errno(errno, "cannot bind cgroup {} in the connector's filter", cgroup_id);
    return {};
}

Outcome<void> ConnectorFilter::clear_slot(uint32_t slot) {
    const xos_slot_counters none{};
    for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
        const uint32_t place = cpu * XOS_BINDINGS_MAX + slot;
        if (bpf_map_update_elem(maps_.slots.get(), &place, &none, BPF_ANY) != 0)
            return failure_errno(errno, "cannot clear a counter of the connector's filter");
    }
    return {};
}

std::optional<xos_binding> ConnectorFilter::find(uint64_t cgroup_id) const {
    xos_binding bound{};
    if (bpf_map_lookup_elem(maps_.bindings.get(), &cgroup_id, &bound) != 0) return std::nullopt;
    return bound;
}

Outcome<void> ConnectorFilter::unbind(uint64_t cgroup_id) {
    if (bpf_map_delete_elem(maps_.bindings.get(), &cgroup_id) != 0 && errno != ENOENT)
        return failure_errno(errno, "cannot unbind cgroup {} in the connector's filter", cgroup_id);
    return {};
}

Outcome<void> ConnectorFilter::reconcile(std::span<const Entry> wanted) {
    std::vector<uint64_t> stale;
    uint64_t id = 0;
    for (const uint64_t* before = nullptr; bpf_map_get_next_key(maps_.bindings.get(), before, &id) == 0;
         before = &id)
        if (std::ranges::find(wanted, id, &Entry::cgroup_id) == wanted.end()) stale.push_back(id);
    for (const uint64_t cgroup_id : stale)
        if (auto unbound = unbind(cgroup_id); !unbound) return unbound;
    for (const Entry& entry : wanted) {
        if (const auto bound = find(entry.cgroup_id); bound && bound->serial == entry.serial) continue;
        if (auto unbound = unbind(entry.cgroup_id); !unbound) return unbound;
        if (auto now = bind(entry.cgroup_id, entry.slot, entry.serial); !now) return now;
    }
    return {};
}

Outcome<FilterMaps> ConnectorFilter::agent_maps() const {
    return reopen_maps(maps_, For::agent);
}

uint64_t ConnectorFilter::passed(uint32_t slot) const {
    uint64_t sum = 0;
    for (uint32_t cpu = 0; cpu < cpus_; ++cpu) {
        xos_slot_counters counters{};
        const uint32_t place = cpu * XOS_BINDINGS_MAX + slot;
        if (bpf_map_lookup_elem(maps_.slots.get(), &place, &counters) == 0) sum += counters.passed;
    }
    return sum;
}

}  // namespace xos
