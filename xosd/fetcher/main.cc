// xos-fetch: fetches one bundle from a web server, in a sandbox. Started by xosd only.
//
// Process: its own, uid of kFetchUser. Trusts: xosd at descriptor 3; no server.
#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "common/file.h"
#include "libxos/names.h"
#include "xosd/fetcher/sandbox.h"
#include "xosd/fetcher/web_transfer.h"
#include "xosd/sandbox/arguments.h"

namespace xos {
namespace {

constexpr char kUsage[] =
    "usage: xos-fetch UID GID, with a SOCK_SEQPACKET socket as descriptor 3 and a file as 4 (xosd starts "
    "it)\n";
constexpr char kCertificates[] = "/etc/ssl/certs/ca-certificates.crt";
constexpr size_t kCertificatesMax = 4 * 1024 * 1024;

Outcome<FetchAnswer> serve(const SandboxUser& user) {
    // first of all: a socket that is closed with a packet unread takes the answer with it
    std::vector<char> packet(kFetchPacketMax);
    const ssize_t got = recv(kFetchSocket, packet.data(), packet.size(), 0);
    // a machine without CA certificates can still fetch what is pinned
    const WebCertificates certificates{read_file(kCertificates, kCertificatesMax).value_or("")};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return failure(Errc::unavailable, "the fetcher cannot start libcurl");
    if (auto walled = enter_fetch_sandbox(user, kBundleMax); !walled)
        return failure(Errc::unavailable, "the fetcher cannot give up its rights: {}",
                       walled.error().message);
    if (got <= 0) return failure(Errc::unavailable, "the fetcher was asked for nothing");
    const auto request = decode_fetch_request({packet.data(), static_cast<size_t>(got)});
    if (!request) return std::unexpected(request.error());
    return fetch(*request, certificates, kFetchBody);
}

}  // namespace
}  // namespace xos

int main(int argc, char** argv) {
    const auto user = xos::read_sandbox_arguments(argc, argv, xos::kFetchSocket);
    if (!user) {
        xos::complain(xos::kUsage);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of write(2)
    std::string answer;
    try {
        answer = xos::encode_fetch_answer(xos::serve(*user));
    } catch (const std::exception&) {
        answer =
            xos::encode_fetch_answer(xos::failure(xos::Errc::unavailable, "the fetcher has no memory left"));
    }
    _exit(send(xos::kFetchSocket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0 ? 1 : 0);
}
