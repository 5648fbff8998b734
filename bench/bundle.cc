// What a VO's size costs: its bundle in bytes, and a node's way from asking a web server for it to answering
// for its members; then what one member more costs.
//
//   bundle [POPULATION..]     10000, 100000 and 1000000 by default; needs root, changes nothing outside its
//   own namespace; state lies in memory, so that disks do not take part
//
// The bundle is served by busybox httpd, compressed, and fetched by the real fetcher. "taken" is xosd's part
// (signatures, every record checked in a thread, uid ledger, database), "published" the writing of the
// accounts file by its child, "first answer" the first getpwnam of a member after that. A turn of the loop is
// what everything else on the node waits for at most.
#include <dlfcn.h>
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/compression.h"
#include "common/credential/xos_cert.h"
#include "common/file.h"
#include "common/uuid.h"
#include "common/vo/bundle_delta.h"
#include "xosd/trust/bundle_follower.h"

using namespace xos;
namespace {

using Clock = std::chrono::steady_clock;
using LookUp = nss_status (*)(const char*, passwd*, char*, size_t, int*);

constexpr uint32_t kGroups = 50;
constexpr uid_t kNobody = 65534;

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
    vo.not_before = current_time();
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

// A plain web server on a directory: busybox httpd.
class WebServer {
  public:
    WebServer() {
        if (mkdir(kWeb, 0755) != 0) die("cannot make a directory to serve");
        port_ = std::to_string(20000 + getpid() % 40000);
        pid_ = fork();
        if (pid_ < 0) die("cannot fork");
        if (pid_ == 0) {
            execlp("busybox", "busybox", "httpd", "-f", "-p", ("127.0.0.1:" + port_).c_str(), "-h", kWeb,
                   nullptr);
            _exit(127);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        if (waitpid(pid_, nullptr, WNOHANG) != 0) die("busybox httpd does not run");
    }
    ~WebServer() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    std::string url() const { return "http://127.0.0.1:" + port_ + "/bundle"; }
    // At the bundle's URL from now on.
    static void serve(const std::string& bytes) {
        if (auto written = write_file_atomically(std::string(kWeb) + "/bundle", bytes, 0644); !written)
            die(written.error().message);
    }

  private:
    static constexpr char kWeb[] = "/run/web";
    std::string port_;
    pid_t pid_ = -1;
};

// "VmRSS:" or "VmHWM:" of this process, in MB.
double memory_of(const char* field) {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;)
        if (word == field && file >> word) return std::strtod(word.c_str(), nullptr) / 1024;
    return 0;
}

// A node's daemon as far as bundles go, with the longest time that its loop was away.
struct Node {
    EventLoop loop = must(EventLoop::create());
    Database database = must(Database::open(std::string(kStateDir) + "/bench.sqlite"));
    UidLedger ledger = must(UidLedger::open(database));
    NodeConfig config;
    TrustStore trust{loop, database, ledger, config};
    FetchClient fetcher{loop, {.program = XOS_FETCH_PROGRAM, .uid = kNobody, .gid = kNobody}};
    BundleFollower follower{loop, config, trust, fetcher,
                            [this](BundleFollower::Done done) { trust.publish(std::move(done)); }};
    double longest_turn = 0;

