// By the first byte. H: lines of a response's header. B: a body, in pieces of the size that the second byte
// says. A, R: packets between xosd and its fetcher. What is taken from a header may be sent back; no body is
// longer than its cap.
#include <cstdlib>

#include "common/encoding.h"
#include "xosd/fetcher/fetch_protocol.h"
#include "xosd/fetcher/response.h"

using namespace xos;

namespace {

constexpr uint64_t kMax = 64 * 1024;

void read_header(std::string_view text) {
    ResponseHeader header;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        if (!header.add(text.substr(0, end))) return;
        text.remove_prefix(end);
    }
    if (!header.etag.empty() && !is_etag(header.etag)) std::abort();
    if (!header.modified.empty() && !is_http_date(header.modified)) std::abort();
    if (header.status < 0 || header.status > 999) std::abort();
}

void read_body(std::string_view text) {
    if (text.empty()) return;
    const size_t piece = static_cast<uint8_t>(text.front()) + 1u;
    text.remove_prefix(1);
    uint64_t written = 0;
    ResponseBody body(kMax, [&](std::string_view bytes) -> Outcome<void> {
        written += bytes.size();
        return {};
    });
    Outcome<void> good;
    for (; good && !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        good = body.add(text.substr(0, piece));
    if (good) good = body.finish();
    if (written > kMax || written != body.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text = as_text({data + 1, size - 1});
    if (data[0] == 'H') read_header(text);
    if (data[0] == 'B') read_body(text);
    if (data[0] == 'A')
        if (const auto answer = decode_fetch_answer(text))
            if (decode_fetch_answer(encode_fetch_answer(*answer)) != *answer) std::abort();
    if (data[0] == 'R')
        if (const auto request = decode_fetch_request(text))
            if (decode_fetch_request(encode_fetch_request(*request)) != *request) std::abort();
    return 0;
}
