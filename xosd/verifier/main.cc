// xos-verifier: reads the certificates that strangers present, in a sandbox. Started by xosd only.
//
// Process: its own, uid of kVerifierUser. Trusts: xosd at descriptor 3.
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/credential/xos_cert.h"
#include "common/encoding.h"
#include "common/failure.h"
#include "common/ssh/wrapped_credential.h"
#include "xosd/sandbox/arguments.h"
#include "xosd/verifier/credential_check.h"
#include "xosd/verifier/sandbox.h"
#include "xosd/verifier/verifier_service.h"

namespace xos {
namespace {

constexpr char kUsage[] =
    "usage: xos-verifier UID GID, with a SOCK_SEQPACKET socket as descriptor 3 (xosd starts it)\n";

// Makes OpenSSL and the C library load and allocate all that a request needs while that is still possible, by
// checking a credential made here; a check that does not work must not begin to answer.
Outcome<void> warm_up() {
    prepare_openssl();
    const auto now = current_time();
    const auto ca_key = SigningKey::generate();
    const auto key = SigningKey::generate();
    if (!ca_key || !key) return failure(Errc::system, "cannot make keys");
    const auto ca = create_ca("warm-up", *ca_key, now, now + std::chrono::hours(1));
    if (!ca) return std::unexpected(ca.error());
    const auto request = make_request("user", *key);
    if (!request) return std::unexpected(request.error());
    const XosAttributes user{.vo = "warm-up",
                             .user_id = "00000000-0000-4000-8000-000000000000",
                             .login = "user",
                             .number = 1,
                             .groups = {"group"},
                             .roles = {"role"}};
    const auto issued = issue_credential(*request, user, *ca, *ca_key, now, std::chrono::minutes(30));
    if (!issued) return std::unexpected(issued.error());
    const auto verified = verify_chain(as_bytes(issued->chain_pem), *ca, "warm-up", now);
    if (!verified) return std::unexpected(verified.error());
    const auto blob = wrap_credential(*verified, issued->chain_pem, *key);
    if (!blob) return std::unexpected(blob.error());
    const auto checked = check_credential({encode_base64(as_bytes(*blob)), *ca, "warm-up", now});
    if (!checked) return std::unexpected(checked.error());
    // the same with a refusal: the texts of OpenSSL's errors are tables that are made on first use
    const auto refused =
        check_credential({encode_base64(as_bytes(*blob)), *ca, "warm-up", now + std::chrono::hours(1)});
    if (refused) return failure(Errc::system, "an expired credential was accepted");
    return {};
}

Outcome<void> prepare(const SandboxUser& user) {
    if (auto done = warm_up(); !done) return done;
    return enter_sandbox({.uid = user.uid, .gid = user.gid, .socket = kVerifierSocket});
}

}  // namespace
}  // namespace xos

int main(int argc, char** argv) {
    const auto user = xos::read_sandbox_arguments(argc, argv, xos::kVerifierSocket);
    if (!user) {
        xos::complain(xos::kUsage);
        return 2;
    }
    if (const auto ready = xos::prepare(*user); !ready) {
        xos::complain(xos::compose("xos-verifier: {}\n", ready.error().message));
        return 1;
    }
    // Behind the walls only exit_group(2) is left: no destructors of the C library, no message.
    _exit(xos::serve_requests(xos::kVerifierSocket, xos::check_credential) ? 0 : 1);
}
