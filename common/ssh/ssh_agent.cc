#include "common/ssh/ssh_agent.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_wire.h"

namespace xos {
namespace {

using Clock = std::chrono::steady_clock;

// Message numbers of draft-miller-ssh-agent, section "Protocol numbers".
constexpr uint8_t kFailure = 5;
constexpr uint8_t kSuccess = 6;
constexpr uint8_t kRequestIdentities = 11;
constexpr uint8_t kIdentitiesAnswer = 12;
constexpr uint8_t kSignRequest = 13;
constexpr uint8_t kSignResponse = 14;
constexpr uint8_t kRemoveIdentity = 18;
constexpr uint8_t kAddIdentityConstrained = 25;
constexpr uint8_t kConstrainLifetime = 1;

constexpr size_t kMessageMax = 256 * 1024;  // OpenSSH's own limit (ssh-agent.c, AGENT_MAX_LEN)
constexpr size_t kIdentitiesMax = 1024;
constexpr size_t kCommentMax = 4096;
constexpr size_t kTypeMax = 64;
constexpr size_t kFieldsMax = 8 * 1024;               // of the largest RSA key
constexpr auto kDeadline = std::chrono::seconds(10);  // an agent may ask its owner to confirm

// Wipes a buffer that held a private key.
struct Wiped {
    std::string bytes;
    ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

// A secret number as an mpint (RFC 4251, section 5).
bool put_secret(std::string& out, EVP_PKEY* key, const char* name) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &found) != 1) return false;
    const std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>> number(found);
    Wiped bytes{std::string(static_cast<size_t>(BN_num_bytes(found)) + 1, '\0')};
    BN_bn2bin(found, reinterpret_cast<unsigned char*>(bytes.bytes.data()) + 1);
    const bool top_bit = bytes.bytes.size() > 1 && (bytes.bytes[1] & 0x80) != 0;
    put_string(out, std::string_view(bytes.bytes).substr(top_bit ? 0 : 1));
    return true;
}

// What OpenSSH's sshkey_private_serialize() writes behind the certificate of a key.
bool put_private_fields(std::string& out, EVP_PKEY* key) {
    out.reserve(kFieldsMax);
    if (EVP_PKEY_is_a(key, "RSA") == 1)
        return put_secret(out, key, OSSL_PKEY_PARAM_RSA_D) &&
               put_secret(out, key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1) &&
               put_secret(out, key, OSSL_PKEY_PARAM_RSA_FACTOR1) &&
               put_secret(out, key, OSSL_PKEY_PARAM_RSA_FACTOR2);
    if (EVP_PKEY_is_a(key, "EC") == 1) return put_secret(out, key, OSSL_PKEY_PARAM_PRIV_KEY);
    unsigned char pair[64];
    size_t size = 32, rest = 32;
    const bool read = EVP_PKEY_is_a(key, "ED25519") == 1 &&
                      EVP_PKEY_get_raw_private_key(key, pair, &size) == 1 &&
                      EVP_PKEY_get_raw_public_key(key, pair + 32, &rest) == 1;
    if (read) {
        const std::string_view bytes(reinterpret_cast<const char*>(pair), sizeof pair);
        put_string(out, bytes.substr(32));
        put_string(out, bytes);
    }
    OPENSSL_cleanse(pair, sizeof pair);
    return read;
}

Outcome<void> wait_for(int fd, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) return failure(Errc::timeout, "the ssh agent does not answer");
        pollfd entry{fd, events, 0};
        const int ready = poll(&entry, 1, static_cast<int>(left.count()));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return failure_errno(errno, "cannot wait for the ssh agent");
    }
}

Outcome<void> send_all(int fd, std::string_view bytes, Clock::time_point deadline) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            bytes.remove_prefix(static_cast<size_t>(sent));
        } else if (errno == EAGAIN) {
            if (auto ready = wait_for(fd, POLLOUT, deadline); !ready) return ready;
        } else if (errno != EINTR) {
            return failure_errno(errno, "cannot write to the ssh agent");
        }
    }
    return {};
}

Outcome<std::string> receive(int fd, size_t length, Clock::time_point deadline) {
    std::string bytes(length, '\0');
    size_t have = 0;
    while (have < length) {
        const ssize_t got = ::recv(fd, bytes.data() + have, length - have, 0);
        if (got > 0) {
            have += static_cast<size_t>(got);
        } else if (got == 0) {
            return failure(Errc::unavailable, "the ssh agent closed the connection");
        } else if (errno == EAGAIN) {
            if (auto ready = wait_for(fd, POLLIN, deadline); !ready) return std::unexpected(ready.error());
        } else if (errno != EINTR) {
            return failure_errno(errno, "cannot read from the ssh agent");
        }
    }
    return bytes;
}

}  // namespace

Outcome<SshAgent> SshAgent::connect(const std::string& socket_path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (socket_path.size() >= sizeof address.sun_path)
        return failure(Errc::invalid, "the path of the ssh agent is too long: {}", socket_path);
    socket_path.copy(address.sun_path, socket_path.size());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return failure_errno(errno, "cannot make a socket");
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        Failure reason = failure_errno(errno, "no ssh agent answers at {}", socket_path).error();
        reason.code = Errc::unavailable;
        reason.message += "; start one with: eval \"$(ssh-agent)\"";
        return std::unexpected(std::move(reason));
    }
    return SshAgent(std::move(fd));
}

Outcome<SshAgent> SshAgent::connect() {
    const char* path = std::getenv("SSH_AUTH_SOCK");
    if (path == nullptr || *path == '\0')
        return failure(Errc::unavailable,
                       "no ssh agent: SSH_AUTH_SOCK is not set; start one with: eval \"$(ssh-agent)\"");
    return connect(std::string(path));
}

