// HTTPS for strangers: TLS 1.3, one request a connection, everything capped.
//
// Owns: the listening socket, libmicrohttpd's daemon, every connection's deadlines. It runs in the event
// loop, in one thread. Process: xos-cda serve. Trusts: nothing that comes in. A connection has kRequestTime
// from its first packet until its request is complete, however busy it is meanwhile, and for the answer a
// time that depends on its size.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cda/network_request.h"
#include "cda/tls_identity.h"
#include "common/event_loop.h"
#include "common/failure.h"

namespace xos {

inline constexpr std::chrono::seconds kRequestTime{15};
inline constexpr size_t kHttpBodyMax = 32 * 1024;              // bytes of a request
inline constexpr size_t kHttpAnswersMax = 1024 * 1024 * 1024;  // bytes of answers in memory at once

struct HttpResponse {
    unsigned status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::string etag;              // with its quotes; empty: none
    std::string content_encoding;  // empty: none
    unsigned retry_after = 0;      // seconds; 0: not told
};

struct ListenAddress {
    std::string host;  // numeric; "::" and "0.0.0.0" are all addresses
    uint16_t port = 0;
};

// "127.0.0.1:8443", "[::]:8443".
Outcome<ListenAddress> read_listen_address(std::string_view text);

struct HttpsOptions {
    ListenAddress listen;
    unsigned connections = 512;
    unsigned connections_per_address = 32;
    std::chrono::milliseconds request_time = kRequestTime;
};

class HttpsServer {
  public:
    // Answers a request; must not block.
    using Handler = std::function<HttpResponse(const HttpRequest&)>;

    // loop must outlive it.
    static Outcome<std::unique_ptr<HttpsServer>> start(EventLoop& loop, const HttpsOptions& options,
                                                       const TlsIdentity& identity, Handler handler);
    virtual ~HttpsServer() = default;

    virtual uint16_t port() const = 0;
    // Takes no new connection; calls ended when those that are open have ended, after 5 s at the latest.
    virtual void stop(std::function<void()> ended) = 0;
};

}  // namespace xos
