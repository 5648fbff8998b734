#include "common/voms/proxy_chain.h"

#include <algorithm>

#include "common/credential/certificate.h"
#include "common/credential/openssl_failure.h"
#include "common/credential/xos_cert.h"
#include "common/voms/distinguished_name.h"

namespace xos {
namespace {

// Asked of the extension itself: what OpenSSL makes of it needs the whole certificate to be sound.
bool is_proxy(const X509* certificate) {
    return X509_get_ext_by_NID(certificate, NID_proxyCertInfo, -1) >= 0;
}

// Proxies of Globus 2 and 3 (draft-ietf-pkix-proxy): known by CN=proxy, or by the OID before the RFC's.
bool is_legacy_proxy(const X509* certificate) {
    const Asn1ObjectPtr draft(OBJ_txt2obj("1.3.6.1.4.1.3536.1.222", 1));
    if (X509_get_ext_by_OBJ(certificate, draft.get(), -1) >= 0) return true;
    const X509_NAME* name = X509_get_subject_name(certificate);
    const X509_NAME_ENTRY* last = X509_NAME_get_entry(name, X509_NAME_entry_count(name) - 1);
    if (last == nullptr || OBJ_obj2nid(X509_NAME_ENTRY_get_object(last)) != NID_commonName) return false;
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(last);
    const std::string_view text =
        as_text({ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))});
    return text == "proxy" || text == "limited proxy";
}

Outcome<void> read_certificates(std::string_view pem, ProxyChain& chain) {
    auto ders = split_pem_chain(pem);
    if (!ders) return std::unexpected(ders.error());
    chain.ders = std::move(*ders);
    for (size_t i = 0; i < chain.ders.size(); ++i) {
        auto one = parse_certificate(chain.ders[i], compose("certificate {} of the proxy's chain", i + 1));
        if (!one) return std::unexpected(one.error());
        chain.certificates.push_back(std::move(*one));
    }
    return {};
}

Outcome<void> find_end_entity(ProxyChain& chain) {
    const auto& all = chain.certificates;
    if (!is_proxy(chain.leaf()) && is_legacy_proxy(chain.leaf()))
        return failure(Errc::invalid, "this is a legacy proxy of Globus: make one with voms-proxy-init -rfc");
    const auto first = std::ranges::find_if_not(all, [](const X509Ptr& one) { return is_proxy(one.get()); });
    chain.end_entity = static_cast<size_t>(first - all.begin());
    if (chain.end_entity == 0)
        return failure(Errc::invalid,
                       "attributes of VOMS belong into a proxy, not into a user's certificate");
    if (chain.end_entity == all.size())
        return failure(Errc::invalid, "the chain has proxies only: the user's own certificate is missing");
    if (chain.end_entity > kProxiesMax)
        return failure(Errc::invalid, "{} proxies one upon the other, at most {} are read", chain.end_entity,
                       kProxiesMax);
    if (std::any_of(first, all.end(), [](const X509Ptr& one) { return is_proxy(one.get()); }))
        return failure(Errc::invalid, "a proxy stands behind the user's certificate in the chain");
    return {};
}

Outcome<void> find_attributes(ProxyChain& chain) {
    const X509* holder = nullptr;
    for (size_t i = 0; i < chain.certificates.size(); ++i) {
        const int count = count_voms_extensions(chain.certificates[i].get());
        if (count == 0) continue;
        if (holder != nullptr || count > 1)
            return failure(Errc::invalid, "the chain has more than one attribute certificate");
        if (i >= chain.end_entity)
            return failure(Errc::invalid,
                           "attributes of VOMS belong into a proxy, not into a user's certificate");
        holder = chain.certificates[i].get();
    }
    auto read = read_attribute_certificate(holder != nullptr ? holder : chain.leaf());
    if (!read) return std::unexpected(read.error());
    chain.attributes = std::move(*read);
    return {};
}

Outcome<void> find_validity(ProxyChain& chain) {
    chain.not_before = chain.attributes.not_before;
    chain.not_after = chain.attributes.not_after;
    for (size_t i = 0; i <= chain.end_entity; ++i) {
        const X509* one = chain.certificates[i].get();
        const auto begin = read_time(X509_get0_notBefore(one));
        const auto end = read_time(X509_get0_notAfter(one));
        const auto serial = read_serial(one);
        if (!begin || !end || !serial)
            return failure(Errc::invalid, "the serial or the dates of certificate {} cannot be read", i + 1);
        chain.not_before = std::max(chain.not_before, *begin);
        chain.not_after = std::min(chain.not_after, *end);
        chain.claims.serials.push_back(*serial);
        chain.pem += certificate_pem(chain.ders[i]);
    }
    if (chain.not_before >= chain.not_after)
        return failure(Errc::denied,
                       "proxy, user's certificate and attributes are at no time valid together");
    return {};
}

Outcome<void> find_claims(ProxyChain& chain) {
    auto issuer = read_distinguished_name(X509_get_issuer_name(chain.user()));
    if (!issuer) return std::unexpected(issuer.error());
    auto subject = read_distinguished_name(X509_get_subject_name(chain.user()));
    if (!subject) return std::unexpected(subject.error());
    chain.claims.issuer = std::move(*issuer);
    chain.claims.subject = std::move(*subject);
    chain.claims.vo = chain.attributes.vo;
    chain.claims.fqans = chain.attributes.fqans;
    return {};
}

}  // namespace

bool is_grid_chain(std::string_view pem) {
    const auto ders = split_pem_chain(pem);
    if (!ders) return false;
    const auto leaf = parse_certificate(ders->front(), "");
    if (!leaf) return false;
    return is_proxy(leaf->get()) || is_legacy_proxy(leaf->get()) || count_voms_extensions(leaf->get()) > 0;
}

bool is_voms_chain(std::string_view pem) {
    const auto ders = split_pem_chain(pem);
    return ders && std::ranges::any_of(*ders, [](const Bytes& der) {
               const auto one = parse_certificate(der, "");
               return one && count_voms_extensions(one->get()) > 0;
           });
}

Outcome<ProxyChain> read_proxy_chain(std::string_view pem) {
    if (pem.size() > kProxyChainTextMax)
        return failure(Errc::invalid, "the proxy's chain has {} bytes, at most {} can be kept in a session",
                       pem.size(), kProxyChainTextMax);
    ProxyChain chain;
    auto done = read_certificates(pem, chain);
    if (done) done = find_end_entity(chain);
    if (done) done = find_attributes(chain);
    if (done) done = find_validity(chain);
    if (done) done = find_claims(chain);
    if (!done) return std::unexpected(done.error());
    return chain;
}

}  // namespace xos
