// What a VO's size costs: its bundle in bytes, and a node's way from having fetched it to answering for its
// members.
//
//   bundle [POPULATION..]     10000, 100000 and 1000000 by default; needs root, changes nothing outside its
//   own namespace; state lies in memory, so that disks do not take part
//
// Each population runs in a process of its own, whose peak memory is what the kernel says of it. "taken" is
// xosd's part (signatures, every record checked, uid ledger, database), "published" the writing of the
// accounts file by its child, "first answer" the first getpwnam of a member after that. A name that the node
// did not know before is asked for.
#include <dlfcn.h>
#include <nss.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/credential/xos_cert.h"
#include "common/uuid.h"
#include "common/vo/bundle.h"
#include "xosd/trust/trust_store.h"

using namespace xos;
namespace {

using Clock = std::chrono::steady_clock;
using LookUp = nss_status (*)(const char*, passwd*, char*, size_t, int*);

constexpr uint32_t kGroups = 50;

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "bench bundle: %s\n", why.c_str());
    exit(1);
}

template <typename T>
T must(Outcome<T> outcome) {
    if (!outcome) die(outcome.error().message);
    return std::move(*outcome);
}

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string user_name(uint32_t number) {
    return compose("user{:07}", number);
}

std::string group_name(uint32_t number) {
    return compose("group{:02}", number);
}

// Every member is in two of kGroups groups.
Bundle populate(uint32_t count, const VoRecord& vo) {
    Bundle bundle{.vo = vo,
                  .serial = count,
                  .issued = vo.not_before,
                  .not_after = vo.not_before,
                  .members = {},
                  .groups = {},
                  .revoked_serials = {}};
    bundle.not_after = bundle.issued + vo.bundle_lifetime;
    bundle.groups.push_back({kMembersGroup, 0});
    for (uint32_t i = 1; i <= kGroups; ++i) bundle.groups.push_back({group_name(i), i});
    for (uint32_t i = 1; i <= count; ++i)
        bundle.members.push_back({.name = user_name(i),
                                  .number = i,
                                  .id = make_uuid(),
                                  .groups = {group_name(1 + i % (kGroups - 1)), group_name(kGroups)},
                                  .roles = {}});
    bundle.policy = R"([{"allow":["all"]}])";
    return bundle;
}

struct Keys {
    SigningKey vo = must(SigningKey::generate()), ca = must(SigningKey::generate()),
               registrar = must(SigningKey::generate());
};

VoRecord make_vo(const Keys& keys) {
    VoRecord vo;
    vo.name = "physics";
    vo.id = "11111111-2222-4333-8444-555555555555";
    vo.serial = 1;
    vo.not_before = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    vo.not_after = vo.not_before + std::chrono::days(365);
    vo.uid_base = 0x71000000;
    vo.block_size = 4u << 20;
    vo.ca_certificate = must(create_ca(vo.name, keys.ca, vo.not_before, vo.not_after));
    vo.registrar_key = keys.registrar.public_bytes();
    return vo;
}

// /run, /var/lib and nothing else become this process's own.
void enter_private_root() {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=75%") != 0 ||
        mount("lib", "/var/lib", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=75%") != 0 ||
        mkdir(kRunDir, 0755) != 0 || mkdir(kStateDir, 0755) != 0)
        die("cannot make a mount namespace of its own: run it as root (scripts/dev bench bundle)");
}

void publish(EventLoop& loop, TrustStore& trust) {
    bool done = false;
    trust.publish([&](Outcome<void> published) {
        if (!published) die(published.error().message);
        done = true;
    });
    while (!done) sd_event_run(loop.get(), UINT64_MAX);
}

void take_bundle(const std::string& bundle, const std::string& fingerprint, uint32_t count, LookUp look_up) {
    EventLoop loop = must(EventLoop::create());
    Database database = must(Database::open(std::string(kStateDir) + "/bench.sqlite"));
    UidLedger ledger = must(UidLedger::open(database));
    NodeConfig config;
    config.manage_sshd = false;
    TrustStore trust(loop, database, ledger, config);
    if (auto loaded = trust.load(); !loaded) die(loaded.error().message);
    auto start = Clock::now();
    if (auto taken = trust.apply(bundle, fingerprint); !taken) die(taken.error().message);
    const double taken_ms = milliseconds_since(start);
    start = Clock::now();
    publish(loop, trust);
    const double published_ms = milliseconds_since(start);
    passwd entry{};
    char buffer[1024];
    int error = 0;
    const std::string last = user_name(count) + "@physics";
    start = Clock::now();
    if (look_up(last.c_str(), &entry, buffer, sizeof buffer, &error) != NSS_STATUS_SUCCESS ||
        entry.pw_uid != 0x71000000 + count)
        die("the last member has no account");
    std::printf("taken in %.0f ms, published in %.0f ms, first answer after %.3f ms\n", taken_ms,
                published_ms, milliseconds_since(start));
    // a second bundle with the same members is what a renewal every half day costs
    start = Clock::now();
    if (auto taken = trust.apply(bundle, fingerprint); !taken) die(taken.error().message);
    std::printf("           taken again in %.0f ms\n", milliseconds_since(start));
}

void measure(uint32_t count, LookUp look_up) {
    const Keys keys;
    std::string bundle, fingerprint = key_fingerprint(keys.vo.public_bytes());
    {
        const Bundle content = populate(count, make_vo(keys));
        const std::string statement = must(sign_vo_record(content.vo, keys.vo));
        const auto start = Clock::now();
        bundle = must(seal_bundle(content, statement, keys.vo.public_bytes(), keys.registrar));
        const double sealed_ms = milliseconds_since(start);
        std::string packed(ZSTD_compressBound(bundle.size()), '\0');
        packed.resize(
            ZSTD_compress(packed.data(), packed.size(), bundle.data(), bundle.size(), ZSTD_CLEVEL_DEFAULT));
        std::printf("%7u members: %.2f MB, %.2f MB compressed, sealed in %.0f ms\n           ", count,
                    static_cast<double>(bundle.size()) / 1e6, static_cast<double>(packed.size()) / 1e6,
                    sealed_ms);
        std::fflush(stdout);
    }
    const pid_t node = fork();
    if (node < 0) die("cannot fork");
    if (node == 0) {
        take_bundle(bundle, fingerprint, count, look_up);
        std::fflush(stdout);
        _exit(0);
    }
    int status = 0;
    rusage used{};
    if (wait4(node, &status, 0, &used) != node || status != 0) die("the node failed");
    std::printf("           peak memory of the node's daemon %.0f MB (what it was given included)\n",
                static_cast<double>(used.ru_maxrss) / 1024);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<uint32_t> populations;
    for (int i = 1; i < argc; ++i) {
        const long count = strtol(argv[i], nullptr, 10);
        if (count < 1 || count > 3'000'000) die("a population is a number from 1 to 3000000");
        populations.push_back(static_cast<uint32_t>(count));
    }
    if (populations.empty()) populations = {10'000, 100'000, 1'000'000};
    prepare_openssl();
    void* const module = dlopen(XOS_NSS_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) die(dlerror());
    const auto look_up = reinterpret_cast<LookUp>(dlsym(module, "_nss_xos_getpwnam_r"));
    if (look_up == nullptr) die("the module has no entry point");
    for (const uint32_t count : populations) {
        const pid_t child = fork();
        if (child == 0) {
            enter_private_root();
            measure(count, look_up);
            _exit(0);
        }
        int status = 0;
        if (waitpid(child, &status, 0) != child || status != 0) die("a measurement failed");
    }
    return 0;
}
