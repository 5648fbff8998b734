#include <unistd.h>

#include <chrono>

#include "bench/accounts.h"

namespace xos::bench {
namespace {

constexpr int kRounds = 5;

Turn take_turn_of_all(const Peer& peer, size_t users) {
    if (!peer.module) return {};
    return [&module = *peer.module, users]() -> Outcome<double> {
        passwd entry{};
        char buffer[2048];
        int error = 0;
        size_t count = 0;
        const auto start = std::chrono::steady_clock::now();
        module.setpwent(0);
        while (module.getpwent(&entry, buffer, sizeof buffer, &error) == NSS_STATUS_SUCCESS) ++count;
        module.endpwent();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        if (count < users) return failure(Errc::invalid, "shows {} of {} users", count, users);
        return took.count();
    };
}

Turn take_turn_of_initgroups(const std::string& service, const Population& all) {
    const AccountEntry& account = all.snapshot.accounts[0];
    const LookUp look_up = [&account](size_t) {
        gid_t groups[kGroupsOfOne * 2];
        int count = std::size(groups);
        getgrouplist(account.name.c_str(), account.gid, groups, &count);
        return count == static_cast<int>(kGroupsOfOne) + 1 ? size_t{groups[1]} : kWrong;
    };
    const bool reads_all = service == "files" || service == "extrausers";
    return [service, turn = take_turn(look_up, all.keys(), reads_all ? 1 : 64)] {
        use_service(service);
        return turn();
    };
}

}  // namespace

void measure_enumeration(const Field& field, Report& report) {
    Contest contest("enumerate", field.users());
    for (const Peer* peer : {&field.floor, &field.xos, &field.extrausers, &field.files})
        add(contest, *peer, take_turn_of_all(*peer, field.users()));
    contest.run(kRounds);
    const auto& extrausers = contest.contestant("extrausers");
    const bool best =
        extrausers.absence.empty() && median(extrausers.rounds) < median(contest.contestant("files").rounds);
    report.compare(contest, "xos", "floor");
    report.compare(contest, "xos", best ? "extrausers" : "files", at_most(0.35));
    report.compare(contest, "xos", best ? "files" : "extrausers");
}

void measure_initgroups(const Field& field, Report& report) {
    Contest contest(compose("initgroups, {} of {}k groups", kGroupsOfOne, kGroups / 1000), field.users());
    for (const Peer* peer : {&field.floor, &field.xos, &field.extrausers, &field.files})
        add(contest, *peer, take_turn_of_initgroups(peer->service, field.population));
    contest.run(kRounds);
    report.compare(contest, "xos", "floor");
    report.compare(contest, "extrausers", "xos");
    report.compare(contest, "files", "xos", at_least(1'000));
}

}  // namespace xos::bench
