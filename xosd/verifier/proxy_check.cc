#include "xosd/verifier/proxy_check.h"

#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/openssl_failure.h"
#include "common/time_text.h"
#include "common/voms/distinguished_name.h"
#include "xosd/verifier/grid_store.h"

namespace xos {
namespace {

constexpr char kLimitedProxy[] =
    "1.3.6.1.4.1.3536.1.1.1.9";  // Globus: may read files, may not start programs

struct FreeProxyInfo {
    void operator()(PROXY_CERT_INFO_EXTENSION* info) const { PROXY_CERT_INFO_EXTENSION_free(info); }
};

// Before any signature is checked: a key bounds the work of all that it signed.
Outcome<void> check_keys(const ProxyChain& chain) {
    for (const X509Ptr& one : chain.certificates) {
        EVP_PKEY* const key = X509_get0_pubkey(one.get());
        const bool known =
            key != nullptr && (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "EC") == 1 ||
                               EVP_PKEY_is_a(key, "ED25519") == 1);
        ERR_clear_error();
        if (!known || EVP_PKEY_get_bits(key) > kRsaBitsMax)
            return failure(
                Errc::invalid,
                "a key in the proxy's chain is neither RSA of at most {} bits nor of an elliptic curve",
                kRsaBitsMax);
    }
    return {};
}

// RFC 3820, section 3.8: what a proxy may do stands in its policy language.
Outcome<void> check_language(const X509* proxy) {
    int critical = -1;
    const std::unique_ptr<PROXY_CERT_INFO_EXTENSION, FreeProxyInfo> info(
        static_cast<PROXY_CERT_INFO_EXTENSION*>(
            X509_get_ext_d2i(proxy, NID_proxyCertInfo, &critical, nullptr)));
    if (!info || critical != 1)
        return openssl_failure(Errc::invalid, "the proxy says not, or not critically, what sort it is of");
    const ASN1_OBJECT* language = info->proxyPolicy->policyLanguage;
    if (OBJ_obj2nid(language) == NID_id_ppl_inheritAll && info->proxyPolicy->policy == nullptr) return {};
    const Asn1ObjectPtr limited(OBJ_txt2obj(kLimitedProxy, 1));
    if (OBJ_cmp(language, limited.get()) == 0)
        return failure(Errc::denied, "a limited proxy may not log in: make a full one with voms-proxy-init");
    if (OBJ_obj2nid(language) == NID_Independent)
        return failure(Errc::denied, "an independent proxy inherits nothing from its user");
    return failure(Errc::denied, "the proxy has a policy that is not known");
}

Outcome<void> check_proxies(const ProxyChain& chain, const GridStore& store) {
    for (size_t i = 0; i < chain.end_entity; ++i) {
        if (auto good = check_language(chain.certificates[i].get()); !good) return good;
        if (auto good =
                store.check_proxy_revocation(chain.certificates[i].get(), chain.certificates[i + 1].get());
            !good)
            return good;
    }
    return {};
}

// The holder by serial and name. VOMS writes the subject where RFC 5755 has the issuer; either is the user's.
Outcome<void> check_holder(const ProxyChain& chain) {
    const X509_ACERT* acert = chain.attributes.acert.get();
    const OSSL_ISSUER_SERIAL* holder = X509_ACERT_get0_holder_baseCertId(acert);
    if (holder == nullptr || X509_ACERT_get0_holder_entityName(acert) != nullptr ||
        X509_ACERT_get0_holder_digest(acert) != nullptr)
        return failure(Errc::invalid, "the attribute certificate names its holder in another way than VOMS");
    const X509_NAME* name = OSSL_ISSUER_SERIAL_get0_issuer(holder);
    const ASN1_INTEGER* serial = OSSL_ISSUER_SERIAL_get0_serial(holder);
    const bool same_name =
        name != nullptr && (X509_NAME_cmp(name, X509_get_subject_name(chain.user())) == 0 ||
                            X509_NAME_cmp(name, X509_get_issuer_name(chain.user())) == 0);
    if (!same_name || serial == nullptr ||
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(chain.user())) != 0)
        return failure(Errc::denied, "the attribute certificate is of another holder than {}",
                       chain.claims.subject);
    return {};
}

