// What a look-up of a user costs: nss_xos against glibc's own "files" and against the floor (bench/floor.h).
//
//   accounts [POPULATION..]     10000 and 100000 by default; needs root, changes nothing outside its own
//   namespace
//
// Contestants take turns in every round. A figure is the median over the rounds of the round's median; a
// ratio is the median of the rounds' ratios. Nanoseconds depend on the machine, ratios hardly do.
#include <dlfcn.h>
#include <nss.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <print>
#include <random>
#include <string>
#include <vector>

#include "bench/floor.h"
#include "libxos/names.h"
#include "xosd/identity/accounts_writer.h"

using namespace xos;
namespace {

constexpr int kRounds = 9;
constexpr auto kTurn = std::chrono::milliseconds(60);  // of one contestant in one round
constexpr size_t kKeys = 1 << 14;
constexpr size_t kWrong = ~size_t{0};

using LookUp = nss_status (*)(const char*, passwd*, char*, size_t, int*);
using LookUpId = nss_status (*)(uid_t, passwd*, char*, size_t, int*);

[[noreturn]] void die(const std::string& why) {
    std::println(stderr, "bench accounts: {}", why);
    exit(1);
}

struct Contestant {
    const char* name;
    std::function<size_t(size_t key)> run;  // something of the answer, or kWrong
    size_t batch;                           // look-ups between two looks at the clock
    std::vector<double> rounds;             // median nanoseconds of each
};

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
}

void take_turn(Contestant& contestant, std::mt19937& random) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> samples;
    const auto end = Clock::now() + kTurn;
    size_t key = random() % kKeys;
    do {
        const auto start = Clock::now();
        for (size_t i = 0; i < contestant.batch; ++i) {
            const size_t answer = contestant.run(key);
            if (answer == kWrong) die(std::string("wrong answer of ") + contestant.name);
            // needs the answer, or the processor would do several look-ups at once and hide what one takes
            key = (key + 1 + answer) % kKeys;
        }
        const std::chrono::duration<double, std::nano> took = Clock::now() - start;
        samples.push_back(took.count() / static_cast<double>(contestant.batch));
    } while (Clock::now() < end || samples.size() < 3);
    contestant.rounds.push_back(median(std::move(samples)));
}

// The first contestant is what the others are compared with.
void compare(const char* title, std::vector<Contestant> contestants) {
    std::mt19937 random(1);
    for (int round = 0; round < kRounds; ++round)
        for (Contestant& contestant : contestants) take_turn(contestant, random);
    for (const Contestant& contestant : contestants) {
        std::vector<double> ratios;
        for (int round = 0; round < kRounds; ++round)
            ratios.push_back(contestant.rounds[static_cast<size_t>(round)] /
                             contestants[0].rounds[static_cast<size_t>(round)]);
        const auto [least, most] = std::ranges::minmax(ratios);
        std::println("{:<26} {:<22} {:>12.0f} ns {:>12.2f} x  ({:.2f}-{:.2f})", title, contestant.name,
                     median(contestant.rounds), median(ratios), least, most);
        title = "";
    }
}

AccountsSnapshot populate(uint32_t count) {
    AccountsSnapshot all{.vos = {{"physics", kUidMin, 4u << 20}}};
    for (uint32_t i = 1; i <= count; ++i) {
        const std::string user = std::format("frank{:06}", i);
        all.accounts.push_back({.name = user + "@physics",
                                .uid = kUidMin + i,
                                .gid = kUidMin + i,
                                .gecos = std::format("Frank Member {}", i),
                                .home = "/home/physics/" + user,
                                .shell = "/bin/bash"});
    }
    return all;
}

// /run, /etc/passwd and nothing else become this process's own.
void enter_private_root() {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=75%") != 0 ||
        mkdir(kRunDir, 0755) != 0)
        die("cannot make a mount namespace of its own: run it as root (scripts/dev bench accounts)");
    std::ofstream("/run/passwd") << "root:x:0:0:root:/root:/bin/sh\n";
    if (mount("/run/passwd", "/etc/passwd", nullptr, MS_BIND, nullptr) != 0)
        die("cannot mount over /etc/passwd");
}

