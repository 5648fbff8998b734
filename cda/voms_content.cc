#include "cda/voms_content.h"

#include <openssl/pem.h>

#include "common/credential/certificate.h"
#include "common/credential/fingerprint.h"
#include "common/credential/openssl_failure.h"

namespace xos {
namespace {

using CrlPtr = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;

constexpr size_t kBlocksMax = 64;
constexpr size_t kNameMax = 512;

bool is_pem(std::string_view text) {
    return text.contains("-----BEGIN ");
}

// The contents of the PEM blocks of that label. Other text may stand between them, as `openssl x509 -text`
// writes it; blocks of another label may not.
Outcome<std::vector<Bytes>> read_blocks(std::string_view text, std::string_view label,
                                        std::string_view what) {
    std::vector<Bytes> blocks;
    const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    while (in) {
        char* name = nullptr;
        char* header = nullptr;
        unsigned char* data = nullptr;
        long size = 0;
        if (PEM_read_bio(in.get(), &name, &header, &data, &size) != 1) break;
        const bool expected = std::string_view(name) == label && *header == '\0';
        blocks.emplace_back(data, data + size);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(data);
        if (!expected) return failure(Errc::invalid, "{}: expected PEM blocks {} and no others", what, label);
        if (blocks.size() > kBlocksMax)
            return failure(Errc::invalid, "{}: more than {} PEM blocks", what, kBlocksMax);
    }
    const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!ended || blocks.empty()) return failure(Errc::invalid, "{}: a PEM block {} is broken", what, label);
    return blocks;
}

Outcome<std::vector<Bytes>> read_values(std::string_view text, std::string_view label,
                                        std::string_view what) {
    if (text.size() > kGridFileMax)
        return failure(Errc::invalid, "{}: it has more than the {} bytes allowed", what, kGridFileMax);
    if (is_pem(text)) return read_blocks(text, label, what);
    return std::vector<Bytes>{Bytes(text.begin(), text.end())};
}

std::string name_text(const X509_NAME* name) {
    char text[kNameMax];
    X509_NAME_oneline(name, text, sizeof text);
    return text;
}

std::string name_digest(const X509_NAME* name) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_NAME(name, &der);
    if (size < 0) return "";
    const std::string digest = sha256_fingerprint({der, static_cast<size_t>(size)});
    OPENSSL_free(der);
    return digest;
}

Outcome<CrlPtr> parse_crl(const Bytes& der, std::string_view what) {
    if (der.empty() || der.size() > kCrlMax)
        return failure(Errc::invalid, "{}: a revocation list of {} bytes, at most {} are taken", what,
                       der.size(), kCrlMax);
    const unsigned char* at = der.data();
    CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    if (!crl || at != der.data() + der.size())
        return openssl_failure(Errc::invalid, compose("{}: no X.509 revocation list", what));
    return crl;
}

}  // namespace

Outcome<std::vector<Bytes>> read_grid_certificates(std::string_view text, std::string_view what) {
    auto values = read_values(text, "CERTIFICATE", what);
    if (!values) return values;
    for (const Bytes& der : *values) {
        if (auto certificate = parse_certificate(der, what); !certificate)
            return std::unexpected(certificate.error());
        if (der.size() > kVomsCertificateMax)
            return failure(Errc::invalid, "{}: a certificate of {} bytes, at most {} are taken", what,
                           der.size(), kVomsCertificateMax);
    }
    return values;
}

Outcome<std::vector<GridCrl>> read_grid_crls(std::string_view text, std::string_view what) {
    auto values = read_values(text, "X509 CRL", what);
    if (!values) return std::unexpected(values.error());
    std::vector<GridCrl> crls;
    for (Bytes& der : *values) {
        const auto crl = parse_crl(der, what);
        if (!crl) return std::unexpected(crl.error());
        const auto update = read_time(X509_CRL_get0_lastUpdate(crl->get()));
        const X509_NAME* issuer = X509_CRL_get_issuer(crl->get());
        if (!update || name_digest(issuer).empty())
            return failure(Errc::invalid, "{}: a revocation list without issuer or time", what);
        crls.push_back({std::move(der), name_digest(issuer), name_text(issuer), *update});
    }
    return crls;
}

Outcome<void> check_grid_crl(const GridCrl& list, const std::vector<Bytes>& anchors) {
    const auto crl = parse_crl(list.der, list.issuer_name);
    if (!crl) return std::unexpected(crl.error());
    if (!read_time(X509_CRL_get0_nextUpdate(crl->get())))
        return failure(Errc::invalid,
                       "the revocation list of {} does not say when the next one comes: it would never end",
                       list.issuer_name);
    for (const Bytes& der : anchors) {
        const auto anchor = parse_certificate(der, "anchor");
        if (!anchor) continue;
        if (X509_NAME_cmp(X509_get_subject_name(anchor->get()), X509_CRL_get_issuer(crl->get())) != 0)
            continue;
        const int good = X509_CRL_verify(crl->get(), X509_get0_pubkey(anchor->get()));
        ERR_clear_error();
        if (good == 1) return {};
    }
    return failure(Errc::denied, "no anchor of the VO's VOMS has signed the revocation list of {}",
                   list.issuer_name);
}

}  // namespace xos
