#include "cli/timeline_lanes.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "cli/time_axis.h"
#include "common/failure.h"

namespace xos {
namespace {

constexpr size_t kNamedParents = 10, kNamedLeaves = 10;  // shown by name at most
constexpr size_t kBelowParent = 12, kNamesTold = 4;
constexpr double kRowHeightMax = 14;

// Those with the most processes below them: a dozen, and a hundredth of all, at least.
std::vector<uint32_t> large_parents(const Timeline& timeline) {
    std::vector<uint32_t> parents;
    const size_t least = std::max(timeline.bars.size() / 100, kBelowParent);
    for (uint32_t i = 0; i < timeline.bars.size(); ++i)
        if (timeline.bars[i].descendants >= least) parents.push_back(i);
    std::ranges::stable_sort(parents, std::greater(),
                             [&](uint32_t i) { return timeline.bars[i].descendants; });
    if (parents.size() > kNamedParents) parents.resize(kNamedParents);
    return parents;
}

// Others that ran for a tenth of the time; none where those are many.
std::vector<uint32_t> long_ones(const Timeline& timeline, const std::set<uint32_t>& named) {
    std::vector<uint32_t> found;
    for (uint32_t i = 0; i < timeline.bars.size() && found.size() <= kNamedLeaves; ++i) {
        const ProcessBar& bar = timeline.bars[i];
        if (bar.to - bar.from >= (timeline.to - timeline.from) / 10 && !named.contains(i)) found.push_back(i);
    }
    return found.size() > kNamedLeaves ? std::vector<uint32_t>() : found;
}

// The first free lane for each, in the order of their beginnings.
void assign_lanes(const Timeline& timeline, int64_t shortest, LaneGroup& group) {
    std::vector<size_t> order(group.members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto bar = [&](size_t i) -> const ProcessBar& { return timeline.bars[group.members[i]]; };
    std::ranges::stable_sort(order, {}, [&](size_t i) { return bar(i).from; });
    using Busy = std::pair<int64_t, uint32_t>;  // until when, which lane
    std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
    std::set<uint32_t> free;
    group.lane.resize(group.members.size());
    for (const size_t i : order) {
        for (; !busy.empty() && busy.top().first <= bar(i).from; busy.pop()) free.insert(busy.top().second);
        if (free.empty()) free.insert(group.lanes++);
        group.lane[i] = *free.begin();
        free.erase(free.begin());
        busy.emplace(std::max(bar(i).to, bar(i).from + shortest), group.lane[i]);
    }
}

std::string names_text(const Timeline& timeline, const LaneGroup& group) {
    std::map<std::string, uint32_t> counts;
    for (const uint32_t member : group.members) ++counts[timeline.bars[member].name()];
    std::vector<std::pair<std::string, uint32_t>> most(counts.begin(), counts.end());
    std::ranges::stable_sort(most, std::greater(), &std::pair<std::string, uint32_t>::second);
    std::string text;
    for (size_t i = 0; i < std::min(most.size(), kNamesTold); ++i)
        text += compose("{}{} {}", i == 0 ? "" : ", ", most[i].first, grouped(most[i].second));
    if (most.size() > kNamesTold)
        text += compose(", {} other name{}", grouped(most.size() - kNamesTold),
                        most.size() == kNamesTold + 1 ? "" : "s");
    return text;
}

// By how much the number of each ending changes at a cell.
using CellCounts = std::vector<std::array<int32_t, kEndings>>;

// The most frequent ending of each cell where ends has none; of equals the worse.
CellRow merge_cells(const CellCounts& changes, CellRow ends) {
    std::array<int32_t, kEndings> alive{};
    for (size_t cell = 0; cell < ends.size(); ++cell) {
        size_t most = 0;
        for (size_t i = 0; i < kEndings; ++i) {
            alive[i] += changes[cell][i];
            if (alive[i] >= alive[most]) most = i;
        }
        if (alive[most] != 0 && ends[cell] == kEmptyCell) ends[cell] = static_cast<uint8_t>(1 + most);
    }
    return ends;
}

}  // namespace

LanePlan plan_lanes(const Timeline& timeline, int64_t shortest) {
    LanePlan plan;
    const std::vector<uint32_t> parents = large_parents(timeline);
    std::set<uint32_t> named(parents.begin(), parents.end());
    const std::vector<uint32_t> others = long_ones(timeline, named);
    named.insert(others.begin(), others.end());
    plan.named.assign(named.begin(), named.end());
    std::vector<uint32_t> owner(timeline.bars.size(), kNoBar);
    std::map<uint32_t, LaneGroup> groups;  // by owner + 1: those without one come first
    for (uint32_t i = 0; i < timeline.bars.size(); ++i) {
        const uint32_t parent = timeline.bars[i].parent;
        owner[i] = named.contains(i) ? i : parent == kNoBar ? kNoBar : owner[parent];
        if (owner[i] == i) continue;
        LaneGroup& group = groups[owner[i] + 1];
        group.owner = owner[i];
        group.members.push_back(i);
    }
    for (auto& [key, group] : groups) {
        assign_lanes(timeline, shortest, group);
        plan.groups.push_back(std::move(group));
    }
    return plan;
}

void fit_lanes(LanePlan& plan, double room) {
    uint64_t lanes = 0;
    for (const LaneGroup& group : plan.groups) lanes += group.lanes;
    if (lanes == 0) return;
    plan.row_height = std::clamp(room / static_cast<double>(lanes), 1.0, kRowHeightMax);
    const double share = std::min(room / (static_cast<double>(lanes) * plan.row_height), 1.0);
    for (LaneGroup& group : plan.groups)
        group.rows = std::max(static_cast<uint32_t>(group.lanes * share), 1U);
}

std::vector<uint32_t> count_alive(const Timeline& timeline, size_t parts) {
    std::vector<std::pair<int64_t, int>> changes;
    for (const ProcessBar& bar : timeline.bars) {
        changes.emplace_back(bar.from, 1);
        changes.emplace_back(std::max(bar.to, bar.from + 1), -1);
    }
    std::ranges::sort(changes);
    std::vector<uint32_t> counts(parts);
    const double span = static_cast<double>(std::max<int64_t>(timeline.to - timeline.from, 1));
    size_t next = 0;
    int alive = 0;
    for (size_t part = 0; part < parts; ++part) {
        const auto end = part + 1 == parts
                             ? INT64_MAX
                             : timeline.from + static_cast<int64_t>(span * static_cast<double>(part + 1) /
                                                                    static_cast<double>(parts));
        int most = alive;
        for (; next < changes.size() && changes[next].first < end; ++next)
            most = std::max(most, alive += changes[next].second);
        counts[part] = static_cast<uint32_t>(most);
    }
    return counts;
}

std::string describe_group(const Timeline& timeline, const LaneGroup& group) {
    std::array<uint32_t, kEndings> endings{};
    int64_t longest = 0;
    for (const uint32_t member : group.members) {
        const ProcessBar& bar = timeline.bars[member];
        ++endings[static_cast<size_t>(bar.ending)];
        longest = std::max(longest, bar.to - bar.from);
    }
    std::string text = compose(
        "{} process{} of {}: {}", grouped(group.members.size()), group.members.size() == 1 ? "" : "es",
        group.owner == kNoBar ? "the job" : timeline.bars[group.owner].name(), names_text(timeline, group));
    static constexpr const char* kSaid[kEndings] = {"exit 0", "running", "unknown how", "failed",
                                                    "killed by signals"};
    for (const Ending ending : {Ending::zero, Ending::code, Ending::signal, Ending::unknown, Ending::alive})
        if (const uint32_t number = endings[static_cast<size_t>(ending)]; number != 0)
            text += compose("; {} {}", grouped(number), kSaid[static_cast<size_t>(ending)]);
    text += compose("; the longest {}", span_text(longest));
    if (group.lanes > group.rows && group.rows != 0)
        text += compose("; a line stands for up to {}", (group.lanes + group.rows - 1) / group.rows);
    return text;
}

std::vector<CellRow> fill_cells(const Timeline& timeline, const LaneGroup& group, size_t cells) {
    const double per_cell =
        static_cast<double>(std::max<int64_t>(timeline.to - timeline.from, 1)) / static_cast<double>(cells);
    const auto cell = [&](int64_t time) {
        return std::min(static_cast<size_t>(static_cast<double>(time - timeline.from) / per_cell), cells - 1);
    };
    std::vector<std::vector<uint32_t>> sharing(group.rows);
    for (size_t i = 0; i < group.members.size(); ++i)
        sharing[static_cast<uint64_t>(group.lane[i]) * group.rows / group.lanes].push_back(group.members[i]);
    std::vector<CellRow> rows;
    for (const std::vector<uint32_t>& members : sharing) {
        CellCounts counts(cells + 1);
        CellRow ends(cells, kEmptyCell);
        for (const uint32_t member : members) {
            const ProcessBar& bar = timeline.bars[member];
            const auto ending = static_cast<size_t>(bar.ending);
            const size_t from = cell(bar.from), last = cell(bar.to);
            const size_t to = last - from >= 3 ? last - 1 : last;  // so that neighbours can be told apart
            ++counts[from][ending];
            --counts[to + 1][ending];
            if (bar.ending >= Ending::unknown)
                ends[to] = std::max(ends[to], static_cast<uint8_t>(1 + ending));
        }
        rows.push_back(merge_cells(counts, std::move(ends)));
    }
    return rows;
}

}  // namespace xos
