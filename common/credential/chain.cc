// Verifying an XOS-Cert. Runs in the sandboxed verifier: no file, no environment, no clock.
#include <openssl/crypto.h>

#include <mutex>

#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/leaf.h"
#include "common/credential/openssl_failure.h"
#include "common/credential/xos_cert.h"
#include "common/time_text.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

std::unexpected<Failure> refused(std::string_view why) {
    return failure(Errc::invalid, "the certificate is not a credential: {}", why);
}

struct Chain {
    Bytes leaf_der;
    X509Ptr leaf;
    X509StackPtr others;
};

Outcome<Chain> read_chain(std::span<const uint8_t> input) {
    std::vector<Bytes> ders;
    if (input.size() > kCredentialMax)
        return failure(Errc::invalid, "a credential of {} bytes is longer than the {} allowed", input.size(),
                       kCredentialMax);
    if (as_text(input).starts_with("-----BEGIN")) {
        auto blocks = split_pem_chain(as_text(input));
        if (!blocks) return std::unexpected(blocks.error());
        ders = std::move(*blocks);
    } else {
        ders.emplace_back(input.begin(), input.end());
    }
    Chain chain;
    chain.others.reset(sk_X509_new_null());
    for (size_t i = 0; i < ders.size(); ++i) {
        auto certificate = parse_certificate(ders[i], compose("certificate {} of the credential", i + 1));
        if (!certificate) return std::unexpected(certificate.error());
        if (i == 0)
            chain.leaf = std::move(*certificate);
        else if (chain.others && sk_X509_push(chain.others.get(), certificate->get()) != 0)
            static_cast<void>(certificate->release());
        else
            return openssl_failure(Errc::system, "cannot hold the chain");
    }
    chain.leaf_der = std::move(ders.front());
    return chain;
}

std::unexpected<Failure> explain(int error, int depth, const X509* certificate,
                                 std::chrono::sys_seconds now) {
    const char* whose = depth == 0 ? "the credential" : "the CA certificate";
    const auto begin = read_time(X509_get0_notBefore(certificate));
    const auto end = read_time(X509_get0_notAfter(certificate));
    ERR_clear_error();
    if (error == X509_V_ERR_CERT_HAS_EXPIRED && end)
        return failure(Errc::denied, "{} expired at {}, it is {}: get a new one with `xos login`", whose,
                       format_time(*end), format_time(now));
    if (error == X509_V_ERR_CERT_NOT_YET_VALID && begin)
        return failure(Errc::denied, "{} is valid from {} on, it is {} here: compare the clocks", whose,
                       format_time(*begin), format_time(now));
    return failure(Errc::denied, "{} does not verify against the VO's CA: {} (X.509 error {} at depth {})",
                   whose, X509_verify_cert_error_string(error), error, depth);
}

Outcome<void> check_profile(X509* leaf) {
    const uint32_t flags = X509_get_extension_flags(leaf);
    if ((flags & EXFLAG_INVALID) != 0) return refused("its extensions contradict each other");
    if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) != 0 || !is_critical(leaf, NID_basic_constraints))
        return refused("it must say CA:FALSE, critical");
    if (X509_get_key_usage(leaf) != KU_DIGITAL_SIGNATURE || !is_critical(leaf, NID_key_usage))
        return refused("its key usage must be digitalSignature alone, critical");
    if ((flags & EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(leaf) != XKU_SSL_CLIENT)
        return refused("its extended key usage must be clientAuth alone");
    return {};
}

Outcome<XosAttributes> read_attributes(const X509* leaf) {
    const auto found = find_extensions(leaf, kAttributesOid);
    if (found.empty()) return refused("it has no VO attributes");
    if (found.size() > 1) return refused("it has VO attributes twice");
    if (X509_EXTENSION_get_critical(found.front()) != 0) return refused("its VO attributes are critical");
    return decode_attributes(extension_der(found.front()));
}

Outcome<PublicKey> read_key(const X509* leaf) {
    auto key = read_public_key(X509_get0_pubkey(leaf));
    if (!key || key->type == KeyType::rsa) return refused("its key must be Ed25519 or P-256 (uncompressed)");
    return key;
}

// What the certificate says of itself in several places must be one story, and of the expected VO.
Outcome<void> check_names(X509* leaf, const XosAttributes& attributes, std::string_view expected_vo) {
    if (attributes.vo != expected_vo)
        return failure(Errc::denied, "the credential is of the VO {}, not of {}", attributes.vo, expected_vo);
    const NamePtr name = make_name(attributes.vo, attributes.login);
    if (!name || !is_same_name(name.get(), X509_get_subject_name(leaf)))
        return refused("its subject and its VO attributes name different users");
    return {};
}

}  // namespace

void prepare_openssl() {
    static std::once_flag once;
    std::call_once(once, [] {
        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
                            nullptr);
    });
}

Outcome<VerifiedCredential> verify_chain(std::span<const uint8_t> leaf_der_or_pem_chain,
                                         std::span<const uint8_t> ca_certificate,
                                         std::string_view expected_vo, std::chrono::sys_seconds now) {
    prepare_openssl();
    const auto ca = parse_certificate(ca_certificate, "CA certificate of the VO");
    if (!ca) return std::unexpected(ca.error());
    const auto chain = read_chain(leaf_der_or_pem_chain);
    if (!chain) return std::unexpected(chain.error());
    X509* const leaf = chain->leaf.get();
    if (auto good = verify_leaf(leaf, chain->others.get(), ca->get(), X509_PURPOSE_SSL_CLIENT, now, explain);
        !good)
        return std::unexpected(good.error());
    if (auto good = check_profile(leaf); !good) return std::unexpected(good.error());

    auto attributes = read_attributes(leaf);
    if (!attributes) return std::unexpected(attributes.error());
    if (auto good = check_names(leaf, *attributes, expected_vo); !good) return std::unexpected(good.error());
    auto key = read_key(leaf);
    if (!key) return std::unexpected(key.error());
    const auto serial = read_serial(leaf);
    const auto begin = read_time(X509_get0_notBefore(leaf));
    const auto end = read_time(X509_get0_notAfter(leaf));
    if (!serial || !begin || !end) return refused("its serial or its validity cannot be read");
    if (*end - *begin > kCredentialLifetimeMax + kCredentialBackdate)
        return refused(compose("it lasts longer than {} hours", kCredentialLifetimeMax.count()));
    return VerifiedCredential{std::move(*attributes),
                              *serial,
                              sha256_fingerprint(chain->leaf_der),
                              *begin,
                              *end,
                              std::move(*key),
                              certificate_pem(chain->leaf_der),
                              std::nullopt};
}

}  // namespace xos
