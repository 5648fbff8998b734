#include "xosd/daemon.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "common/log.h"
#include "libxos/names.h"
#include "xosd/control/methods.h"
#include "xosd/sandbox/system_user.h"
#include "xosd/session/session_place.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kReopenPause{10};
constexpr int kReopenShare = 50;  // pauses are as many times what a try takes: a large bundle takes seconds

Outcome<void> make_directory(const char* path, mode_t mode) {
    if (mkdir(path, mode) != 0 && errno != EEXIST) return failure_errno(errno, "cannot make {}", path);
    struct stat st{};
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)
        return failure(Errc::conflict, "{} must be a directory of root that only root can write", path);
    if (chmod(path, mode) != 0) return failure_errno(errno, "cannot set the mode of {}", path);
    return {};
}

// Into place: the address stays, so that others may point to it.
template <typename T>
Outcome<void> take(Outcome<T> made, std::unique_ptr<T>& into) {
    if (!made) return std::unexpected(made.error());
    into = std::make_unique<T>(*std::move(made));
    return {};
}
template <typename T>
Outcome<void> take(Outcome<std::unique_ptr<T>> made, std::unique_ptr<T>& into) {
    if (!made) return std::unexpected(made.error());
    into = *std::move(made);
    return {};
}

Outcome<void> make_directories() {
    constexpr std::pair<const char*, mode_t> kDirectories[] = {
        {kRunDir, 0755}, {kStateDir, 0711}, {kJobDir, 0711}, {kCheckpointDir, 0700}, {kEventsDir, 0700}};
    for (const auto& [path, mode] : kDirectories)
        if (auto made = make_directory(path, mode); !made) return made;
    return {};
}

}  // namespace

Outcome<void> Daemon::load() {
    auto read = load_node_config(options.config_path);
    if (!read) return std::unexpected(read.error());
    config = *std::move(read);
    if (auto made = make_directories(); !made) return made;
    if (auto opened = take(Database::open(kStateDatabase), database); !opened) return opened;
    if (auto opened = take(UidLedger::open(*database), ledger); !opened) return opened;
    trust = std::make_unique<TrustStore>(loop, *database, *ledger, config);
    trust->set_grace(config.bundles.grace);
    if (auto loaded = trust->load(); !loaded) return loaded;
    sessions = std::make_unique<SessionStore>(*database, loop);
    return sessions->load();
}

void Daemon::start_logins() {
    audit = std::make_unique<AuditLog>(AuditLog::Options{});
    supervisor = std::make_unique<SessionSupervisor>(SessionSupervisor::Parts{
        loop, config, *trust, *sessions, *audit, delegations.get(), &jobs->cgroups(), &jobs->agent()});
    logins = std::make_unique<LoginService>(LoginService::Parts{loop, config, *trust, *sessions, *supervisor,
                                                                *verifier, *audit, delegations.get()});
    trust->on_change([this] { supervisor->sweep(); });
    jobs->agent().ready();  // whatever is to be tracked on from before is bound by now
}

std::vector<BoundCgroup> Daemon::bound_by_others() const {
    std::vector<BoundCgroup> bound;
    for (const std::string& name : jobs->agent().bound_jobs()) {
        if (const auto session = parse_session_name(name))
            bound.push_back({name, supervisor->cgroup_of(*session)});
        else if (parse_job_name(name))
            bound.push_back({name, compose("{}/{}", jobs->cgroups().jobs_path, name)});
    }
    return bound;
}

Outcome<void> Daemon::start_containers() {
    return take(ContainerService::start({loop, *database, jobs->agent(), jobs->cgroups().path(),
                                         [this] { return bound_by_others(); }},
                                        config.track),
                containers);
}