Outcome<std::string> SshAgent::exchange(std::string_view request) {
    const auto deadline = Clock::now() + kDeadline;
    std::string header;
    put_u32(header, static_cast<uint32_t>(request.size()));
    if (auto sent = send_all(fd_.get(), header, deadline); !sent) return std::unexpected(sent.error());
    if (auto sent = send_all(fd_.get(), request, deadline); !sent) return std::unexpected(sent.error());
    const auto prefix = receive(fd_.get(), 4, deadline);
    if (!prefix) return prefix;
    const uint32_t length = SshReader(*prefix).u32();
    if (length == 0 || length > kMessageMax)
        return failure(Errc::invalid, "the ssh agent sent a message of {} bytes", length);
    return receive(fd_.get(), length, deadline);
}

Outcome<std::vector<AgentIdentity>> SshAgent::list() {
    const auto answer = exchange(std::string(1, static_cast<char>(kRequestIdentities)));
    if (!answer) return std::unexpected(answer.error());
    SshReader reader(*answer);
    if (reader.u8() != kIdentitiesAnswer)
        return failure(Errc::denied, "the ssh agent does not list its keys");
    const uint32_t count = reader.u32();
    if (count > kIdentitiesMax) return failure(Errc::invalid, "the ssh agent claims to hold {} keys", count);
    std::vector<AgentIdentity> identities;
    for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
        const std::string_view blob = reader.string(kMessageMax);
        identities.push_back({std::string(blob), std::string(reader.string(kCommentMax))});
    }
    if (!reader.complete()) return failure(Errc::invalid, "the ssh agent's list of keys is malformed");
    return identities;
}

Outcome<void> SshAgent::add(std::string_view certificate, std::string_view seed, std::string_view public_key,
                            std::string_view comment, std::chrono::seconds lifetime) {
    Wiped secret{std::string(seed) + std::string(public_key)};
    Wiped fields;
    fields.bytes.reserve(secret.bytes.size() + public_key.size() + 8);
    put_string(fields.bytes, public_key);
    put_string(fields.bytes, secret.bytes);
    return add_fields(certificate, fields.bytes, comment, lifetime);
}

Outcome<void> SshAgent::add_key(std::string_view certificate, EVP_PKEY* key, std::string_view comment,
                                std::chrono::seconds lifetime) {
    Wiped fields;
    if (!put_private_fields(fields.bytes, key))
        return failure(Errc::invalid, "the private key is of a sort that no agent takes");
    return add_fields(certificate, fields.bytes, comment, lifetime);
}

Outcome<void> SshAgent::add_fields(std::string_view certificate, std::string_view fields,
                                   std::string_view comment, std::chrono::seconds lifetime) {
    if (lifetime.count() < 1) return failure(Errc::invalid, "an agent cannot hold a key for {}", lifetime);
    Wiped request;
    // never moved, so no copy stays unwiped
    request.bytes.reserve(certificate.size() + fields.size() + comment.size() + 256);
    put_u8(request.bytes, kAddIdentityConstrained);
    put_string(request.bytes, SshReader(certificate).string(kTypeMax));
    put_string(request.bytes, certificate);
    request.bytes += fields;
    put_string(request.bytes, comment.substr(0, kCommentMax));
    put_u8(request.bytes, kConstrainLifetime);
    const auto longest = static_cast<int64_t>(std::numeric_limits<uint32_t>::max());
    put_u32(request.bytes, static_cast<uint32_t>(std::min<int64_t>(lifetime.count(), longest)));
    const auto answer = exchange(request.bytes);
    if (!answer) return std::unexpected(answer.error());
    if (*answer != std::string(1, static_cast<char>(kSuccess)))
        return failure(Errc::denied,
                       "the ssh agent refuses the key; is it locked, or too old for certificates?");
    return {};
}

Outcome<std::string> SshAgent::sign(std::string_view blob, std::string_view data) {
    std::string request;
    put_u8(request, kSignRequest);
    put_string(request, blob);
    put_string(request, data);
    put_u32(request, 0);  // flags choose among RSA signatures only
    const auto answer = exchange(request);
    if (!answer) return std::unexpected(answer.error());
    SshReader reader(*answer);
    if (reader.u8() != kSignResponse)
        return failure(Errc::denied,
                       "the ssh agent does not sign: its owner, or a constraint of the key, forbids it");
    const std::string_view signature = reader.string(kMessageMax);
    if (!reader.complete()) return failure(Errc::invalid, "the ssh agent's signature is malformed");
    SshReader parts(signature);
    const bool ed25519 = parts.string(64) == kSshKeyType;
    const std::string_view bytes = parts.string(64);
    if (!parts.complete() || !ed25519 || bytes.size() != 64)
        return failure(Errc::invalid, "the ssh agent's signature is no Ed25519 signature");
    return std::string(bytes);
}

Outcome<void> SshAgent::remove(std::string_view blob) {
    std::string request;
    put_u8(request, kRemoveIdentity);
    put_string(request, blob);
    const auto answer = exchange(request);
    if (!answer) return std::unexpected(answer.error());
    if (*answer == std::string(1, static_cast<char>(kFailure)))
        return failure(Errc::not_found, "the ssh agent does not hold that key");
    if (*answer != std::string(1, static_cast<char>(kSuccess)))
        return failure(Errc::invalid, "the ssh agent gave an unknown answer");
    return {};
}

}  // namespace xos