void publish(const AccountsSnapshot& snapshot) {
    std::ofstream passwd_file("/run/passwd", std::ios::trunc);
    passwd_file << "root:x:0:0:root:/root:/bin/sh\n";
    for (const AccountEntry& account : snapshot.accounts)
        passwd_file << std::format("{}:*:{}:{}:{}:{}:{}\n", account.name, account.uid, account.gid,
                                   account.gecos, account.home, account.shell);
    const auto start = std::chrono::steady_clock::now();
    auto writer = AccountsWriter::open(kAccountsFile, "");
    if (!writer) die(writer.error().message);
    if (const auto done = writer->replace(snapshot); !done) die(done.error().message);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    struct stat st{};
    if (stat(kAccountsFile, &st) != 0) die("no accounts file");
    std::println("\n{} accounts: file of {:.1f} MB, built and published in {:.1f} ms",
                 snapshot.accounts.size(), static_cast<double>(st.st_size) / 1e6, took.count());
}

void measure(uint32_t count, void* module) {
    const AccountsSnapshot snapshot = populate(count);
    publish(snapshot);
    const bench::Floor floor(snapshot);
    const auto by_name = reinterpret_cast<LookUp>(dlsym(module, "_nss_xos_getpwnam_r"));
    const auto by_uid = reinterpret_cast<LookUpId>(dlsym(module, "_nss_xos_getpwuid_r"));
    if (by_name == nullptr || by_uid == nullptr) die("the module has no entry points");
    std::mt19937 random(2);
    std::vector<std::string> names, absent;
    std::vector<uint32_t> uids;
    for (size_t i = 0; i < kKeys; ++i) {
        const AccountEntry& account = snapshot.accounts[random() % count];
        names.push_back(account.name);
        uids.push_back(account.uid);
        absent.push_back("no" + account.name);
    }
    passwd entry{};
    passwd* result = nullptr;
    char buffer[1024];
    int error = 0;
    const auto hit = [&](bool found) { return found ? size_t{entry.pw_uid} & 15 : kWrong; };
    const auto miss = [&](bool missed) { return missed ? size_t{0} : kWrong; };
    const auto through_glibc = [&](const char* service) {
        return [&, service](size_t key) {
            static std::string now;
            if (now != service) {
                if (__nss_configure_lookup("passwd", service) != 0) die("cannot switch glibc's services");
                now = service;
            }
            return hit(getpwnam_r(names[key].c_str(), &entry, buffer, sizeof buffer, &result) == 0 &&
                       result != nullptr && entry.pw_uid == uids[key]);
        };
    };
    const auto xos_name = [&](const std::vector<std::string>& from, size_t key) {
        return by_name(from[key].c_str(), &entry, buffer, sizeof buffer, &error);
    };
    const auto floor_name = [&](const std::vector<std::string>& from, size_t key) {
        return floor.find(std::string_view(from[key].c_str()), &entry, buffer, sizeof buffer);
    };
    compare("hit by name",
            {{"floor", [&](size_t key) { return hit(floor_name(names, key)); }, 64, {}},
             {"nss_xos", [&](size_t key) { return hit(xos_name(names, key) == NSS_STATUS_SUCCESS); }, 64, {}},
             {"nss_xos through glibc", through_glibc("xos"), 64, {}},
             {"files through glibc", through_glibc("files"), 1, {}}});
    compare("hit by uid",
            {{"floor",
              [&](size_t key) { return hit(floor.find(uids[key], &entry, buffer, sizeof buffer)); },
              64,
              {}},
             {"nss_xos",
              [&](size_t key) {
                  return hit(by_uid(uids[key], &entry, buffer, sizeof buffer, &error) == NSS_STATUS_SUCCESS);
              },
              64,
              {}}});
    compare("miss", {{"floor", [&](size_t key) { return miss(!floor_name(absent, key)); }, 64, {}},
                     {"nss_xos",
                      [&](size_t key) { return miss(xos_name(absent, key) == NSS_STATUS_NOTFOUND); },
                      64,
                      {}}});
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<uint32_t> populations;
    for (int i = 1; i < argc; ++i) {
        const long count = strtol(argv[i], nullptr, 10);
        if (count < 1 || count > 3'000'000) die("a population is a number from 1 to 3000000");
        populations.push_back(static_cast<uint32_t>(count));
    }
    if (populations.empty()) populations = {10'000, 100'000};
    enter_private_root();
    // glibc finds the module by its soname, which is loaded already
    void* module = dlopen(XOS_NSS_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) die(dlerror());
    std::println("{:<26} {:<22} {:>15} {:>14}", "", "", "median", "of the first");
    for (const uint32_t count : populations) measure(count, module);
    return 0;
}
