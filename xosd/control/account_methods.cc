#include "libxos/names.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

Json describe(const Account& account) {
    JsonObject object;
    object.set("login", Json::string(account.login))
        .set("uid", Json::integer(account.uid))
        .set("vo", Json::string(account.vo));
    if (!account.detailed) return object.build();
    const auto set_time = [&](const char* key, int64_t time) {
        if (time != 0) object.set(key, Json::signed_integer(time));
    };
    object.set("state", Json::string(account_state_name(account.state)))
        .set("memberId", Json::string(account.member_id));
    set_time("firstUsed", account.first_used);
    set_time("lastLogin", account.last_login);
    set_time("purged", account.purged);
    object.set("sessions", Json::integer(account.sessions))
        .set("jobs", Json::integer(account.jobs))
        .set("endedJobs", Json::integer(account.ended_jobs));
    set_time("delegatedUntil", account.delegated_until);
    object.set("homes", Json::strings(account.homes));
    return object.build();
}

Outcome<ControlReply> list(Daemon& daemon, const Caller& caller, const Json& parameters) {
    const JsonNode root = parameters.root();
    AccountService::Query query;
    const auto all = root.boolean("all");
    if (!all) return std::unexpected(all.error());
    query.all = *all;
    if (root.find("vo")) {
        auto vo = root.string("vo", kVoNameMax);
        if (!vo) return std::unexpected(vo.error());
        query.vo = *std::move(vo);
    }
    if (root.find("after")) {
        const auto after = root.integer("after", 0, UINT32_MAX);
        if (!after) return std::unexpected(after.error());
        query.after = static_cast<uint32_t>(*after);
    }
    const auto page = daemon.accounts->list(caller.uid, query);
    if (!page) return std::unexpected(page.error());
    JsonArray accounts;
    for (const Account& account : page->accounts) accounts.add(describe(account));
    JsonObject answer;
    answer.set("accounts", accounts.build());
    if (page->next) answer.set("next", Json::integer(*page->next));
    return ControlReply{answer.build(), {}};
}

Outcome<AccountName> read_name(const JsonNode& root) {
    AccountName name;
    if (root.find("login").has_value() == root.find("uid").has_value())
        return root.invalid("expected either login or uid");
    if (root.find("uid")) {
        const auto uid = root.integer("uid", 0, UINT32_MAX);
        if (!uid) return std::unexpected(uid.error());
        name.uid = static_cast<uint32_t>(*uid);
        return name;
    }
    auto login = root.string("login", kLoginNameMax);
    if (!login) return std::unexpected(login.error());
    if (login->empty()) return root.invalid("login: expected user@vo");
    name.login = *std::move(login);
    return name;
}

void show(Daemon& daemon, const Caller& caller, const Json& parameters, const Respond& respond) {
    auto name = read_name(parameters.root());
    if (!name) return respond(std::unexpected(name.error()));
    daemon.accounts->show(caller.uid, *std::move(name), [respond](const Outcome<Account>& account) {
        if (!account) return respond(std::unexpected(account.error()));
        respond(ControlReply{JsonObject().set("account", describe(*account)).build(), {}});
    });
}

void purge(Daemon& daemon, const Caller& caller, const Json& parameters, const Respond& respond) {
    if (caller.uid != 0)
        return respond(failure(Errc::denied, "only the node's owner (root) may purge an account"));
    const JsonNode root = parameters.root();
    auto name = read_name(root);
    const auto dry_run = root.boolean("dryRun");
    if (!name) return respond(std::unexpected(name.error()));
    if (!dry_run) return respond(std::unexpected(dry_run.error()));
    daemon.accounts->purge(*std::move(name), *dry_run, [respond](const Outcome<PurgeReport>& report) {
        if (!report) return respond(std::unexpected(report.error()));
        respond(ControlReply{JsonObject()
                                 .set("login", Json::string(report->login))
                                 .set("uid", Json::integer(report->uid))
                                 .set("homes", Json::strings(report->homes))
                                 .set("jobs", Json::integer(report->jobs))
                                 .set("delegated", Json::boolean(report->delegated))
                                 .build(),
                             {}});
    });
}

}  // namespace

Outcome<void> bind_account_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_account); !added) return added;
    auto bound = server.bind("org.xtreemos.Account.List",
                             [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                                 respond(list(daemon, caller, parameters));
                             });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Account.Show",
                        [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                            show(daemon, caller, parameters, respond);
                        });
    if (!bound) return bound;
    return server.bind("org.xtreemos.Account.Purge",
                       [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                           purge(daemon, caller, parameters, respond);
                       });
}

}  // namespace xos
