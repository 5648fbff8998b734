#include "bench/accounts.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace xos::bench {
namespace {

constexpr int kRounds = 25, kSlowRounds = 9, kSlowRoundsOfLarge = 5;
constexpr size_t kLarge = 1'000'000;
constexpr size_t kFast = 64, kSlow = 1;  // look-ups between two looks at the clock

// What is compared is not what is returned: the compiler would return the key's own number, which is there
// before the answer is.
struct Answer {
    passwd user{};
    group team{};
    int error = 0;
    char buffer[2048];
};

// A miss answers nothing that the next look-up could need: without this they would overlap.
inline void wait_for_all_before() {
#if defined(__x86_64__)
    _mm_lfence();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

LookUp find_by_name(const Module& module, const Population& all) {
    return [call = module.getpwnam, &all, answer = Answer{}](size_t key) mutable {
        const nss_status status =
            call(all.names[key].c_str(), &answer.user, answer.buffer, sizeof answer.buffer, &answer.error);
        return status == NSS_STATUS_SUCCESS && answer.user.pw_uid == all.uids[key]
                   ? size_t{answer.user.pw_gid}
                   : kWrong;
    };
}

LookUp find_by_uid(const Module& module, const Population& all) {
    return [call = module.getpwuid, &all, answer = Answer{}](size_t key) mutable {
        const nss_status status =
            call(all.uids[key], &answer.user, answer.buffer, sizeof answer.buffer, &answer.error);
        return status == NSS_STATUS_SUCCESS && answer.user.pw_uid == all.uids[key]
                   ? size_t{answer.user.pw_gid}
                   : kWrong;
    };
}

LookUp find_group_by_name(const Module& module, const Population& all) {
    return [call = module.getgrnam, &all, answer = Answer{}](size_t key) mutable {
        const nss_status status =
            call(all.groups[key].c_str(), &answer.team, answer.buffer, sizeof answer.buffer, &answer.error);
        return status == NSS_STATUS_SUCCESS && answer.team.gr_gid == all.gids[key] &&
                       answer.team.gr_mem[0] != nullptr
                   ? size_t(answer.team.gr_name[0])
                   : kWrong;
    };
}

LookUp find_group_by_gid(const Module& module, const Population& all) {
    return [call = module.getgrgid, &all, answer = Answer{}](size_t key) mutable {
        const nss_status status =
            call(all.gids[key], &answer.team, answer.buffer, sizeof answer.buffer, &answer.error);
        return status == NSS_STATUS_SUCCESS && answer.team.gr_gid == all.gids[key]
                   ? size_t(answer.team.gr_name[0])
                   : kWrong;
    };
}

LookUp find_nobody(const Module& module, const std::vector<std::string>& names) {
    return [call = module.getpwnam, &names, answer = Answer{}](size_t key) mutable {
        const nss_status status = call(names[key % names.size()].c_str(), &answer.user, answer.buffer,
                                       sizeof answer.buffer, &answer.error);
        wait_for_all_before();
        return status == NSS_STATUS_NOTFOUND ? size_t{0} : kWrong;
    };
}

LookUp ask_glibc_by_name(const Population& all) {
    return [&all, answer = Answer{}](size_t key) mutable {
        passwd* found = nullptr;
        const int error =
            getpwnam_r(all.names[key].c_str(), &answer.user, answer.buffer, sizeof answer.buffer, &found);
        return error == 0 && found != nullptr && found->pw_uid == all.uids[key] ? size_t{found->pw_gid}
                                                                                : kWrong;
    };
}

LookUp ask_glibc_by_uid(const Population& all) {
    return [&all, answer = Answer{}](size_t key) mutable {
        passwd* found = nullptr;
        const int error =
            getpwuid_r(all.uids[key], &answer.user, answer.buffer, sizeof answer.buffer, &found);
        return error == 0 && found != nullptr && found->pw_uid == all.uids[key] ? size_t{found->pw_gid}
                                                                                : kWrong;
    };
}

// A turn of what make(module) makes; empty where there is no module.
Turn turn_of(const Peer& peer, const Population& all, size_t batch, auto make) {
    return peer.module ? take_turn(make(*peer.module), all.keys(), batch) : Turn{};
}

Turn through(const std::string& service, Turn turn) {
    return [service, turn = std::move(turn)] {
        use_service(service);
        return turn();
    };
}

// Slow peers have a contest of their own: what they read drives everybody else's bytes out of the caches.
void measure_hits_of(const char* what, auto find, const Field& field, Report& report) {
    const Population& all = field.population;
    Contest fast(what, field.users()), slow(what, field.users());
    const auto enter = [&](Contest& contest, const Peer& peer, size_t batch) {
        add(contest, peer,
            turn_of(peer, all, batch, [&](const Module& module) { return find(module, all); }));
    };
    enter(fast, field.floor, kFast);
    enter(fast, field.xos, kFast);
    if (field.is_small()) enter(fast, field.sss, kFast);
    fast.run(kRounds);
    report.compare(fast, "xos", "floor", at_most(1.3));
    if (field.is_small()) report.compare(fast, "sss", "xos", at_least(5));

    const bool large = field.users() >= kLarge;
    enter(slow, field.xos, kFast);
    if (field.is_small()) enter(slow, field.systemd, kSlow);
    enter(slow, field.extrausers, kSlow);
    enter(slow, field.files, kSlow);
    slow.run(large ? kSlowRoundsOfLarge : kSlowRounds);
    if (field.is_small()) report.compare(slow, "systemd", "xos", at_least(300));
    report.compare(slow, "extrausers", "xos");
    report.compare(slow, "files", "xos", large ? std::optional(at_least(50'000)) : std::nullopt);
}

}  // namespace

Turn take_turn_by_name(const Peer& peer, const Population& population, size_t batch) {
    return turn_of(peer, population, batch,
                   [&](const Module& module) { return find_by_name(module, population); });
}

void measure_hits(const Field& field, Report& report) {
    measure_hits_of("hit by name", find_by_name, field, report);
    measure_hits_of("hit by uid", find_by_uid, field, report);
}

void measure_hits_through_glibc(const Field& field, Report& report) {
    const Population& all = field.population;
    Contest names("hit by name, through glibc", field.users());
    Contest uids("hit by uid, through glibc", field.users());
    const auto enter = [&](const Peer& peer) {
        add(names, peer, through(peer.service, take_turn(ask_glibc_by_name(all), all.keys(), kFast)));
        add(uids, peer, through(peer.service, take_turn(ask_glibc_by_uid(all), all.keys(), kFast)));
    };
    enter(field.floor);
    enter(field.xos);
    if (field.is_small()) enter(field.sss);
    for (Contest* contest : {&names, &uids}) {
        contest->run(kRounds);
        report.compare(*contest, "xos", "floor", at_most(1.5));
        if (field.is_small()) report.compare(*contest, "sss", "xos");
    }
}

void measure_groups(const Field& field, Report& report) {
    const Population& all = field.population;
    Contest names("group of 4 by name", field.users()), gids("group of 4 by gid", field.users());
    for (const Peer* peer : {&field.floor, &field.xos}) {
        add(names, *peer, turn_of(*peer, all, kFast, [&](const Module& module) {
                return find_group_by_name(module, all);
            }));
        add(gids, *peer,
            turn_of(*peer, all, kFast, [&](const Module& module) { return find_group_by_gid(module, all); }));
    }
    for (Contest* contest : {&names, &gids}) {
        contest->run(kRounds);
        report.compare(*contest, "xos", "floor");
    }
}

void measure_misses(const Field& field, Report& report) {
    const Population& all = field.population;
    Contest contest("miss", field.users());
    const auto enter = [&](const Peer& peer, size_t batch, const std::vector<std::string>& names) {
        add(contest, peer,
            turn_of(peer, all, batch, [&](const Module& module) { return find_nobody(module, names); }));
    };
    enter(field.floor, kFast, all.absent);
    enter(field.xos, kFast, all.absent);
    if (field.is_small()) {
        enter(field.sss, kSlow, field.missing);
        enter(field.systemd, kSlow, all.absent);
    }
    contest.run(kRounds);
    report.compare(contest, "xos", "floor");
    if (!field.is_small()) return;
    report.compare(contest, "sss", "xos", at_least(150));
    report.compare(contest, "systemd", "xos");
}

void measure_two_threads(const Field& field, Report& report) {
    Contest contest("hit by name, 2 threads", field.users());
    const auto enter = [&](const Peer& peer) {
        add(contest, peer,
            peer.module ? take_turn_of_two([&] { return find_by_name(*peer.module, field.population); },
                                           field.population.keys())
                        : Turn{});
    };
    enter(field.floor);
    enter(field.xos);
    if (field.is_small()) enter(field.sss);
    contest.add("xos, 1 thread", take_turn_by_name(field.xos, field.population, kFast));
    contest.run(kRounds);
    report.compare(contest, "xos", "floor");
    report.compare(contest, "xos, 1 thread", "xos");
    if (field.is_small()) report.compare(contest, "sss", "xos", at_least(8));
}

}  // namespace xos::bench
