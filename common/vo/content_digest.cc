#include "common/vo/content_digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <functional>
#include <memory>

namespace xos {
namespace {

constexpr size_t kBufferSize = 64 * 1024;

class Digester {
  public:
    Digester() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
        good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
        buffer_.reserve(2 * kBufferSize);
    }

    void number(uint64_t value) {
        for (int shift = 56; shift >= 0; shift -= 8) buffer_.push_back(static_cast<char>(value >> shift));
    }
    void text(std::string_view value) {
        number(value.size());
        buffer_.append(value);
        if (buffer_.size() >= kBufferSize) flush();
    }
    void bytes(const Bytes& value) { text(as_text(value)); }
    void texts(const std::vector<std::string>& values) {
        number(values.size());
        for (const std::string& value : values) text(value);
    }
    void identity(const GridIdentity& value) {
        text(value.issuer);
        text(value.subject);
    }
    void identities(const std::vector<GridIdentity>& values) {
        number(values.size());
        for (const GridIdentity& value : values) identity(value);
    }
    void ders(const std::vector<Bytes>& values) {
        number(values.size());
        for (const Bytes& value : values) bytes(value);
    }

    Outcome<ContentDigest> finish() {
        flush();
        ContentDigest digest;
        if (!good_ || EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
            return failure(Errc::system, "cannot compute the digest of a VO's content");
        return digest;
    }

  private:
    void flush() {
        good_ = good_ && EVP_DigestUpdate(context_.get(), buffer_.data(), buffer_.size()) == 1;
        buffer_.clear();
    }

    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
    std::string buffer_;
    bool good_ = false;
};

void add(Digester& digester, const Member& member) {
    digester.text(member.name);
    digester.number(member.number);
    digester.text(member.id);
    digester.texts(member.groups);
    digester.texts(member.roles);
    digester.number(member.suspended ? 1 : 0);
    digester.identities(member.identities);
    digester.number(static_cast<uint64_t>(member.credentials_from.time_since_epoch().count()));
}

void add(Digester& digester, const Group& group) {
    digester.text(group.name);
    digester.number(group.number);
}

void add(Digester& digester, const NodeRecord& node) {
    digester.text(node.name);
    digester.text(node.id);
    digester.text(node.fingerprint);
    digester.text(node.attributes.site);
    digester.texts(node.attributes.tags);
    digester.number(node.attributes.cpus);
    digester.number(node.attributes.memory);
    digester.number(node.draining ? 1 : 0);
}

void add(Digester& digester, const std::string& serial) {
    digester.text(serial);
}

void add(Digester& digester, const GridIdentity& identity) {
    digester.identity(identity);
}

// In the order of key, whatever the order of records.
template <typename Record, typename Key>
void add_sorted(Digester& digester, const std::vector<Record>& records, Key key) {
    digester.number(records.size());
    if (std::ranges::is_sorted(records, {}, key)) {
        for (const Record& record : records) add(digester, record);
        return;
    }
    std::vector<const Record*> order;
    order.reserve(records.size());
    for (const Record& record : records) order.push_back(&record);
    std::ranges::sort(order, {}, [&](const Record* record) { return std::invoke(key, *record); });
    for (const Record* record : order) add(digester, *record);
}

}  // namespace

Outcome<ContentDigest> digest_content(const Bundle& bundle) {
    Digester digester;
    digester.text("xos-content-1");
    digester.text(bundle.vo.id);
    add_sorted(digester, bundle.members, &Member::name);
    add_sorted(digester, bundle.groups, &Group::name);
    add_sorted(digester, bundle.revoked_serials, std::identity());
    digester.text(bundle.policy);
    add_sorted(digester, bundle.revoked_identities, [](const GridIdentity& identity) {
        return std::pair(std::string_view(identity.issuer), std::string_view(identity.subject));
    });
    digester.number(bundle.voms ? 1 : 0);
    if (bundle.voms) {
        digester.text(bundle.voms->vo);
        digester.ders(bundle.voms->anchors);
        digester.ders(bundle.voms->servers);
    }
    digester.ders(bundle.crls);
    add_sorted(digester, bundle.nodes, &NodeRecord::name);
    return digester.finish();
}

}  // namespace xos