Outcome<void> Daemon::listen() {
    const auto keys = find_system_user(kKeysUser);
    if (!keys) return std::unexpected(keys.error());
    const auto fetcher_options = installed_fetcher();
    if (!fetcher_options) return std::unexpected(fetcher_options.error());
    fetcher = std::make_unique<FetchClient>(loop, *fetcher_options);
    follower = std::make_unique<BundleFollower>(
        loop, config, *trust, *fetcher,
        [this](BundleFollower::Done done) { trust->publish(std::move(done)); });
    auto verifier_options = installed_verifier();
    if (!verifier_options) return std::unexpected(verifier_options.error());
    if (auto started = take(VerifierClient::start(loop.get(), *verifier_options), verifier); !started)
        return started;
    if (auto started =
            take(DelegationService::start(loop, *database, config, *trust, *verifier), delegations);
        !started)
        return started;
    if (auto started =
            take(JobService::start({loop, *database, config, *trust, *sessions, delegations.get()}), jobs);
        !started)
        return started;
    AccountsPublication& publication = trust->publication();
    publication.set_active([this] {
        std::set<uint32_t> active;
        for (const auto& [id, session] : sessions->all()) active.insert(session.uid);
        for (const Job& job : jobs->list(0, false)) active.insert(job.uid);
        return active;
    });
    sessions->on_change([&publication](uint32_t uid) { publication.stir(uid); });
    jobs->on_change([&publication](uint32_t uid) { publication.stir(uid); });
    accounts = std::make_unique<AccountService>(AccountService::Parts{
        loop, *database, config, *trust, *ledger, *sessions, delegations.get(), jobs.get()});
    start_logins();
    if (auto started = start_containers(); !started) return started;
    if (auto started = take(PamServer::start(loop, {kPamSocket, keys->uid, keys->gid}, *logins), pam);
        !started)
        return started;
    if (auto started = take(ControlServer::start(loop, kControlSocket), control); !started) return started;
    for (const auto bind :
         {bind_node_methods, bind_trust_methods, bind_session_methods, bind_credential_methods,
          bind_job_methods, bind_account_methods, bind_tracking_methods})
        if (auto bound = bind(*control, *this); !bound) return bound;
    return {};
}

Outcome<std::unique_ptr<Daemon>> Daemon::start(EventLoop& loop, Options options) {
    std::unique_ptr<Daemon> daemon(new Daemon(loop, std::move(options)));
    if (auto loaded = daemon->load(); !loaded) return std::unexpected(loaded.error());
    if (auto listening = daemon->listen(); !listening) return std::unexpected(listening.error());
    daemon->trust->publish([](const Outcome<void>&) {});
    if (auto following = daemon->follower->start(); !following) return std::unexpected(following.error());
    daemon->reopen_later(kReopenPause);
    return daemon;
}

void Daemon::reload(AccountsPublication::Done done) {
    auto next = load_node_config(options.config_path);
    if (!next) {
        log(Level::error, "configuration not reloaded", {{"reason", next.error().message}});
        return done(std::unexpected(next.error()));
    }
    config = *std::move(next);
    trust->set_grace(config.bundles.grace);
    log(Level::notice, "configuration reloaded", {{"rules", std::to_string(config.policy.rules().size())}});
    trust->reopen();
    supervisor->sweep();
    containers->set_patterns(config.track);
    trust->publication().note_all();
    trust->publish(std::move(done));
}

// A machine may start by a clock that is wrong until the network is there.
void Daemon::reopen_later(std::chrono::seconds pause) {
    if (!trust->has_left_out()) return;
    auto timer = loop.after(pause, [this] {
        const auto begun = std::chrono::steady_clock::now();
        if (trust->reopen()) trust->publish([](const Outcome<void>&) {});
        const auto taken = std::chrono::steady_clock::now() - begun;
        reopen_later(std::max(std::chrono::ceil<std::chrono::seconds>(taken * kReopenShare), kReopenPause));
    });
    if (timer)
        on_reopen = *std::move(timer);
    else
        log(Level::error, "VOs that were left out are not tried again", {{"reason", timer.error().message}});
}

}  // namespace xos
