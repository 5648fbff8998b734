#include "common/credential/proxy.h"

#include <algorithm>

#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/openssl_failure.h"
#include "common/time_text.h"

namespace xos {
namespace {

using ProxyInfoPtr = std::unique_ptr<PROXY_CERT_INFO_EXTENSION, OpensslFree<PROXY_CERT_INFO_EXTENSION_free>>;

constexpr int kExtensions = 2;  // keyUsage, proxyCertInfo

std::unexpected<Failure> refused(std::string_view why) {
    return failure(Errc::invalid, "the proxy is none of this profile: {}", why);
}

std::string decimal(const BIGNUM* number) {
    char* const text = number ? BN_bn2dec(number) : nullptr;
    std::string copy = text ? text : "";
    OPENSSL_free(text);
    return copy;
}

// The subject of a credential, and one CN more.
NamePtr proxy_name(const XosAttributes& attributes, const std::string& serial) {
    NamePtr name = make_name(attributes.vo, attributes.login);
    if (!name || X509_NAME_add_entry_by_NID(name.get(), NID_commonName, V_ASN1_UTF8STRING,
                                            reinterpret_cast<const unsigned char*>(serial.data()),
                                            static_cast<int>(serial.size()), -1, 0) != 1)
        return nullptr;
    return name;
}

bool add_proxy_info(X509* proxy) {
    const ProxyInfoPtr info(PROXY_CERT_INFO_EXTENSION_new());
    if (!info) return false;
    info->pcPathLengthConstraint = ASN1_INTEGER_new();
    ASN1_OBJECT_free(info->proxyPolicy->policyLanguage);
    info->proxyPolicy->policyLanguage = OBJ_txt2obj(kLimitedLanguage, 1);
    return info->pcPathLengthConstraint && ASN1_INTEGER_set(info->pcPathLengthConstraint, 0) == 1 &&
           info->proxyPolicy->policyLanguage &&
           X509_add1_ext_i2d(proxy, NID_proxyCertInfo, info.get(), 1, X509V3_ADD_DEFAULT) == 1;
}

Bytes to_be_signed(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_re_X509_tbs(certificate, &der);
    if (size <= 0) return {};
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

// DER: tag 30, length, content (X.690, section 8.1.3).
Bytes wrap_sequence(const Bytes& content) {
    Bytes out = {0x30};
    if (content.size() < 0x80) {
        out.push_back(static_cast<uint8_t>(content.size()));
    } else if (content.size() <= 0xff) {
        out.insert(out.end(), {0x81, static_cast<uint8_t>(content.size())});
    } else {
        out.insert(out.end(), {0x82, static_cast<uint8_t>(content.size() >> 8),
                               static_cast<uint8_t>(content.size() & 0xff)});
    }
    out.insert(out.end(), content.begin(), content.end());
    return out;
}

Outcome<void> check_proxy_info(X509* proxy) {
    int critical = -1;
    const ProxyInfoPtr info(static_cast<PROXY_CERT_INFO_EXTENSION*>(
        X509_get_ext_d2i(proxy, NID_proxyCertInfo, &critical, nullptr)));
    if (!info || critical != 1) return refused("it must have proxyCertInfo once, critical");
    if (!info->pcPathLengthConstraint || ASN1_INTEGER_get(info->pcPathLengthConstraint) != 0)
        return refused("its path length must be 0");
    char language[64] = "";
    OBJ_obj2txt(language, sizeof language, info->proxyPolicy->policyLanguage, 1);
    if (language != std::string_view(kLimitedLanguage) || info->proxyPolicy->policy)
        return refused("its policy must be that of limited proxies");
    int usage_critical = -1;
    const std::unique_ptr<ASN1_BIT_STRING, OpensslFree<ASN1_BIT_STRING_free>> usage(
        static_cast<ASN1_BIT_STRING*>(X509_get_ext_d2i(proxy, NID_key_usage, &usage_critical, nullptr)));
    if (!usage || usage_critical != 1 || X509_get_key_usage(proxy) != KU_DIGITAL_SIGNATURE)
        return refused("its key usage must be digitalSignature alone, critical");
    if (X509_get_ext_count(proxy) != kExtensions) return refused("it has other extensions");
    return {};
}

Outcome<void> check_names(const X509* proxy, const XosAttributes& user) {
    const BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(proxy), nullptr));
    const NamePtr issuer = make_name(user.vo, user.login);
    const NamePtr subject = proxy_name(user, decimal(number.get()));
    if (!issuer || !subject || !is_same_name(issuer.get(), X509_get_issuer_name(proxy)) ||
        !is_same_name(subject.get(), X509_get_subject_name(proxy)))
        return refused("its names are not those of the credential and its serial");
    return {};
}

Outcome<void> check_dates(const VerifiedProxy& proxy, std::chrono::sys_seconds now) {
    if (proxy.not_before < proxy.parent.not_before || proxy.not_after > proxy.parent.not_after)
        return failure(Errc::denied, "the proxy lasts longer than the credential it was made with");
    if (proxy.not_after - proxy.not_before > kProxyLifetimeMax + kCredentialBackdate)
        return failure(Errc::denied, "the proxy lasts longer than {} hours", kProxyLifetimeMax.count());
    if (now < proxy.not_before || now >= proxy.not_after)
        return failure(Errc::denied, "the proxy is valid from {} to {}, it is {}",
                       format_time(proxy.not_before), format_time(proxy.not_after), format_time(now));
    return {};
}

Outcome<Bytes> read_key(X509* proxy) {
    auto key = read_public_key(X509_get0_pubkey(proxy));
    if (!key || key->type != KeyType::ed25519) return refused("its key must be Ed25519");
    return std::move(key->bytes);
}

Outcome<void> check_signature(X509* proxy, const VerifiedCredential& parent) {
    const PkeyPtr key = make_pkey(parent.public_key);
    const bool good = key && X509_verify(proxy, key.get()) == 1;
    ERR_clear_error();
    if (!good) return failure(Errc::denied, "the proxy is not signed by the key of the credential");
    return {};
}

}  // namespace

