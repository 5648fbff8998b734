#include "xosd/verifier/grid_store.h"

#include <openssl/x509_vfy.h>

#include <algorithm>

#include "common/credential/certificate.h"
#include "common/credential/openssl_failure.h"
#include "common/time_text.h"
#include "common/voms/distinguished_name.h"

namespace xos {
namespace {

constexpr int kDepth = 6;      // kChainLengthMax certificates and an anchor
constexpr int kAuthLevel = 2;  // 112 bits: keys of RSA from 2048 bits on, no signature with MD5 or SHA-1

std::string name_text(const X509_NAME* name) {
    const auto text = read_distinguished_name(name);
    return text ? *text : "a name that cannot be shown";
}

Outcome<CrlPtr> parse_list(const Bytes& der) {
    const unsigned char* at = der.data();
    CrlPtr list(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    if (!list || at != der.data() + der.size())
        return openssl_failure(Errc::invalid, "a revocation list of the VO cannot be read");
    // OpenSSL takes a list without an end for one that holds for ever; RFC 5280 demands one
    if (!read_time(X509_CRL_get0_nextUpdate(list.get())))
        return failure(Errc::invalid, "the revocation list of {} says not until when it holds",
                       name_text(X509_CRL_get_issuer(list.get())));
    return list;
}

// What the callback needs, and the refusal that it found.
struct Asked {
    std::chrono::sys_seconds now;
    std::chrono::seconds grace;
    std::string refusal;
};

bool is_in_grace(const X509_CRL* list, Asked& asked) {
    const auto end = list != nullptr ? read_time(X509_CRL_get0_nextUpdate(list)) : std::nullopt;
    if (end && asked.now < *end + asked.grace) return true;
    asked.refusal =
        compose("the revocation list of the CA {} is stale since {}: the VO has to publish a new one",
                list != nullptr ? name_text(X509_CRL_get_issuer(list)) : "?", end ? format_time(*end) : "?");
    return false;
}

// Passes over one error only: a list that has ended no longer ago than the node bears. What the list says is
// still looked up.
int judge(int good, X509_STORE_CTX* context) {
    if (good == 1) return 1;
    auto& asked = *static_cast<Asked*>(X509_STORE_CTX_get_app_data(context));
    const X509* at = X509_STORE_CTX_get_current_cert(context);
    const int error = X509_STORE_CTX_get_error(context);
    if (error == X509_V_ERR_CRL_HAS_EXPIRED)
        return is_in_grace(X509_STORE_CTX_get0_current_crl(context), asked) ? 1 : 0;
    if (!asked.refusal.empty() || at == nullptr) return 0;
    const std::string whose = name_text(X509_get_subject_name(at));
    const auto begin = read_time(X509_get0_notBefore(at));
    const auto end = read_time(X509_get0_notAfter(at));
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL)
        asked.refusal = compose("there is no revocation list of the CA {}: the VO has to publish one",
                                name_text(X509_get_issuer_name(at)));
    else if (error == X509_V_ERR_CERT_REVOKED)
        asked.refusal = compose("the certificate of {} is revoked by its CA {}", whose,
                                name_text(X509_get_issuer_name(at)));
    else if (error == X509_V_ERR_CERT_HAS_EXPIRED && end)
        asked.refusal = compose("the certificate of {} expired at {}, it is {}", whose, format_time(*end),
                                format_time(asked.now));
    else if (error == X509_V_ERR_CERT_NOT_YET_VALID && begin)
        asked.refusal =
            compose("the certificate of {} is valid from {} on, it is {} here: compare the clocks", whose,
                    format_time(*begin), format_time(asked.now));
    else
        asked.refusal =
            compose("the certificate of {} does not verify: {} (X.509 error {} at depth {})", whose,
                    X509_verify_cert_error_string(error), error, X509_STORE_CTX_get_error_depth(context));
    return 0;
}

X509StackPtr stack_of(const ProxyChain& chain, size_t from) {
    X509StackPtr stack(sk_X509_new_null());
    for (size_t i = from; stack && i < chain.certificates.size(); ++i) {
        X509* const one = chain.certificates[i].get();
        if (X509_up_ref(one) != 1 || sk_X509_push(stack.get(), one) == 0) return nullptr;
    }
    return stack;
}

}  // namespace

struct GridStore::Question {
    X509* subject;
    STACK_OF(X509) * others;
    unsigned long flags;
    int purpose;
};

Outcome<GridStore> GridStore::make(const VomsRequest& trust, std::chrono::sys_seconds now) {
    GridStore made;
    made.now_ = now;
    made.grace_ = trust.crl_grace;
    made.store_.reset(X509_STORE_new());
    if (!made.store_) return openssl_failure(Errc::system, "cannot make a store of certificates");
    for (const Bytes& der : trust.trust.anchors) {
        auto anchor = parse_certificate(der, "an anchor of the VO");
        if (!anchor) return std::unexpected(anchor.error());
        if (X509_STORE_add_cert(made.store_.get(), anchor->get()) != 1)
            return openssl_failure(Errc::system, "cannot hold an anchor of the VO");
        made.anchors_.push_back(std::move(*anchor));
    }
    for (const Bytes& der : trust.crls) {
        auto list = parse_list(der);
        if (!list) return std::unexpected(list.error());
        if (X509_STORE_add_crl(made.store_.get(), list->get()) != 1)
            return openssl_failure(Errc::system, "cannot hold a revocation list");
        made.lists_.push_back(std::move(*list));
    }
    return made;
}

Outcome<void> GridStore::ask(const Question& question) const {
    const StoreContextPtr context(X509_STORE_CTX_new());
    Asked asked{now_, grace_, ""};
    if (!context ||
        X509_STORE_CTX_init(context.get(), store_.get(), question.subject, question.others) != 1 ||
        X509_STORE_CTX_set_app_data(context.get(), &asked) != 1)
        return openssl_failure(Errc::system, "cannot prepare the verification of a certificate");
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    const unsigned long flags = question.flags | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (X509_VERIFY_PARAM_set_flags(parameters, flags) != 1 ||
        X509_VERIFY_PARAM_set_purpose(parameters, question.purpose) != 1)
        return openssl_failure(Errc::system, "cannot prepare the verification of a certificate");
    X509_VERIFY_PARAM_set_depth(parameters, kDepth);
    X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
    X509_VERIFY_PARAM_set_time(parameters, now_.time_since_epoch().count());
    X509_STORE_CTX_set_verify_cb(context.get(), judge);
    if (X509_verify_cert(context.get()) != 1) {
        ERR_clear_error();
        if (asked.refusal.empty())
            asked.refusal = compose("the certificate of {} does not verify: {}",
                                    name_text(X509_get_subject_name(question.subject)),
                                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
        return failure(Errc::denied, "{}", asked.refusal);
    }
    // A CA below one anchor could call itself like another: members are known by the name of their issuer.
    const STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 1; i < sk_X509_num(found); ++i) {
        const X509* one = sk_X509_value(found, i);
        if (std::ranges::none_of(anchors_, [&](const X509Ptr& anchor) {
                return X509_NAME_cmp(X509_get_subject_name(anchor.get()), X509_get_subject_name(one)) == 0;
            }))
            continue;
        if (std::ranges::none_of(anchors_,
                                 [&](const X509Ptr& anchor) { return X509_cmp(anchor.get(), one) == 0; }))
            return failure(Errc::denied, "another CA calls itself {}", name_text(X509_get_subject_name(one)));
    }
    return {};
}

Outcome<void> GridStore::verify_user(const ProxyChain& chain) const {
    const X509StackPtr above = stack_of(chain, chain.end_entity + 1), all = stack_of(chain, 1);
    if (!above || !all) return openssl_failure(Errc::system, "cannot hold the chain");
    // Strict for what CAs issue; the proxies of VOMS have no key identifiers, which strict demands.
    if (auto good = ask({chain.user(), above.get(), X509_V_FLAG_X509_STRICT, X509_PURPOSE_SSL_CLIENT}); !good)
        return good;
    return ask({chain.leaf(), all.get(), X509_V_FLAG_ALLOW_PROXY_CERTS, X509_PURPOSE_SSL_CLIENT});
}

Outcome<void> GridStore::verify_server(X509* server) const {
    return ask({server, nullptr, X509_V_FLAG_X509_STRICT, X509_PURPOSE_ANY});
}

Outcome<void> GridStore::check_proxy_revocation(const X509* proxy, X509* issuer) const {
    for (const CrlPtr& list : lists_) {
        if (X509_NAME_cmp(X509_CRL_get_issuer(list.get()), X509_get_subject_name(issuer)) != 0) continue;
        X509_REVOKED* entry = nullptr;
        const bool named = X509_CRL_get0_by_serial(list.get(), &entry, X509_get0_serialNumber(proxy)) == 1;
        const bool signed_by_issuer = X509_CRL_verify(list.get(), X509_get0_pubkey(issuer)) == 1;
        ERR_clear_error();
        if (named && signed_by_issuer)
            return failure(Errc::denied, "the proxy is revoked by its issuer {}",
                           name_text(X509_get_subject_name(issuer)));
    }
    return {};
}

}  // namespace xos