bool is_strong_signature(const X509_ACERT* acert) {
    int digest = NID_undef, key = NID_undef;
    if (OBJ_find_sigid_algs(X509_ACERT_get_signature_nid(acert), &digest, &key) != 1) return false;
    return key == NID_ED25519 || digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

// One of the VO's servers signed it, and that server's certificate is good.
Outcome<void> check_server(const ProxyChain& chain, const VomsTrust& trust, const GridStore& store) {
    X509_ACERT* const acert = chain.attributes.acert.get();
    if (!is_strong_signature(acert))
        return failure(Errc::denied, "the attribute certificate is signed with a weak digest");
    const X509_NAME* issuer = X509_ACERT_get0_issuerName(acert);
    bool named = false;
    for (const Bytes& der : trust.servers) {
        const auto server = parse_certificate(der, "a VOMS server's certificate of the VO");
        if (!server) return std::unexpected(server.error());
        if (issuer == nullptr || X509_NAME_cmp(issuer, X509_get_subject_name(server->get())) != 0) continue;
        named = true;
        EVP_PKEY* const key = X509_get0_pubkey(server->get());
        if (key != nullptr && X509_ACERT_verify(acert, key) == 1) return store.verify_server(server->get());
        ERR_clear_error();
    }
    const auto name = issuer != nullptr ? read_distinguished_name(issuer) : failure(Errc::invalid, "none");
    const std::string shown = name ? *name : "a name that cannot be shown";
    if (named)
        return failure(Errc::denied, "the attribute certificate is not signed by the VOMS server {}", shown);
    return failure(Errc::denied, "the attribute certificate is by {}, which is no VOMS server of the VO",
                   shown);
}

Outcome<void> check_attributes(const ProxyChain& chain, const VomsTrust& trust, const GridStore& store,
                               std::chrono::sys_seconds now) {
    if (chain.attributes.vo != trust.vo)
        return failure(Errc::denied, "the attribute certificate is of the VO {}, not of {}",
                       chain.attributes.vo, trust.vo);
    if (auto good = check_holder(chain); !good) return good;
    if (now < chain.attributes.not_before || now >= chain.attributes.not_after)
        return failure(Errc::denied, "the attributes of VOMS are valid from {} to {}, it is {}",
                       format_time(chain.attributes.not_before), format_time(chain.attributes.not_after),
                       format_time(now));
    return check_server(chain, trust, store);
}

}  // namespace

Outcome<VerifiedCredential> check_proxy(std::string_view chain_pem, const VerifyRequest& request) {
    prepare_openssl();
    if (!request.voms)
        return failure(
            Errc::denied,
            "this is a VOMS proxy, and none of VO {} is accepted here: the VO has to name its VOMS, "
            "and the owner of the node the VO (voms: accept in node.yaml)",
            request.vo);
    const auto chain = read_proxy_chain(chain_pem);
    if (!chain) return std::unexpected(chain.error());
    if (auto good = check_keys(*chain); !good) return std::unexpected(good.error());
    const auto store = GridStore::make(*request.voms, request.now);
    if (!store) return std::unexpected(store.error());
    if (auto good = store->verify_user(*chain); !good) return std::unexpected(good.error());
    if (auto good = check_proxies(*chain, *store); !good) return std::unexpected(good.error());
    if (auto good = check_attributes(*chain, request.voms->trust, *store, request.now); !good)
        return std::unexpected(good.error());
    auto key = read_public_key(X509_get0_pubkey(chain->leaf()));
    if (!key) return std::unexpected(key.error());
    VerifiedCredential credential;
    credential.attributes.vo = request.vo;
    credential.serial = chain->claims.serials.front();
    credential.fingerprint = sha256_fingerprint(chain->ders.front());
    credential.not_before = chain->not_before;
    credential.not_after = chain->not_after;
    credential.public_key = std::move(*key);
    credential.pem = chain->pem;
    credential.grid = chain->claims;
    return credential;
}

}  // namespace xos
