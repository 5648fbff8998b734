#include "common/credential/asn1_text.h"

#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"

namespace xos {

bool set_text(ASN1_UTF8STRING* into, std::string_view text) {
    return ASN1_STRING_set(into, text.data(), static_cast<int>(text.size())) == 1;
}

bool add_texts(STACK_OF(ASN1_UTF8STRING) * into, const std::vector<std::string>& texts) {
    using StringPtr = std::unique_ptr<ASN1_UTF8STRING, OpensslFree<ASN1_UTF8STRING_free>>;
    for (const std::string& text : texts) {
        StringPtr string(ASN1_UTF8STRING_new());
        if (!string || !set_text(string.get(), text) || sk_ASN1_UTF8STRING_push(into, string.get()) == 0)
            return false;
        static_cast<void>(string.release());
    }
    return true;
}

std::string to_text(const ASN1_UTF8STRING* string) {
    return std::string(
        as_text({ASN1_STRING_get0_data(string), static_cast<size_t>(ASN1_STRING_length(string))}));
}

std::vector<std::string> to_texts(const STACK_OF(ASN1_UTF8STRING) * strings) {
    std::vector<std::string> texts;
    for (int i = 0; i < sk_ASN1_UTF8STRING_num(strings); ++i)
        texts.push_back(to_text(sk_ASN1_UTF8STRING_value(strings, i)));
    return texts;
}

}  // namespace xos
