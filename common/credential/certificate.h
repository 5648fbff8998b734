// X.509 pieces that the issuer and the verifier share.
//
// Owns: strict reading of certificates and of PEM, times, names. Process: programs only.
// Trusts: nothing; a certificate read here is one DER value and nothing else, its contents are unchecked.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"
#include "common/failure.h"

namespace xos {

using Asn1ObjectPtr = std::unique_ptr<ASN1_OBJECT, OpensslFree<ASN1_OBJECT_free>>;
using NamePtr = std::unique_ptr<X509_NAME, OpensslFree<X509_NAME_free>>;

// what names the certificate in messages.
Outcome<X509Ptr> parse_certificate(std::span<const uint8_t> der, std::string_view what);
Bytes certificate_der(const X509* certificate);

// Text that is nothing but blocks of that label ("CERTIFICATE"), at most max: their bytes in order.
Outcome<std::vector<Bytes>> split_pem(std::string_view pem, std::string_view label, size_t max);
std::string join_pem(std::span<const uint8_t> der, std::string_view label);

std::optional<std::chrono::sys_seconds> read_time(const ASN1_TIME* time);
// Lower-case hex, two digits a byte; nothing for a serial that is not positive or longer than 20 bytes.
std::optional<std::string> read_serial(const X509* certificate);
// O=<organisation>, CN=<common_name> in that order, as UTF8String.
NamePtr make_name(std::string_view organisation, std::string_view common_name);
bool is_same_name(const X509_NAME* one, const X509_NAME* other);  // byte by byte
// Extensions by their OID in dotted form. None, one or more; they are the certificate's.
std::vector<X509_EXTENSION*> find_extensions(const X509* certificate, const char* oid);
std::span<const uint8_t> extension_der(X509_EXTENSION* extension);  // its value, as long as it lives
bool is_critical(const X509* certificate, int nid);                 // the first extension of that number

// Pieces of a certificate in the making; null or false: OpenSSL's queue says why.
// 128 bits with the top two set to 01: positive, random and always 16 bytes long.
BignumPtr make_random_serial();
bool set_serial(X509* certificate, const BIGNUM* serial);  // false for null too
bool set_validity(X509* certificate, std::chrono::sys_seconds not_before, std::chrono::sys_seconds not_after);
bool add_extension(X509* certificate, X509* issuer, int nid, const char* value);
bool add_extension(X509* certificate, const char* oid, std::span<const uint8_t> der);  // not critical

}  // namespace xos
