#include "common/job_stream.h"

#include <catch2/catch_test_macros.hpp>

using namespace xos;

TEST_CASE("frames come out as they went in, however the bytes are cut") {
    const std::string bytes = encode_frame(FrameType::stdout_data, "hello") +
                              encode_frame(FrameType::stdin_eof) +
                              encode_window_size(FrameType::window_size, 24, 80) +
                              encode_number(FrameType::exit_status, 0x12345678);
    for (size_t cut = 1; cut <= bytes.size(); cut++) {
        FrameReader reader;
        std::vector<Frame> frames;
        for (size_t at = 0; at < bytes.size(); at += cut) {
            reader.feed(std::string_view(bytes).substr(at, cut));
            for (;;) {
                auto frame = reader.next();
                REQUIRE(frame);
                if (!*frame) break;
                frames.push_back(std::move(**frame));
            }
        }
        REQUIRE(frames.size() == 4);
        CHECK(frames[0].payload == "hello");
        CHECK(frames[1].type == FrameType::stdin_eof);
        CHECK(parse_window_size(frames[2])->columns == 80);
        CHECK(parse_number(frames[3]) == 0x12345678);
    }
}

TEST_CASE("a frame that breaks the format ends the stream") {
    const auto refused = [](std::string bytes) {
        FrameReader reader;
        reader.feed(bytes);
        return !reader.next();
    };
    CHECK(refused(std::string("\x08\0\0\0\0", 5)));      // no such type
    CHECK(refused(std::string("\x01\x01\0\x01\0", 5)));  // one byte over kFrameMax
    CHECK(refused(std::string("\x01\xff\xff\xff\xff", 5)));
    FrameReader reader;
    reader.feed(std::string_view("\x01\0\0\x01\0", 5));  // exactly kFrameMax: waits for it
    const auto frame = reader.next();
    REQUIRE(frame);
    CHECK_FALSE(frame->has_value());
    CHECK_FALSE(parse_number({FrameType::exit_status, "abc"}));
    CHECK_FALSE(parse_window_size({FrameType::window_size, "abcde"}));
}
