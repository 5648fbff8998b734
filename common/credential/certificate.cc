#include "common/credential/certificate.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "common/credential/openssl_failure.h"
#include "common/credential/xos_cert.h"

namespace xos {
namespace {

constexpr size_t kPemLine = 64;

Bytes name_der(const X509_NAME* name) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_NAME(name, &der);
    if (size < 0) return {};
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

bool add_entry(X509_NAME* name, int nid, std::string_view text) {
    return X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

// The next line of text without its line feed, which must be there.
std::optional<std::string_view> take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

std::optional<Bytes> take_block(std::string_view& text, std::string_view label) {
    if (take_line(text) != compose("-----BEGIN {}-----", label)) return std::nullopt;
    const std::string end = compose("-----END {}-----", label);
    std::string base64;
    for (;;) {
        const auto line = take_line(text);
        if (!line) return std::nullopt;
        if (*line == end) return decode_base64(base64);
        base64 += *line;
    }
}

}  // namespace

Bytes certificate_der(const X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size < 0) return {};
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return bytes;
}

Outcome<X509Ptr> parse_certificate(std::span<const uint8_t> der, std::string_view what) {
    if (der.empty() || der.size() > kCredentialMax)
        return failure(Errc::invalid, "{}: {} bytes, expected 1..{}", what, der.size(), kCredentialMax);
    const unsigned char* at = der.data();
    X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!certificate) return openssl_failure(Errc::invalid, compose("{}: no X.509 certificate", what));
    if (at != der.data() + der.size())
        return failure(Errc::invalid, "{}: bytes follow the certificate", what);
    // BER around the signed part would let anybody make other bytes, thus another fingerprint, of one
    // certificate
    if (!std::ranges::equal(certificate_der(certificate.get()), der))
        return failure(Errc::invalid, "{}: not in DER", what);
    return certificate;
}

Outcome<std::vector<Bytes>> split_pem(std::string_view pem, std::string_view label, size_t max) {
    std::vector<Bytes> blocks;
    if (pem.size() > kCredentialMax)
        return failure(Errc::invalid, "{} bytes of PEM are more than the {} allowed", pem.size(),
                       kCredentialMax);
    while (!pem.empty()) {
        if (blocks.size() == max) return failure(Errc::invalid, "more than {} PEM blocks", max);
        auto block = take_block(pem, label);
        if (!block)
            return failure(Errc::invalid, "PEM block {} is not a clean block \"BEGIN {}\" .. \"END {}\"",
                           blocks.size() + 1, label, label);
        blocks.push_back(std::move(*block));
    }
    if (blocks.empty()) return failure(Errc::invalid, "there is no PEM block \"BEGIN {}\"", label);
    return blocks;
}

std::string join_pem(std::span<const uint8_t> der, std::string_view label) {
    const std::string base64 = encode_base64(der);
    std::string pem = compose("-----BEGIN {}-----\n", label);
    for (size_t at = 0; at < base64.size(); at += kPemLine) pem += base64.substr(at, kPemLine) + "\n";
    return pem + compose("-----END {}-----\n", label);
}

Outcome<std::vector<Bytes>> split_pem_chain(std::string_view pem) {
    return split_pem(pem, "CERTIFICATE", kChainLengthMax);
}

std::string certificate_pem(std::span<const uint8_t> der) {
    return join_pem(der, "CERTIFICATE");
}

std::optional<std::chrono::sys_seconds> read_time(const ASN1_TIME* time) {
    // without timegm(3), which may look at the time zone files
    tm fields{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(fields.tm_year + 1900),
                                          std::chrono::month(static_cast<unsigned>(fields.tm_mon + 1)),
                                          std::chrono::day(static_cast<unsigned>(fields.tm_mday))};
    return std::chrono::sys_days(day) + std::chrono::hours(fields.tm_hour) +
           std::chrono::minutes(fields.tm_min) + std::chrono::seconds(fields.tm_sec);
}

std::optional<std::string> read_serial(const X509* certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    const auto size = static_cast<size_t>(ASN1_STRING_length(serial));
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || size == 0 || size > 20) return std::nullopt;
    const std::span bytes(ASN1_STRING_get0_data(serial), size);
    if (std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })) return std::nullopt;
    return encode_hex(bytes);
}

NamePtr make_name(std::string_view organisation, std::string_view common_name) {
    NamePtr name(X509_NAME_new());
    const bool made = name &&
                      (organisation.empty() || add_entry(name.get(), NID_organizationName, organisation)) &&
                      (common_name.empty() || add_entry(name.get(), NID_commonName, common_name));
    return made ? std::move(name) : nullptr;
}

bool is_same_name(const X509_NAME* one, const X509_NAME* other) {
    const Bytes der = name_der(one);
    return !der.empty() && der == name_der(other);
}

BignumPtr make_random_serial() {
    std::array<uint8_t, 16> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return nullptr;
    bytes[0] = static_cast<uint8_t>((bytes[0] & 0x3f) | 0x40);
    return BignumPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

bool set_serial(X509* certificate, const BIGNUM* serial) {
    return serial != nullptr && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, std::chrono::sys_seconds not_before,
                  std::chrono::sys_seconds not_after) {
    return ASN1_TIME_set(X509_getm_notBefore(certificate), not_before.time_since_epoch().count()) !=
               nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), not_after.time_since_epoch().count()) != nullptr;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_extension(X509* certificate, const char* oid, std::span<const uint8_t> der) {
    const Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
    const OctetsPtr octets(ASN1_OCTET_STRING_new());
    if (!object || !octets ||
        ASN1_OCTET_STRING_set(octets.get(), der.data(), static_cast<int>(der.size())) != 1)
        return false;
    const ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, octets.get()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::vector<X509_EXTENSION*> find_extensions(const X509* certificate, const char* oid) {
    std::vector<X509_EXTENSION*> found;
    const Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
    if (!object) return found;
    for (int at = -1; (at = X509_get_ext_by_OBJ(certificate, object.get(), at)) >= 0;)
        found.push_back(X509_get_ext(certificate, at));
    return found;
}

bool is_critical(const X509* certificate, int nid) {
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

std::span<const uint8_t> extension_der(X509_EXTENSION* extension) {
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    return {ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))};
}

}  // namespace xos
