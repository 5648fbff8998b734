// TrustStore: what others see of the followed VOs, accounts file and sshd's block.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/log.h"
#include "xosd/session/home_directory.h"
#include "xosd/sshd/sshd_config.h"
#include "xosd/trust/node_membership.h"
#include "xosd/trust/trust_store.h"

namespace xos {
namespace {

constexpr auto kPublishDeadline = std::chrono::seconds(60);

}  // namespace

AccountsSnapshot TrustStore::make_snapshot(const TrustedVo& vo, const Member& member) const {
    const std::string& name = vo.bundle.vo.name;
    const uint32_t group_base = vo.base + first_group_offset(vo.bundle.vo.block_size);
    const std::string login = login_name(member, vo);
    AccountsSnapshot snapshot;
    snapshot.vos.push_back({name, vo.base, vo.bundle.vo.block_size});
    const Home home{config_.home_root, name, member.name, 0, 0};
    const uint32_t uid = vo.uid_of(member);
    snapshot.accounts.push_back({login, uid, uid, "VO member " + login, home_path(home), config_.shell});
    for (const Group& group : vo.bundle.groups)
        if (group.number == 0 || std::ranges::find(member.groups, group.name) != member.groups.end())
            snapshot.groups.push_back({group.name + "@" + name, group_base + group.number, {login}});
    return snapshot;
}

AccountsSnapshot TrustStore::make_snapshot() const {
    AccountsSnapshot all;
    for (const auto& [name, vo] : vos_) {
        const uint32_t group_base = vo->base + first_group_offset(vo->bundle.vo.block_size);
        all.vos.push_back({name, vo->base, vo->bundle.vo.block_size});
        std::map<std::string_view, GroupEntry> groups;
        for (const Group& group : vo->bundle.groups)
            groups[group.name] = {group.name + "@" + name, group_base + group.number, {}};
        for (const Member& member : vo->bundle.members) {
            const AccountsSnapshot one = make_snapshot(*vo, member);
            all.accounts.push_back(one.accounts.front());
            groups[kMembersGroup].members.push_back(one.accounts.front().name);
            for (const std::string& group : member.groups)
                groups[group].members.push_back(one.accounts.front().name);
        }
        for (auto& [group, entry] : groups) all.groups.push_back(std::move(entry));
    }
    return all;
}

void TrustStore::publish(std::function<void(Outcome<void>)> done) {
    waiting_.push_back(std::move(done));
    if (!publishing_) start_publishing();
}

void TrustStore::start_publishing() {
    current_ = std::exchange(waiting_, {});
    std::vector<std::string> names;
    for (const auto& [name, vo] : vos_) names.push_back(name);
    const bool sshd = config_.manage_sshd;
    publishing_ = true;
    operations_.run(
        "accounts file and sshd block", kPublishDeadline,
        [this, names, sshd, daemon = getpid()]() -> Outcome<std::string> {
            // one that outlived its daemon would put old accounts in the place of the next daemon's
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != daemon)
                return failure(Errc::unavailable, "xosd has ended");
            auto writer = AccountsWriter::open(kAccountsFile, kAccountsBootFile);
            if (!writer) return std::unexpected(writer.error());
            if (auto written = writer->replace(make_snapshot()); !written)
                return std::unexpected(written.error());
            if (!sshd) return "";
            return install_sshd_config(make_sshd_config(names, find_host_certificate(names)));
        },
        [this](Outcome<std::string> answer) {
            publishing_ = false;
            if (!answer) log(Level::error, "accounts not published", {{"reason", answer.error().message}});
            for (const auto& done : std::exchange(current_, {}))
                done(answer ? Outcome<void>() : std::unexpected(answer.error()));
            if (!waiting_.empty() && !publishing_) start_publishing();
        });
}

}  // namespace xos