    Node() {
        config.manage_sshd = false;
        config.bundles.interval = std::chrono::hours(1);
        if (auto loaded = trust.load(); !loaded) die(loaded.error().message);
    }
    // Turns the loop until done is set; milliseconds.
    double run(const bool& done) {
        const auto start = Clock::now();
        longest_turn = 0;
        while (!done) {
            if (sd_event_prepare(loop.get()) == 0) sd_event_wait(loop.get(), UINT64_MAX);
            const auto turn = Clock::now();
            sd_event_dispatch(loop.get());
            longest_turn = std::max(longest_turn, milliseconds_since(turn));
        }
        return milliseconds_since(start);
    }
    double follow(const std::string& url, const std::string& fingerprint) {
        bool done = false;
        follower.follow(url, fingerprint, [&](const Outcome<std::string>& vo) {
            if (!vo) die(vo.error().message);
            done = true;
        });
        return run(done);
    }
    double refresh() {
        bool done = false;
        follower.refresh("physics", [&](const Outcome<void>& asked) {
            if (!asked) die(asked.error().message);
            done = true;
        });
        return run(done);
    }
};

double look_up_ms(LookUp look_up, const std::string& name, uint32_t uid) {
    passwd entry{};
    char buffer[1024];
    int error = 0;
    const auto start = Clock::now();
    if (look_up(name.c_str(), &entry, buffer, sizeof buffer, &error) != NSS_STATUS_SUCCESS ||
        entry.pw_uid != uid)
        die(name + " has no account");
    return milliseconds_since(start);
}

// One member more, as an authority would say it.
std::string make_delta(const Bundle& base, const Member& added, const Keys& keys,
                       const std::string& statement) {
    BundleDelta delta{.vo = base.vo,
                      .since = base.serial,
                      .serial = base.serial + 1,
                      .issued = base.issued + std::chrono::seconds(1),
                      .not_after = base.not_after + std::chrono::seconds(1),
                      .members = {added}};
    delta.digest = must(digest_content(merge_delta(base, delta)));
    return must(seal_delta(delta, statement, keys.vo.public_bytes(), keys.registrar));
}

double megabytes(size_t bytes) {
    return static_cast<double>(bytes) / 1e6;
}

struct Prepared {
    std::string whole, packed, delta, fingerprint;
};

Prepared prepare(uint32_t count) {
    const Keys keys;
    const Bundle content = populate(count, make_vo(keys));
    const std::string statement = must(sign_vo_record(content.vo, keys.vo));
    Prepared made;
    auto start = Clock::now();
    made.whole = must(seal_bundle(content, statement, keys.vo.public_bytes(), keys.registrar));
    const double sealed_ms = milliseconds_since(start);
    start = Clock::now();
    made.packed = must(compress_text(made.whole));
    std::printf("%7u members: %.2f MB sealed in %.0f ms, %.2f MB compressed in %.0f ms\n", count,
                megabytes(made.whole.size()), sealed_ms, megabytes(made.packed.size()),
                milliseconds_since(start));
    start = Clock::now();
    const Member added{.name = user_name(count + 1),
                       .number = count + 1,
                       .id = make_uuid(),
                       .groups = {group_name(kGroups)},
                       .roles = {}};
    made.delta = make_delta(content, added, keys, statement);
    std::printf("           delta of one member: %zu bytes, %zu compressed, made in %.0f ms\n",
                made.delta.size(), must(compress_text(made.delta)).size(), milliseconds_since(start));
    made.fingerprint = key_fingerprint(keys.vo.public_bytes());
    return made;
}

void measure_node(uint32_t count, LookUp look_up, const WebServer& server, const std::string& fingerprint) {
    Node node;
    const double before = memory_of("VmRSS:");
    double ms = node.follow(server.url(), fingerprint);
    double turn = node.longest_turn;
    const double first = look_up_ms(look_up, user_name(count) + "@physics", 0x71000000 + count);
    std::printf(
        "           fetched, taken, published in %.0f ms (longest turn of the loop %.0f ms), first answer "
        "after %.3f ms more\n",
        ms, turn, first);
    ms = node.refresh();
    std::printf(
        "           the same again, from a server without conditional requests: %.0f ms (turn %.0f ms)\n", ms,
        node.longest_turn);
    const double settled = memory_of("VmRSS:");
    const double peak = memory_of("VmHWM:");
    if (rename("/run/web/delta", "/run/web/bundle") != 0) die("cannot serve the delta");
    ms = node.refresh();
    turn = node.longest_turn;
    look_up_ms(look_up, user_name(count + 1) + "@physics", 0x71000000 + count + 1);
    std::printf("           delta fetched, taken, published in %.0f ms (turn %.0f ms)\n", ms, turn);
    std::printf(
        "           memory of the daemon: %.0f MB before, %.0f MB after, peak %.0f MB; with the delta peak "
        "%.0f MB\n",
        before, settled, peak, memory_of("VmHWM:"));
    bool done = false;
    node.trust.publication().note_all();
    node.trust.publish([&](const Outcome<void>& published) {
        if (!published) die(published.error().message);
        done = true;
    });
    ms = node.run(done);
    rusage children{};
    getrusage(RUSAGE_CHILDREN, &children);
    std::printf("           accounts file and boot copy made anew in %.0f ms; peak of the child %.0f MB\n",
                ms, static_cast<double>(children.ru_maxrss) / 1024);
    const auto start = Clock::now();
    TrustStore again(node.loop, node.database, node.ledger, node.config);
    if (auto loaded = again.load(); !loaded || again.find("physics") == nullptr)
        die("it does not load again");
    std::printf("           read back at a start in %.0f ms\n", milliseconds_since(start));
}

// What seals and what follows are processes of their own: the memory that counts is the node's.
void measure(uint32_t count, LookUp look_up) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) die("cannot make a pipe");
    const WebServer server;
    const pid_t authority = fork();
    if (authority == 0) {
        const Prepared made = prepare(count);
        WebServer::serve(made.packed);
        if (!write_file_atomically("/run/web/delta", made.delta, 0644)) die("cannot write the delta");
        std::fflush(stdout);
        _exit(write(ends[1], made.fingerprint.data(), made.fingerprint.size()) < 0);
    }
    char fingerprint[64];
    close(ends[1]);
    const ssize_t size = read(ends[0], fingerprint, sizeof fingerprint);
    if (size <= 0 || waitpid(authority, nullptr, 0) != authority) die("the bundle was not made");
    measure_node(count, look_up, server, std::string(fingerprint, static_cast<size_t>(size)));
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
