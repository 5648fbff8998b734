#include "xosd/verifier/verifier_service.h"

#include <sys/socket.h>

#include <vector>

namespace xos {

Outcome<void> serve_requests(int socket, const CredentialCheck& check) {
    std::vector<char> buffer(kVerifierPacketMax);
    for (;;) {
        const ssize_t got = recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure_errno(errno, "cannot receive");
        if (got == 0) return {};
        if (static_cast<size_t>(got) > buffer.size())
            return failure(Errc::invalid, "request of {} bytes", got);
        const auto numbered = decode_request({buffer.data(), static_cast<size_t>(got)});
        if (!numbered) return std::unexpected(numbered.error());
        const std::string answer = encode_answer(numbered->id, check(numbered->request));
        if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
            return failure_errno(errno, "cannot send");
    }
}

}  // namespace xos
