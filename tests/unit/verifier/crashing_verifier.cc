// A verifier behind the same walls whose check of a certificate has a bug: some words of a request make it
// crash.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "xosd/verifier/sandbox.h"
#include "xosd/verifier/verifier_service.h"

namespace {

volatile int* volatile g_nowhere = nullptr;

xos::Outcome<xos::VerifiedCredential> check(const xos::VerifyRequest& request) {
    if (request.ssh_key == "crash") *g_nowhere = 1;
    if (request.ssh_key == "spin")
        for (volatile bool on = true; on;) {
        }
    if (request.ssh_key == "leave") _exit(0);
    if (request.ssh_key == "open") open("/etc/passwd", 0);
    if (request.ssh_key == "lie") {
        xos::VerifiedCredential credential;
        credential.attributes.vo = "other";
        return credential;
    }
    return xos::failure(xos::Errc::denied, "{}", request.ssh_key);
}

}  // namespace

int main(int, char** argv) {
    const auto id = [](const char* text) { return static_cast<uid_t>(std::strtoul(text, nullptr, 10)); };
    if (!xos::enter_sandbox({.uid = id(argv[1]), .gid = id(argv[2]), .socket = xos::kVerifierSocket}))
        return 1;
    _exit(xos::serve_requests(xos::kVerifierSocket, check) ? 0 : 1);
}
