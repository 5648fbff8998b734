#include "common/compression.h"

#include <zstd.h>

#include <memory>

namespace xos {
namespace {

constexpr int kWindowLogMax = 23;  // 8 MiB, which every decoder must take (RFC 8878, section 3.1.1.1.2)
constexpr size_t kSmall = 256 * 1024, kMiddle = 16 * 1024 * 1024;

int level_for(size_t size) {
    return size <= kSmall ? 19 : size <= kMiddle ? 6 : 1;
}

}  // namespace

Outcome<std::string> compress_text(std::string_view text) {
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    if (!context) return failure(Errc::system, "cannot make a compressor");
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level_for(text.size()));
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, text.size() > kMiddle ? 0 : kWindowLogMax);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    const size_t size = ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size());
    if (ZSTD_isError(size)) return failure(Errc::system, "cannot compress: {}", ZSTD_getErrorName(size));
    packed.resize(size);
    packed.shrink_to_fit();
    return packed;
}

bool is_compressed(std::string_view text) {
    return text.starts_with("\x28\xb5\x2f\xfd");
}

Outcome<std::string> decompress_text(std::string_view packed, size_t max) {
    const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (!context) return failure(Errc::system, "cannot make a decompressor");
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax);
    std::string text;
    std::string block(ZSTD_DStreamOutSize(), '\0');
    ZSTD_inBuffer input{packed.data(), packed.size(), 0};
    size_t left = 1;
    while (left != 0) {
        ZSTD_outBuffer output{block.data(), block.size(), 0};
        left = ZSTD_decompressStream(context.get(), &output, &input);
        if (ZSTD_isError(left)) return failure(Errc::invalid, "broken zstd: {}", ZSTD_getErrorName(left));
        if (output.pos > max - text.size())
            return failure(Errc::invalid, "more than the {} bytes allowed once decompressed", max);
        text.append(block, 0, output.pos);
        if (left != 0 && input.pos == input.size && output.pos < output.size)
            return failure(Errc::invalid, "broken zstd: it is cut short");
    }
    if (input.pos != input.size) return failure(Errc::invalid, "broken zstd: something follows its end");
    return text;
}

}  // namespace xos
