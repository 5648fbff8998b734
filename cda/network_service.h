// The authority's answers on the network.
//
// Owns: what each endpoint does, its limits, and the audit line of each issue and refusal. Process: xos-cda
// serve, one thread. Trusts: nothing in a request; who asks for a credential proves the enrolled key, who
// enrols the code.
#pragma once

#include <chrono>
#include <string>

#include "cda/authority.h"
#include "cda/bundle_publisher.h"
#include "cda/enrolment.h"
#include "cda/https_server.h"
#include "cda/rate_limit.h"
#include "cda/replay_guard.h"
#include "common/vo/member_request.h"

namespace xos {

struct NetworkLimits {
    uint32_t requests = 120;  // of an address at once, then
    std::chrono::milliseconds request_interval{500};
    uint32_t credentials = 20;  // of a member at once, then
    std::chrono::milliseconds credential_interval{std::chrono::minutes(3)};
    uint32_t wrong_codes = 5;  // from an address at once, then
    std::chrono::milliseconds wrong_code_interval{std::chrono::minutes(5)};
    uint32_t wrong_codes_of_member = 20;  // from anywhere, then
    std::chrono::milliseconds wrong_code_of_member_interval{std::chrono::minutes(5)};
};

class NetworkService {
  public:
    // All are borrowed.
    NetworkService(Authority& authority, Registry& registry, const NetworkLimits& limits);

    HttpResponse answer(const HttpRequest& request, std::chrono::sys_seconds now, RateLimit::Time tick);

  private:
    struct Asked {
        const HttpRequest& http;
        std::string vo;
        std::chrono::sys_seconds now;
        RateLimit::Time tick;
        std::string from;   // the address's name in limits
        std::string login;  // known once the body was read
    };

    Outcome<HttpResponse> route(Asked& asked, Endpoint endpoint);
    Outcome<HttpResponse> show(const Asked& asked);
    Outcome<HttpResponse> send_bundle(const Asked& asked);
    Outcome<HttpResponse> enroll(Asked& asked);
    Outcome<HttpResponse> issue(Asked& asked);
    Outcome<HttpResponse> leave(Asked& asked);
    Outcome<HttpResponse> exchange(Asked& asked);
    Outcome<std::string> open_signed(Asked& asked, MemberAction action, const JsonNode& body);
    Outcome<HttpResponse> issue_to(const Asked& asked, const std::string& login,
                                   std::string_view request_pem);
    HttpResponse refuse(const Asked& asked, const Failure& failure, Endpoint endpoint);

    Authority& authority_;
    VoRegistry vos_;
    Enrolment enrolment_;
    BundlePublisher publisher_;
    RateLimit requests_, credentials_, wrong_codes_, wrong_codes_of_member_;
    ReplayGuard taken_{2 * kClockSkew + std::chrono::seconds(60)};
};

}  // namespace xos
