// nss_xos against its peers in Debian 13 (SSSD, nss-systemd's drop-ins, libnss-extrausers, glibc's "files")
// and against the yardstick (bench/floor.h): every goal that the project has for its accounts, in one run.
//
//   accounts [POPULATION..]     10000, 100000 and 1000000 by default; in a root that vanishes, see peers.h
//
// A peer is asked for as many users as it can bear: SSSD and nss-systemd for 10,000. One that cannot be asked
// has rows that say so, and the bench ends with 1.
#include <cstdlib>
#include <cstring>
#include <optional>

#include "bench/accounts.h"
#include "bench/floor_file.h"
#include "bench/sssd.h"

using namespace xos;
using namespace xos::bench;
namespace {

constexpr size_t kMissing = 512;  // names that SSSD is asked for in vain, over and over

Peer find_peer(const char* name, const char* service) {
    return {name, service, Module::load(service)};
}

// Names without '@': SSSD's own path for them is several times shorter.
std::vector<std::string> choose_missing() {
    std::vector<std::string> names;
    for (size_t i = 0; i < kMissing; ++i) names.push_back(compose("nobody{:05}", i));
    return names;
}

// A peer that gives no right answer is out before it can spoil a contest.
void check(Peer& peer, const Population& all) {
    if (!peer.module) return;
    passwd entry{};
    char buffer[2048];
    int error = 0;
    const nss_status status =
        peer.module->getpwnam(all.names[0].c_str(), &entry, buffer, sizeof buffer, &error);
    if (status != NSS_STATUS_SUCCESS || entry.pw_uid != all.uids[0])
        peer.module = failure(Errc::invalid, "does not know {} (status {}, {})", all.names[0],
                              static_cast<int>(status), strerror(error));
}

Field prepare(const Population& all, Report& report, std::optional<Sssd>& sssd) {
    write_floor(all.snapshot);
    prepare_files(all.snapshot);
    prepare_extrausers(all.snapshot);
    publish_accounts(all, report);
    Field field{all,
                find_peer("floor", "xosfloor"),
                find_peer("xos", "xos"),
                find_peer("sss", "sss"),
                find_peer("systemd", "systemd"),
                find_peer("extrausers", "extrausers"),
                find_peer("files", "files"),
                choose_missing()};
    if (field.is_small()) {
        prepare_userdb(all.snapshot);
        if (field.sss.module) {
            if (Outcome<Sssd> started = Sssd::start(*field.sss.module, all, field.missing))
                sssd.emplace(std::move(*started));
            else
                field.sss.module = std::unexpected(started.error());
        }
        check(field.sss, all);
        check(field.systemd, all);
    }
    for (Peer* peer : {&field.floor, &field.xos, &field.extrausers, &field.files}) check(*peer, all);
    for (const Peer* peer : {&field.floor, &field.xos})
        if (!peer->module) die(compose("{}: {}", peer->name, peer->module.error().message));
    return field;
}

void measure(uint32_t users, Report& report) {
    const Population all = populate(users);
    std::optional<Sssd> sssd;  // runs as long as it is asked
    const Field field = prepare(all, report, sssd);
    measure_hits(field, report);
    measure_hits_through_glibc(field, report);
    measure_misses(field, report);
    measure_two_threads(field, report);
    if (field.is_small()) {
        measure_groups(field, report);
        measure_initgroups(field, report);
        measure_fresh_processes(field, report);
        measure_stopped_writer(field, report);
    }
    if (users >= 1'000'000) measure_enumeration(field, report);
    measure_changes(all, report);
}

}  // namespace

void bench::use_service(const std::string& service) {
    static std::string now;
    if (now == service) return;
    for (const char* database : {"passwd", "group", "initgroups"})
        if (__nss_configure_lookup(database, service.c_str()) != 0)
            die(compose("cannot make glibc ask {}", service));
    now = service;
}

void bench::add(Contest& contest, const Peer& peer, Turn turn) {
    if (peer.module)
        contest.add(peer.name, std::move(turn));
    else
        contest.add_absent(peer.name, peer.module.error().message);
}

int main(int argc, char** argv) {
    std::vector<uint32_t> populations;
    for (int i = 1; i < argc; ++i) {
        const long count = strtol(argv[i], nullptr, 10);
        if (count < 1'000 || count > 3'000'000) die("a population is a number from 1000 to 3000000");
        populations.push_back(static_cast<uint32_t>(count));
    }
    if (populations.empty()) populations = {10'000, 100'000, 1'000'000};
    enter_private_root();
    Report report;
    for (const uint32_t count : populations) measure(count, report);
    return report.finish();
}
