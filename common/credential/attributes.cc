// The extension of an XOS-Cert: a VO's attributes as DER.
#include <openssl/asn1t.h>

#include <algorithm>

#include "common/credential/asn1_text.h"
#include "common/credential/openssl_failure.h"
#include "common/credential/xos_cert.h"
#include "common/uuid.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr uint64_t kAttributesVersion = 1;

struct AttributesAsn1 {
    ASN1_INTEGER* version;
    ASN1_UTF8STRING* vo;
    ASN1_UTF8STRING* user_id;
    ASN1_UTF8STRING* login;
    ASN1_INTEGER* number;
    STACK_OF(ASN1_UTF8STRING) * groups;
    STACK_OF(ASN1_UTF8STRING) * roles;
};

// clang-format off
ASN1_SEQUENCE(AttributesAsn1) = {
    ASN1_SIMPLE(AttributesAsn1, version, ASN1_INTEGER),
    ASN1_SIMPLE(AttributesAsn1, vo, ASN1_UTF8STRING),
    ASN1_SIMPLE(AttributesAsn1, user_id, ASN1_UTF8STRING),
    ASN1_SIMPLE(AttributesAsn1, login, ASN1_UTF8STRING),
    ASN1_SIMPLE(AttributesAsn1, number, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(AttributesAsn1, groups, ASN1_UTF8STRING),
    ASN1_SEQUENCE_OF(AttributesAsn1, roles, ASN1_UTF8STRING),
} static_ASN1_SEQUENCE_END(AttributesAsn1)
    // clang-format on

    struct FreeAttributes {
    void operator()(AttributesAsn1* value) const {
        ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(value), ASN1_ITEM_rptr(AttributesAsn1));
    }
};
using AttributesPtr = std::unique_ptr<AttributesAsn1, FreeAttributes>;

std::unexpected<Failure> broken(std::string_view what) {
    return failure(Errc::invalid, "the VO attributes of the certificate: {}", what);
}

bool are_names(const std::vector<std::string>& names, size_t max) {
    if (names.size() > max || !std::ranges::all_of(names, is_user_name)) return false;
    std::vector<std::string_view> sorted(names.begin(), names.end());
    std::ranges::sort(sorted);
    return std::ranges::adjacent_find(sorted) == sorted.end();
}

Outcome<void> check(const XosAttributes& attributes) {
    if (!is_vo_name(attributes.vo)) return broken("no valid VO name");
    if (!is_uuid(attributes.user_id)) return broken("the user id is no UUID");
    if (!is_user_name(attributes.login)) return broken("no valid login name");
    if (attributes.number < 1 || attributes.number >= first_group_offset(kBlockSizeMax))
        return broken("the member number is out of its range");
    if (!are_names(attributes.groups, kGroupsPerMemberMax))
        return broken("the groups are not valid names, each once");
    if (!are_names(attributes.roles, kRolesPerMemberMax))
        return broken("the roles are not valid names, each once");
    return {};
}

}  // namespace

Outcome<Bytes> encode_attributes(const XosAttributes& attributes) {
    if (auto good = check(attributes); !good) return std::unexpected(good.error());
    const AttributesPtr value(
        reinterpret_cast<AttributesAsn1*>(ASN1_item_new(ASN1_ITEM_rptr(AttributesAsn1))));
    const bool filled = value && ASN1_INTEGER_set_uint64(value->version, kAttributesVersion) == 1 &&
                        set_text(value->vo, attributes.vo) && set_text(value->user_id, attributes.user_id) &&
                        set_text(value->login, attributes.login) &&
                        ASN1_INTEGER_set_uint64(value->number, attributes.number) == 1 &&
                        add_texts(value->groups, attributes.groups) &&
                        add_texts(value->roles, attributes.roles);
    if (!filled) return openssl_failure(Errc::system, "cannot write the VO attributes");
    unsigned char* der = nullptr;
    const int size =
        ASN1_item_i2d(reinterpret_cast<ASN1_VALUE*>(value.get()), &der, ASN1_ITEM_rptr(AttributesAsn1));
    if (size < 0) return openssl_failure(Errc::system, "cannot write the VO attributes");
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    if (bytes.size() > kAttributesMax)
        return failure(Errc::invalid,
                       "the VO attributes of {}@{} take {} bytes, {} are allowed: fewer groups or roles",
                       attributes.login, attributes.vo, bytes.size(), kAttributesMax);
    return bytes;
}

Outcome<XosAttributes> decode_attributes(std::span<const uint8_t> der) {
    if (der.size() > kAttributesMax) return broken(compose("longer than {} bytes", kAttributesMax));
    const unsigned char* at = der.data();
    const AttributesPtr value(reinterpret_cast<AttributesAsn1*>(
        ASN1_item_d2i(nullptr, &at, static_cast<long>(der.size()), ASN1_ITEM_rptr(AttributesAsn1))));
    if (!value) {
        ERR_clear_error();
        return broken("not the expected ASN.1");
    }
    uint64_t version = 0, number = 0;
    if (at != der.data() + der.size()) return broken("bytes follow the value");
    if (ASN1_INTEGER_get_uint64(&version, value->version) != 1 || version != kAttributesVersion ||
        ASN1_INTEGER_get_uint64(&number, value->number) != 1 || number > UINT32_MAX) {
        ERR_clear_error();
        return broken("unknown version, or a number out of its range");
    }
    XosAttributes attributes{to_text(value->vo), to_text(value->user_id), to_text(value->login),
                             uint32_t(number),   to_texts(value->groups), to_texts(value->roles)};
    if (auto good = check(attributes); !good) return std::unexpected(good.error());
    // d2i takes BER too: what is no DER would give one value two spellings
    const auto again = encode_attributes(attributes);
    if (!again || !std::ranges::equal(*again, der)) return broken("not in DER");
    return attributes;
}

}  // namespace xos
