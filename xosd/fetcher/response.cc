#include "xosd/fetcher/response.h"

#include <zstd.h>

#include <algorithm>
#include <charconv>

#include "common/compression.h"
#include "libxos/login_name.h"
#include "xosd/fetcher/fetch_protocol.h"

namespace xos {
namespace {

constexpr size_t kMagicSize = 4;
constexpr size_t kLocationMax = 2048;
constexpr int kWindowLogMax = 27;  // 128 MiB, what zstd's own decoder takes without being asked

std::string_view trim(std::string_view text) {
    while (!text.empty() &&
           (text.back() == '\r' || text.back() == '\n' || text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    return text;
}

bool is_name(std::string_view text, std::string_view name) {
    return std::ranges::equal(text, name, [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
    });
}

}  // namespace

bool ResponseHeader::add(std::string_view line) {
    bytes_ += line.size();
    if (bytes_ > kResponseHeaderMax) return false;
    line = trim(line);
    if (line.starts_with("HTTP/")) {
        const size_t bytes = bytes_;
        *this = ResponseHeader();
        bytes_ = bytes;
        const std::string_view code = trim(line.substr(std::min(line.find(' '), line.size()))).substr(0, 3);
        if (code.size() == 3 && std::ranges::all_of(code, is_digit))
            std::from_chars(code.data(), code.data() + code.size(), status);
        return true;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (is_name(name, "etag")) etag = is_etag(value) ? value : "";
    if (is_name(name, "last-modified")) modified = is_http_date(value) ? value : "";
    if (is_name(name, "location")) location = value.substr(0, kLocationMax);
    if (is_name(name, "content-encoding")) encoding = value.substr(0, kEtagMax);
    return true;
}

ResponseBody::ResponseBody(uint64_t max, Write write) : max_(max), write_(std::move(write)) {}
ResponseBody::~ResponseBody() = default;

void ResponseBody::Free::operator()(ZSTD_DCtx_s* context) const {
    ZSTD_freeDCtx(context);
}

Outcome<void> ResponseBody::put(std::string_view bytes) {
    if (bytes.size() > max_ - size_)
        return failure(Errc::invalid, "the answer is longer than the {} bytes allowed", max_);
    size_ += bytes.size();
    return write_(bytes);
}

Outcome<void> ResponseBody::unpack(std::string_view bytes) {
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    bool full = false;
    while (input.pos < input.size || full) {
        if (!open_frame_ && !full && size_ > 0)
            return failure(Errc::invalid, "something follows the end of the compressed answer");
        ZSTD_outBuffer output{block_.data(), block_.size(), 0};
        const size_t left = ZSTD_decompressStream(context_.get(), &output, &input);
        if (ZSTD_isError(left))
            return failure(Errc::invalid, "the answer is broken zstd: {}", ZSTD_getErrorName(left));
        if (auto done = put(std::string_view(block_).substr(0, output.pos)); !done) return done;
        open_frame_ = left != 0;
        full = output.pos == output.size && open_frame_;
    }
    return {};
}

Outcome<void> ResponseBody::add(std::string_view bytes) {
    if (known_) return context_ ? unpack(bytes) : put(bytes);
    beginning_.append(bytes);
    if (beginning_.size() < kMagicSize) return {};
    known_ = true;
    if (!is_compressed(beginning_)) return put(std::exchange(beginning_, {}));
    context_.reset(ZSTD_createDCtx());
    if (!context_) return failure(Errc::system, "cannot make a decompressor");
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    block_.resize(ZSTD_DStreamOutSize());
    open_frame_ = true;
    return unpack(std::exchange(beginning_, {}));
}

Outcome<void> ResponseBody::finish() {
    if (!known_) return put(std::exchange(beginning_, {}));
    if (context_ && open_frame_) return failure(Errc::invalid, "the compressed answer is cut short");
    return {};
}

}  // namespace xos
