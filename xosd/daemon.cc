#include "xosd/daemon.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "common/log.h"
#include "libxos/names.h"
#include "xosd/control/methods.h"

namespace xos {
namespace {

Outcome<void> make_directory(const char* path, mode_t mode) {
    if (mkdir(path, mode) != 0 && errno != EEXIST) return failure_errno(errno, "cannot make {}", path);
    struct stat st{};
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022) != 0)
        return failure(Errc::conflict, "{} must be a directory of root that only root can write", path);
    if (chmod(path, mode) != 0) return failure_errno(errno, "cannot set the mode of {}", path);
    return {};
}

struct SystemUser {
    uid_t uid;
    gid_t gid;
};

Outcome<SystemUser> find_system_user(const char* name) {
    const passwd* entry = getpwnam(name);
    if (entry == nullptr)
        return failure(Errc::not_found, "the system user {} is missing: reinstall the package xosd", name);
    return SystemUser{entry->pw_uid, entry->pw_gid};
}

}  // namespace

Daemon::Daemon(EventLoop& l, Options o, NodeConfig c, Database d, UidLedger u)
    : loop(l),
      options(std::move(o)),
      config(std::move(c)),
      database(std::move(d)),
      ledger(std::move(u)),
      trust(loop, database, ledger, config),
      sessions(database, loop) {}

Outcome<void> Daemon::make_directories() {
    constexpr std::pair<const char*, mode_t> kDirectories[] = {
        {kRunDir, 0755}, {kStateDir, 0711}, {kJobDir, 0711}, {kCheckpointDir, 0700}};
    for (const auto& [path, mode] : kDirectories)
        if (auto made = make_directory(path, mode); !made) return made;
    return {};
}

Outcome<void> Daemon::listen() {
    const auto keys = find_system_user(kKeysUser);
    if (!keys) return std::unexpected(keys.error());
    auto started = VerifierClient::start(loop.get(), {});
    if (!started) return std::unexpected(started.error());
    verifier = *std::move(started);
    logins = std::make_unique<LoginService>(loop, config, trust, sessions, *verifier);
    auto server = PamServer::start(loop, {kPamSocket, keys->uid, keys->gid}, *logins);
    if (!server) return std::unexpected(server.error());
    pam = *std::move(server);
    auto service = ControlServer::start(loop, kControlSocket);
    if (!service) return std::unexpected(service.error());
    control = *std::move(service);
    for (const auto bind : {bind_node_methods, bind_trust_methods, bind_session_methods})
        if (auto bound = bind(*control, *this); !bound) return bound;
    return {};
}

Outcome<std::unique_ptr<Daemon>> Daemon::start(EventLoop& loop, Options options) {
    auto config = load_node_config(options.config_path);
    if (!config) return std::unexpected(config.error());
    if (auto made = make_directories(); !made) return std::unexpected(made.error());
    auto database = Database::open(kStateDatabase);
    if (!database) return std::unexpected(database.error());
    auto ledger = UidLedger::open(*database);
    if (!ledger) return std::unexpected(ledger.error());
    std::unique_ptr<Daemon> daemon(
        new Daemon(loop, std::move(options), *std::move(config), *std::move(database), *std::move(ledger)));
    if (auto loaded = daemon->trust.load(); !loaded) return std::unexpected(loaded.error());
    if (auto loaded = daemon->sessions.load(); !loaded) return std::unexpected(loaded.error());
    if (auto listening = daemon->listen(); !listening) return std::unexpected(listening.error());
    daemon->trust.publish([](const Outcome<void>&) {});
    return daemon;
}

Outcome<void> Daemon::reload() {
    auto next = load_node_config(options.config_path);
    if (!next) {
        log(Level::error, "configuration not reloaded", {{"reason", next.error().message}});
        return std::unexpected(next.error());
    }
    config = *std::move(next);
    log(Level::notice, "configuration reloaded", {{"rules", std::to_string(config.policy.rules.size())}});
    trust.publish([](const Outcome<void>&) {});
    return {};
}

}  // namespace xos
