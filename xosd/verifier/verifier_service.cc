#include "xosd/verifier/verifier_service.h"

#include <sys/socket.h>

#include <vector>

namespace xos {

Outcome<void> serve_requests(int socket, const CredentialCheck& check) {
    std::vector<char> buffer(kVerifierPieceMax);
    std::string request;
    for (;;) {
        const ssize_t got = recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure_errno(errno, "cannot receive");
        if (got == 0) return {};
        if (static_cast<size_t>(got) > buffer.size()) return failure(Errc::invalid, "piece of {} bytes", got);
        const auto whole = take_piece({buffer.data(), static_cast<size_t>(got)}, request);
        if (!whole) return std::unexpected(whole.error());
        if (!*whole) continue;
        const auto numbered = decode_request(request);
        request.clear();
        if (!numbered) return std::unexpected(numbered.error());
        const std::string answer = encode_answer(numbered->id, check(numbered->request));
        if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
            return failure_errno(errno, "cannot send");
    }
}

}  // namespace xos
