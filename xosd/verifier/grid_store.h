// The certificates of a grid against what one VO trusts: its anchors and their revocation lists.
//
// Owns: one X509_STORE, made for one request of one VO, and the flags with which it is asked.
// Process: xos-verifier, in its sandbox. Trusts: the anchors and lists of the request; nothing in a chain.
#pragma once

#include <chrono>
#include <vector>

#include "common/credential/openssl_ptr.h"
#include "common/failure.h"
#include "common/voms/proxy_chain.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

using CrlPtr = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;

class GridStore {
  public:
    // Errc::invalid where an anchor or a list cannot be read, or a list never ends.
    static Outcome<GridStore> make(const VomsRequest& trust, std::chrono::sys_seconds now);

    // The user's certificate, then the proxies upon it: signatures, dates, purposes, path lengths, revocation
    // of all but proxies by a list of each CA, no older than its end and the request's grace. A refusal names
    // the certificate or the CA.
    Outcome<void> verify_user(const ProxyChain& chain) const;
    // A certificate of a VOMS server, likewise.
    Outcome<void> verify_server(X509* server) const;
    // What OpenSSL leaves out: a list by whoever signed proxy, here issuer, that names proxy.
    Outcome<void> check_proxy_revocation(const X509* proxy, X509* issuer) const;

  private:
    struct Question;
    GridStore() = default;
    Outcome<void> ask(const Question& question) const;

    StorePtr store_;
    std::vector<X509Ptr> anchors_;
    std::vector<CrlPtr> lists_;
    std::chrono::sys_seconds now_;
    std::chrono::seconds grace_{};
};

}  // namespace xos
