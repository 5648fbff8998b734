#include "common/clock.h"
#include "common/encoding.h"
#include "xosd/control/interfaces.h"
#include "xosd/control/methods.h"
#include "xosd/daemon.h"

namespace xos {
namespace {

constexpr size_t kSignatureTextMax = 128;  // of base64; 64 bytes are 88

Json describe(const DelegatedCredential& delegated) {
    return JsonObject()
        .set("login", Json::string(delegated.login))
        .set("serial", Json::string(delegated.serial))
        .set("parent", Json::string(delegated.parent))
        .set("expires", Json::signed_integer(delegated.expires.time_since_epoch().count()))
        .set("chain", Json::string(delegated.chain))
        .build();
}

void delegate(Daemon& daemon, const Caller& caller, const Json& parameters, const Respond& respond) {
    const JsonNode root = parameters.root();
    auto certificate = root.string("certificate", kCredentialMax * 2);
    if (!certificate) return respond(std::unexpected(certificate.error()));
    auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(kProxyLifetimeMax);
    if (root.find("lifetime")) {
        const auto seconds = root.integer("lifetime", 1, 86400);
        if (!seconds) return respond(std::unexpected(seconds.error()));
        lifetime = std::chrono::seconds(*seconds);
    }
    daemon.delegations->begin(
        caller.uid, *std::move(certificate), lifetime, [respond](Outcome<ProxyDraft> draft) {
            if (!draft) return respond(std::unexpected(draft.error()));
            respond(ControlReply{JsonObject()
                                     .set("serial", Json::string(draft->serial))
                                     .set("toBeSigned", Json::string(encode_base64(draft->to_be_signed)))
                                     .build(),
                                 {}});
        });
}

Outcome<ControlReply> complete(Daemon& daemon, const Caller& caller, const Json& parameters) {
    const JsonNode root = parameters.root();
    const auto serial = root.string("serial", 40);
    if (!serial) return std::unexpected(serial.error());
    const auto text = root.string("signature", kSignatureTextMax);
    if (!text) return std::unexpected(text.error());
    const auto signature = decode_base64(*text);
    if (!signature) return root.invalid("signature: expected base64");
    const auto delegated =
        daemon.delegations->complete(caller.uid, *serial, as_text(*signature), current_time());
    if (!delegated) return std::unexpected(delegated.error());
    return ControlReply{JsonObject().set("delegated", describe(*delegated)).build(), {}};
}

ControlReply list_delegated(const Daemon& daemon, const Caller& caller) {
    JsonArray list;
    for (const auto& [uid, delegated] : daemon.delegations->store().all())
        if ((caller.uid == 0 || caller.uid == uid) && daemon.delegations->find_valid(uid, current_time()))
            list.add(describe(delegated));
    return {JsonObject().set("delegated", list.build()).build(), {}};
}

}  // namespace

Outcome<void> bind_credential_methods(ControlServer& server, Daemon& daemon) {
    if (auto added = server.add_interface(&xos_interface_credential); !added) return added;
    auto bound = server.bind("org.xtreemos.Credential.Delegate",
                             [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                                 delegate(daemon, caller, parameters, respond);
                             });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Credential.Complete",
                        [&daemon](const Caller& caller, const Json& parameters, const Respond& respond) {
                            respond(complete(daemon, caller, parameters));
                        });
    if (!bound) return bound;
    bound = server.bind("org.xtreemos.Credential.ListDelegated",
                        [&daemon](const Caller& caller, const Json&, const Respond& respond) {
                            respond(list_delegated(daemon, caller));
                        });
    if (!bound) return bound;
    return server.bind(
        "org.xtreemos.Credential.DestroyDelegated",
        [&daemon](const Caller& caller, const Json&, const Respond& respond) {
            if (!daemon.delegations->destroy(caller.uid))
                return respond(failure(Errc::not_found, "you have delegated nothing to this node"));
            respond(ControlReply{JsonObject().build(), {}});
        });
}

}  // namespace xos
