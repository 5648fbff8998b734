// The parts of bench/accounts: each measures its rows of one population and adds them to the report.
#pragma once

#include "bench/peers.h"

namespace xos::bench {

// Somebody to ask, and whether that is possible.
struct Peer {
    std::string name;     // in the table
    std::string service;  // in nsswitch.conf
    Outcome<Module> module;
};
// All that one population is asked through. xos and the yardstick have to be there.
struct Field {
    const Population& population;
    Peer floor, xos, sss, systemd, extrausers, files;
    std::vector<std::string> missing;  // names that SSSD has been asked for before
    [[nodiscard]] size_t users() const { return population.snapshot.accounts.size(); }
    [[nodiscard]] bool is_small() const { return users() <= 10'000; }  // all peers can bear it
};

// accounts_publish.cc: the file that nss_xos reads becomes the population's.
void publish_accounts(const Population& population, Report& report);
// One member after the other changes in it. The last of all measurements: full names are others afterwards.
void measure_changes(const Population& population, Report& report);

// accounts_look_ups.cc: one process that looks up over and over.
void measure_hits(const Field& field, Report& report);
void measure_hits_through_glibc(const Field& field, Report& report);
void measure_groups(const Field& field, Report& report);
void measure_misses(const Field& field, Report& report);
void measure_two_threads(const Field& field, Report& report);
// A turn of look-ups of users by name, module called directly.
[[nodiscard]] Turn take_turn_by_name(const Peer& peer, const Population& population, size_t batch);

// accounts_lists.cc: what goes through all there is, at least elsewhere.
void measure_enumeration(const Field& field, Report& report);
void measure_initgroups(const Field& field, Report& report);

// accounts_processes.cc: fresh processes; the writer of the accounts file as a process that hangs.
void measure_fresh_processes(const Field& field, Report& report);
void measure_stopped_writer(const Field& field, Report& report);

// The services of passwd or group, and of initgroups, for this process from now on.
void use_service(const std::string& service);
// What a peer adds to a contest: its turn, or why there is none.
void add(Contest& contest, const Peer& peer, Turn turn);

}  // namespace xos::bench