Outcome<ProxyDraft> draft_proxy(const VerifiedCredential& parent, const SigningKey& key,
                                std::chrono::seconds lifetime, std::chrono::sys_seconds now) {
    if (lifetime < kProxyLifetimeMin || lifetime > kProxyLifetimeMax)
        return failure(Errc::invalid, "a delegated credential lasts 1 minute to {} hours",
                       kProxyLifetimeMax.count());
    if (parent.public_key.type != KeyType::ed25519)
        return failure(Errc::denied, "only credentials of Ed25519 keys are delegated");
    if (now < parent.not_before || now >= parent.not_after)
        return failure(Errc::denied, "the credential is valid from {} to {}, it is {}",
                       format_time(parent.not_before), format_time(parent.not_after), format_time(now));
    ProxyDraft draft;
    draft.not_before = std::max(now - kCredentialBackdate, parent.not_before);
    draft.not_after = std::min(now + lifetime, parent.not_after);
    const X509Ptr certificate(X509_new());
    X509* const proxy = certificate.get();
    const BignumPtr serial = make_random_serial();
    const NamePtr issuer = make_name(parent.attributes.vo, parent.attributes.login);
    const NamePtr subject = proxy_name(parent.attributes, decimal(serial.get()));
    // signed by the fresh key first, which writes the algorithm into the part that is to be signed by another
    const bool made =
        proxy && issuer && subject && X509_set_version(proxy, X509_VERSION_3) == 1 &&
        set_serial(proxy, serial.get()) && set_validity(proxy, draft.not_before, draft.not_after) &&
        X509_set_issuer_name(proxy, issuer.get()) == 1 && X509_set_subject_name(proxy, subject.get()) == 1 &&
        X509_set_pubkey(proxy, key.pkey()) == 1 &&
        add_extension(proxy, nullptr, NID_key_usage, "critical,digitalSignature") && add_proxy_info(proxy) &&
        X509_sign(proxy, key.pkey(), nullptr) > 0;
    if (made) draft.to_be_signed = to_be_signed(proxy);
    const auto text = made ? read_serial(proxy) : std::nullopt;
    if (!text || draft.to_be_signed.empty()) return openssl_failure(Errc::system, "cannot draft a proxy");
    draft.serial = *text;
    return draft;
}

Outcome<std::string> seal_proxy(const ProxyDraft& draft, const VerifiedCredential& parent,
                                std::string_view signature) {
    const Bytes& key = parent.public_key.bytes;
    if (key.size() != 32 || signature.size() != 64 ||
        !verify_ed25519(std::span<const uint8_t, 32>(key.data(), 32), draft.to_be_signed,
                        as_bytes(signature)))
        return failure(Errc::denied,
                       "the signature is not by the key of the credential: nothing was delegated");
    Bytes content = draft.to_be_signed;
    constexpr uint8_t kTail[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,  // id-Ed25519 (RFC 8410)
                                 0x03, 0x41, 0x00};                         // BIT STRING of 64 bytes
    content.insert(content.end(), std::begin(kTail), std::end(kTail));
    content.insert(content.end(), as_bytes(signature).begin(), as_bytes(signature).end());
    return certificate_pem(wrap_sequence(content)) + parent.pem;
}

bool is_proxy_chain(std::string_view chain_pem) {
    const auto chain = split_pem_chain(chain_pem);
    if (!chain) return false;
    const auto first = parse_certificate(chain->front(), "proxy");
    return first && X509_get_ext_by_NID(first->get(), NID_proxyCertInfo, -1) >= 0;
}

Outcome<VerifiedProxy> verify_proxy(std::string_view chain_pem, std::span<const uint8_t> ca_certificate,
                                    std::string_view expected_vo, std::chrono::sys_seconds now) {
    const auto chain = split_pem_chain(chain_pem);
    if (!chain) return std::unexpected(chain.error());
    if (chain->size() < 2) return refused("the credential that it was made with is missing");
    std::string rest;
    for (size_t i = 1; i < chain->size(); ++i) rest += certificate_pem((*chain)[i]);
    if (is_proxy_chain(rest)) return failure(Errc::denied, "a proxy of a proxy is not accepted");
    auto parent = verify_chain(as_bytes(rest), ca_certificate, expected_vo, now);
    if (!parent) return std::unexpected(parent.error());
    if (parent->public_key.type != KeyType::ed25519) return refused("the credential's key must be Ed25519");
    const auto read = parse_certificate(chain->front(), "proxy");
    if (!read) return std::unexpected(read.error());
    X509* const certificate = read->get();
    if (auto good = check_signature(certificate, *parent); !good) return std::unexpected(good.error());
    if (auto good = check_proxy_info(certificate); !good) return std::unexpected(good.error());
    if (auto good = check_names(certificate, parent->attributes); !good) return std::unexpected(good.error());
    auto key = read_key(certificate);
    if (!key) return std::unexpected(key.error());
    const auto serial = read_serial(certificate);
    const auto begin = read_time(X509_get0_notBefore(certificate));
    const auto end = read_time(X509_get0_notAfter(certificate));
    if (!serial || !begin || !end) return refused("its serial or its validity cannot be read");
    VerifiedProxy proxy{std::move(*parent), *serial, sha256_fingerprint(chain->front()), *begin, *end,
                        std::move(*key)};
    if (auto good = check_dates(proxy, now); !good) return std::unexpected(good.error());
    return proxy;
}

}  // namespace xos
