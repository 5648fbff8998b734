#include "common/voms/attribute_certificate.h"

#include <openssl/asn1t.h>

#include <algorithm>

#include "common/credential/certificate.h"
#include "common/credential/openssl_failure.h"
#include "common/voms/fqan.h"

namespace xos {
namespace {

using SyntaxPtr = std::unique_ptr<OSSL_IETF_ATTR_SYNTAX, OpensslFree<OSSL_IETF_ATTR_SYNTAX_free>>;

std::unexpected<Failure> broken(std::string_view what) {
    ERR_clear_error();
    return failure(Errc::invalid, "the attribute certificate of the proxy: {}", what);
}

Asn1ObjectPtr object_of(const char* oid) {
    return Asn1ObjectPtr(OBJ_txt2obj(oid, 1));
}

std::span<const uint8_t> content(const ASN1_STRING* value) {
    return {ASN1_STRING_get0_data(value), static_cast<size_t>(ASN1_STRING_length(value))};
}

// What the SEQUENCE that der is holds; nothing where it is none, or bytes follow it.
std::optional<std::span<const uint8_t>> open_sequence(std::span<const uint8_t> der) {
    const unsigned char* at = der.data();
    long length = 0;
    int tag = 0, tag_class = 0;
    const int flags = ASN1_get_object(&at, &length, &tag, &tag_class, static_cast<long>(der.size()));
    if (flags != V_ASN1_CONSTRUCTED || tag != V_ASN1_SEQUENCE || tag_class != V_ASN1_UNIVERSAL ||
        at + length != der.data() + der.size())
        return std::nullopt;
    return std::span(at, static_cast<size_t>(length));
}

// One certificate and nothing beside it. Not in DER, other bytes would have the same signature.
Outcome<AcertPtr> parse_acert(std::span<const uint8_t> der) {
    if (der.size() > kAttributeCertificateMax) return broken("it is too large");
    const unsigned char* at = der.data();
    AcertPtr acert(d2i_X509_ACERT(nullptr, &at, static_cast<long>(der.size())));
    if (!acert) return broken("it cannot be decoded");
    if (at != der.data() + der.size()) return broken("there is more than one, or bytes follow it");
    unsigned char* again = nullptr;
    const int size = i2d_X509_ACERT(acert.get(), &again);
    const bool same = size > 0 && std::ranges::equal(std::span(again, static_cast<size_t>(size)), der);
    OPENSSL_free(again);
    if (!same) return broken("it is not in DER");
    if (X509_ACERT_get_version(acert.get()) != X509_ACERT_VERSION_2) return broken("it is not of version 2");
    return acert;
}

Outcome<void> check_extensions(const X509_ACERT* acert) {
    const STACK_OF(X509_EXTENSION)* extensions = X509_ACERT_get0_extensions(acert);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
        const X509_EXTENSION* one = sk_X509_EXTENSION_value(extensions, i);
        // RFC 5755, section 4.3.2: who does not find himself among the targets must refuse it
        if (OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(one))) ==
            NID_target_information)
            return failure(Errc::denied, "the attribute certificate of the proxy is for other targets");
        if (X509_EXTENSION_get_critical(one) != 0)
            return failure(
                Errc::denied,
                "the attribute certificate of the proxy has a critical extension that is not known");
    }
    return {};
}

// "physics" of "physics://voms.example.org:15000".
std::string vo_of(const OSSL_IETF_ATTR_SYNTAX* syntax) {
    const GENERAL_NAMES* names = OSSL_IETF_ATTR_SYNTAX_get0_policyAuthority(syntax);
    if (names == nullptr || sk_GENERAL_NAME_num(names) != 1) return "";
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, 0);
    if (name->type != GEN_URI) return "";
    const std::string_view uri = as_text(content(name->d.uniformResourceIdentifier));
    const size_t end = uri.find("://");
    return end == std::string_view::npos ? "" : std::string(uri.substr(0, end));
}

