#include "common/credential/node_extension.h"

#include <openssl/asn1t.h>

#include <algorithm>

#include "common/credential/asn1_text.h"
#include "common/credential/openssl_failure.h"
#include "common/uuid.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr uint64_t kNodeVersion = 1;

struct NodeAsn1 {
    ASN1_INTEGER* version;
    ASN1_UTF8STRING* vo;
    ASN1_UTF8STRING* id;
    ASN1_UTF8STRING* name;
    ASN1_UTF8STRING* site;
    STACK_OF(ASN1_UTF8STRING) * tags;
    ASN1_INTEGER* cpus;
    ASN1_INTEGER* memory;
};

// clang-format off
ASN1_SEQUENCE(NodeAsn1) = {
    ASN1_SIMPLE(NodeAsn1, version, ASN1_INTEGER),
    ASN1_SIMPLE(NodeAsn1, vo, ASN1_UTF8STRING),
    ASN1_SIMPLE(NodeAsn1, id, ASN1_UTF8STRING),
    ASN1_SIMPLE(NodeAsn1, name, ASN1_UTF8STRING),
    ASN1_SIMPLE(NodeAsn1, site, ASN1_UTF8STRING),
    ASN1_SEQUENCE_OF(NodeAsn1, tags, ASN1_UTF8STRING),
    ASN1_SIMPLE(NodeAsn1, cpus, ASN1_INTEGER),
    ASN1_SIMPLE(NodeAsn1, memory, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(NodeAsn1)
    // clang-format on

    struct FreeNode {
    void operator()(NodeAsn1* value) const {
        ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(value), ASN1_ITEM_rptr(NodeAsn1));
    }
};
using NodePtr = std::unique_ptr<NodeAsn1, FreeNode>;

std::unexpected<Failure> broken() {
    ERR_clear_error();
    return failure(Errc::invalid,
                   "the node's certificate does not say which node it is, in the form of this version");
}

}  // namespace

Outcome<Bytes> encode_node_extension(const CertifiedNode& node) {
    const NodePtr value(reinterpret_cast<NodeAsn1*>(ASN1_item_new(ASN1_ITEM_rptr(NodeAsn1))));
    const bool filled =
        value && ASN1_INTEGER_set_uint64(value->version, kNodeVersion) == 1 && set_text(value->vo, node.vo) &&
        set_text(value->id, node.id) && set_text(value->name, node.name) &&
        set_text(value->site, node.site) && ASN1_INTEGER_set_uint64(value->cpus, node.cpus) == 1 &&
        ASN1_INTEGER_set_uint64(value->memory, node.memory) == 1 && add_texts(value->tags, node.tags);
    unsigned char* der = nullptr;
    const int size =
        filled ? ASN1_item_i2d(reinterpret_cast<ASN1_VALUE*>(value.get()), &der, ASN1_ITEM_rptr(NodeAsn1))
               : -1;
    if (size < 0) return openssl_failure(Errc::system, "cannot write what a certificate says of a node");
    Bytes bytes(der, der + size);
    OPENSSL_free(der);
    if (bytes.size() > kNodeExtensionMax)
        return failure(Errc::invalid, "site and tags of {} take too much room: at most {} bytes", node.name,
                       kNodeExtensionMax);
    return bytes;
}

Outcome<CertifiedNode> decode_node_extension(std::span<const uint8_t> der) {
    if (der.size() > kNodeExtensionMax) return broken();
    const unsigned char* at = der.data();
    const NodePtr value(reinterpret_cast<NodeAsn1*>(
        ASN1_item_d2i(nullptr, &at, static_cast<long>(der.size()), ASN1_ITEM_rptr(NodeAsn1))));
    uint64_t version = 0, cpus = 0, memory = 0;
    if (!value || at != der.data() + der.size() || ASN1_INTEGER_get_uint64(&version, value->version) != 1 ||
        version != kNodeVersion || ASN1_INTEGER_get_uint64(&cpus, value->cpus) != 1 || cpus > UINT32_MAX ||
        ASN1_INTEGER_get_uint64(&memory, value->memory) != 1)
        return broken();
    const CertifiedNode node{to_text(value->vo),
                             to_text(value->id),
                             to_text(value->name),
                             to_text(value->site),
                             to_texts(value->tags),
                             uint32_t(cpus),
                             memory};
    if (!is_vo_name(node.vo) || !is_uuid(node.id)) return broken();
    // d2i takes BER too: what is no DER would give one value two spellings
    const auto again = encode_node_extension(node);
    if (!again || !std::ranges::equal(*again, der)) return broken();
    return node;
}

}  // namespace xos
