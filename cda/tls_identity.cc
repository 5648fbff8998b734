#include "cda/tls_identity.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

#include "cda/sealed_key.h"
#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/openssl_failure.h"
#include "common/file.h"

namespace xos {
namespace {

constexpr size_t kFileMax = 8192;
// Nothing looks at the dates: the pin is the identity. Some TLS libraries refuse a certificate without an
// end.
constexpr std::chrono::days kCertificateLife{50 * 365};

PkeyPtr read_key(std::string_view pem) {
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return PkeyPtr(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr) : nullptr);
}

std::string write_key(EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_secmem()));
    if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return "";
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<size_t>(size)};
}

Outcome<std::string> make_certificate(EVP_PKEY* key, std::chrono::sys_seconds now) {
    const X509Ptr certificate(X509_new());
    const NamePtr name = make_name({}, "xos-cda");
    uint64_t serial = 0;
    const bool made =
        certificate && name && RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1 &&
        X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial | 1) == 1 &&
        ASN1_TIME_set(X509_getm_notBefore(certificate.get()),
                      (now - std::chrono::days(1)).time_since_epoch().count()) &&
        ASN1_TIME_set(X509_getm_notAfter(certificate.get()),
                      (now + kCertificateLife).time_since_epoch().count()) &&
        X509_set_subject_name(certificate.get(), name.get()) == 1 &&
        X509_set_issuer_name(certificate.get(), name.get()) == 1 &&
        X509_set_pubkey(certificate.get(), key) == 1 && X509_sign(certificate.get(), key, EVP_sha256()) > 0;
    const Bytes der = made ? certificate_der(certificate.get()) : Bytes{};
    if (der.empty()) return openssl_failure(Errc::system, "cannot make the authority's TLS certificate");
    return join_pem(der, "CERTIFICATE");
}

Outcome<std::string> pin_of(EVP_PKEY* key) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key, &der);
    if (size < 0) return openssl_failure(Errc::system, "cannot read the authority's TLS key");
    std::string pin = sha256_fingerprint({der, static_cast<size_t>(size)});
    OPENSSL_free(der);
    return pin;
}

Outcome<std::string> make_key(const std::string& path, std::string_view secret) {
    const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    std::string pem = key ? write_key(key.get()) : "";
    if (pem.empty()) return openssl_failure(Errc::system, "cannot make the authority's TLS key");
    const auto sealed = seal_key(pem, secret);
    if (!sealed) return std::unexpected(sealed.error());
    if (auto written = write_file_atomically(path, *sealed, 0600); !written)
        return std::unexpected(written.error());
    return pem;
}

// The key's text, made, or encrypted at this use, as need be.
Outcome<std::string> open_key(const std::string& path, std::string_view secret) {
    const auto kept = read_file(path, kFileMax);
    if (!kept && kept.error().code == Errc::not_found) return make_key(path, secret);
    if (!kept) return std::unexpected(kept.error());
    auto pem = open_sealed_key(*kept, secret);
    if (!pem) return failure(pem.error().code, "{}: {}", path, pem.error().message);
    if (!secret.empty() && !is_sealed_key(*kept)) {
        const auto sealed = seal_key(*pem, secret);
        if (!sealed) return std::unexpected(sealed.error());
        if (auto written = write_file_atomically(path, *sealed, 0600); !written)
            return std::unexpected(written.error());
    }
    return pem;
}

}  // namespace

Outcome<TlsIdentity> open_tls_identity(const std::string& state, std::string_view secret,
                                       std::chrono::sys_seconds now) {
    TlsIdentity identity;
    auto pem = open_key(state + "/tls.key", secret);
    if (!pem) return std::unexpected(pem.error());
    identity.key_pem = std::move(*pem);
    const PkeyPtr key = read_key(identity.key_pem);
    if (!key) return openssl_failure(Errc::invalid, compose("{}/tls.key is no private key", state));
    auto pin = pin_of(key.get());
    if (!pin) return std::unexpected(pin.error());
    identity.pin = std::move(*pin);

    const std::string path = state + "/tls.pem";
    auto certificate = read_file(path, kFileMax);
    if (!certificate && certificate.error().code == Errc::not_found) {
        certificate = make_certificate(key.get(), now);
        if (certificate)
            if (auto written = write_file_atomically(path, *certificate, 0600); !written)
                return std::unexpected(written.error());
    }
    if (!certificate) return std::unexpected(certificate.error());
    identity.certificate_pem = std::move(*certificate);
    return identity;
}

}  // namespace xos
