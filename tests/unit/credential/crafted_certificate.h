// Certificates that our issuer would never make, truly signed: the attacks that a verifier must refuse.
#pragma once

#include <openssl/x509v3.h>

#include <catch2/catch_test_macros.hpp>

#include "common/credential/certificate.h"
#include "tests/unit/vo/sample_vo.h"

namespace xos {

struct CraftedCertificate {
    std::string organisation = "physics", common_name = "user1";
    std::chrono::seconds lifetime = std::chrono::hours(12);
    const char* basic_constraints = "critical,CA:FALSE";
    const char* key_usage = "critical,digitalSignature";
    const char* extended_key_usage = "clientAuth";
    std::vector<Bytes> attributes;  // values of the extension, as often as there are
    const char* attributes_oid = kAttributesOid;
    bool attributes_critical = false;
    const char* subject_alt_name = nullptr;
    const char* more_oid = nullptr;  // another extension, critical
    EVP_PKEY* key = nullptr;         // the user's; nothing: a fresh Ed25519 key

    // der of a certificate signed by issuer_key in the name of issuer (DER).
    Bytes sign(const Bytes& issuer, EVP_PKEY* issuer_key) const {
        const X509Ptr ca = must(parse_certificate(issuer, "issuer"));
        const SigningKey fresh = must(SigningKey::generate());
        const X509Ptr leaf(X509_new());
        X509_set_version(leaf.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(leaf.get()), 0x1234);
        ASN1_TIME_set(X509_getm_notBefore(leaf.get()), kNow.time_since_epoch().count());
        ASN1_TIME_set(X509_getm_notAfter(leaf.get()), (kNow + lifetime).time_since_epoch().count());
        X509_set_subject_name(leaf.get(), make_name(organisation, common_name).get());
        X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca.get()));
        X509_set_pubkey(leaf.get(), key ? key : fresh.pkey());
        extend(leaf.get(), ca.get(), NID_basic_constraints, basic_constraints);
        extend(leaf.get(), ca.get(), NID_key_usage, key_usage);
        extend(leaf.get(), ca.get(), NID_ext_key_usage, extended_key_usage);
        extend(leaf.get(), ca.get(), NID_subject_alt_name, subject_alt_name);
        extend(leaf.get(), ca.get(), NID_subject_key_identifier, "hash");
        extend(leaf.get(), ca.get(), NID_authority_key_identifier, "keyid:always");
        for (const Bytes& value : attributes) add(leaf.get(), attributes_oid, attributes_critical, value);
        if (more_oid) add(leaf.get(), more_oid, true, Bytes{5, 0});
        REQUIRE(X509_sign(leaf.get(), issuer_key,
                          EVP_PKEY_is_a(issuer_key, "ED25519") ? nullptr : EVP_sha256()) > 0);
        return certificate_der(leaf.get());
    }

  private:
    static void extend(X509* leaf, X509* ca, int nid, const char* value) {
        if (value == nullptr) return;
        REQUIRE(add_extension(leaf, ca, nid, value));
    }

    static void add(X509* leaf, const char* oid, bool critical, const Bytes& value) {
        ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(octets, value.data(), static_cast<int>(value.size()));
        const Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
        X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, object.get(), critical, octets);
        X509_add_ext(leaf, extension, -1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(octets);
    }
};

}  // namespace xos