Outcome<void> read_syntax(const ASN1_STRING* value, AttributeCertificate& into) {
    const auto der = content(value);
    const unsigned char* at = der.data();
    const SyntaxPtr syntax(d2i_OSSL_IETF_ATTR_SYNTAX(nullptr, &at, static_cast<long>(der.size())));
    if (!syntax || at != der.data() + der.size()) return broken("its names cannot be decoded");
    into.vo = vo_of(syntax.get());
    const int count = OSSL_IETF_ATTR_SYNTAX_get_value_num(syntax.get());
    if (count < 1 || static_cast<size_t>(count) > kFqansMax)
        return broken(compose("it has {} names, expected 1 to {}", count, kFqansMax));
    for (int i = 0; i < count; ++i) {
        int type = -1;
        const void* found = OSSL_IETF_ATTR_SYNTAX_get0_value(syntax.get(), i, &type);
        if (found == nullptr || type != OSSL_IETFAS_OCTETS) return broken("a name is no octet string");
        const std::string_view fqan = as_text(content(static_cast<const ASN1_STRING*>(found)));
        if (!is_fqan(fqan) || fqan_vo(fqan) != into.vo)
            return broken(compose("name {} is no FQAN of the VO that it names", i + 1));
        into.fqans.emplace_back(fqan);
    }
    return {};
}

Outcome<void> read_names(AttributeCertificate& into) {
    const Asn1ObjectPtr object = object_of(kFqanAttribute);
    const int at = X509_ACERT_get_attr_by_OBJ(into.acert.get(), object.get(), -1);
    if (at < 0) return broken("it has no names of VOMS");
    if (X509_ACERT_get_attr_by_OBJ(into.acert.get(), object.get(), at) >= 0)
        return broken("it has names of VOMS twice");
    X509_ATTRIBUTE* const attribute = X509_ACERT_get_attr(into.acert.get(), at);
    if (X509_ATTRIBUTE_count(attribute) != 1) return broken("its names of VOMS are not one value");
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
    if (value == nullptr || ASN1_TYPE_get(value) != V_ASN1_SEQUENCE)
        return broken("its names cannot be decoded");
    return read_syntax(value->value.sequence, into);
}

int find_voms_extension(const X509* certificate, int after) {
    const Asn1ObjectPtr object = object_of(kVomsExtension);
    return X509_get_ext_by_OBJ(certificate, object.get(), after);
}

}  // namespace

int count_voms_extensions(const X509* certificate) {
    int count = 0;
    for (int at = find_voms_extension(certificate, -1); at >= 0; at = find_voms_extension(certificate, at))
        ++count;
    return count;
}

Outcome<AttributeCertificate> read_attribute_certificate(const X509* certificate) {
    const int at = find_voms_extension(certificate, -1);
    if (at < 0) return broken("there is none: make the proxy with voms-proxy-init");
    if (find_voms_extension(certificate, at) >= 0) return broken("there is more than one");
    const auto outer = open_sequence(content(X509_EXTENSION_get_data(X509_get_ext(certificate, at))));
    const auto list = outer ? open_sequence(*outer) : std::nullopt;
    if (!list) return broken("its extension cannot be decoded");
    auto acert = parse_acert(*list);
    if (!acert) return std::unexpected(acert.error());
    AttributeCertificate read;
    read.acert = std::move(*acert);
    if (auto good = check_extensions(read.acert.get()); !good) return std::unexpected(good.error());
    const auto begin = read_time(X509_ACERT_get0_notBefore(read.acert.get()));
    const auto end = read_time(X509_ACERT_get0_notAfter(read.acert.get()));
    if (!begin || !end || *begin >= *end) return broken("its dates cannot be read");
    read.not_before = *begin;
    read.not_after = *end;
    if (auto good = read_names(read); !good) return std::unexpected(good.error());
    return read;
}

}  // namespace xos
