#include "cli/svg_drawing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/failure.h"

namespace xos {
namespace {

// The length of the UTF-8 character at the beginning of text; 0: there is none, or XML 1.0 does not hold it
// (its section 2.2, Char), or it is a control character.
size_t xml_character(std::string_view text) {
    const auto byte = [&](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
    const uint32_t first = byte(0);
    if (first < 0x80) return first >= ' ' && first != 0x7f ? 1 : 0;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (length == 0 || length > text.size()) return 0;
    uint32_t code = first & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3f);
    }
    static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    if (code < kSmallest[length] || code > 0x10ffff || surrogate || code < 0xa0 || direction ||
        (code & 0xfffe) == 0xfffe)
        return 0;
    return length;
}

}  // namespace

std::string xml_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t length = xml_character(text);
        const std::string_view one = text.substr(0, std::max<size_t>(length, 1));
        if (length == 0)
            out += text[0] == '\n' ? "\n" : "?";
        else if (one == "&")
            out += "&amp;";
        else if (one == "<")
            out += "&lt;";
        else if (one == ">")
            out += "&gt;";
        else if (one == "\"")
            out += "&quot;";
        else
            out += one;
        text.remove_prefix(one.size());
    }
    return out;
}

std::string shorten(std::string_view text, size_t max) {
    size_t characters = 0, end = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
        if (characters + 1 == max) end = i;
        if (++characters > max) return std::string(text.substr(0, end)) + "…";
    }
    return std::string(text);
}

double text_width(std::string_view text, double size) {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    return static_cast<double>(text.size() - static_cast<size_t>(std::ranges::count_if(text, continues))) *
           size * 0.62;
}

void SvgDrawing::append(std::string& out, double number) {
    const auto tenths = static_cast<int64_t>(std::llround(number * 10));
    if (tenths < 0) out += '-';
    const int64_t size = std::abs(tenths);
    out += std::to_string(size / 10);
    if (size % 10 != 0) {
        out += '.';
        out += static_cast<char>('0' + size % 10);
    }
}

void SvgDrawing::attribute(const char* name, double value) {
    body_ += ' ';
    body_ += name;
    body_ += "=\"";
    append(body_, value);
    body_ += '"';
}

void SvgDrawing::rect(double x, double y, double width, double height, std::string_view fill,
                      std::string_view title) {
    body_ += "<rect";
    attribute("x", x);
    attribute("y", y);
    attribute("width", width);
    attribute("height", height);
    body_ += compose(" fill=\"{}\"", fill);
    body_ += title.empty() ? "/>\n" : compose("><title>{}</title></rect>\n", xml_text(title));
}

void SvgDrawing::line(double x1, double y1, double x2, double y2, const char* colour, double width,
                      const char* dashes) {
    body_ += "<line";
    attribute("x1", x1);
    attribute("y1", y1);
    attribute("x2", x2);
    attribute("y2", y2);
    body_ += compose(" stroke=\"{}\"", colour);
    attribute("stroke-width", width);
    if (dashes != nullptr) body_ += compose(" stroke-dasharray=\"{}\"", dashes);
    body_ += "/>\n";
}

void SvgDrawing::path(std::string_view data, std::string_view fill, const char* stroke, double width) {
    if (data.empty()) return;
    body_ += compose("<path fill=\"{}\"", fill);
    if (stroke != nullptr) {
        body_ += compose(" stroke=\"{}\"", stroke);
        attribute("stroke-width", width);
    }
    body_ += " d=\"";
    body_ += data;
    body_ += "\"/>\n";
}

void SvgDrawing::text(double x, double y, std::string_view text, const TextStyle& style) {
    body_ += "<text";
    attribute("x", x);
    attribute("y", y);
    attribute("font-size", style.size);
    if (std::string_view(style.anchor) != "start") body_ += compose(" text-anchor=\"{}\"", style.anchor);
    if (style.bold) body_ += " font-weight=\"bold\"";
    body_ += compose(" fill=\"{}\">{}</text>\n", style.colour, xml_text(text));
}

void SvgDrawing::open(std::string_view title) {
    body_ += compose("<g><title>{}</title>\n", xml_text(title));
}

void SvgDrawing::close() {
    body_ += "</g>\n";
}

std::string SvgDrawing::finish(double height, std::string_view title) const {
    std::string size[2];
    append(size[0], width_);
    append(size[1], height);
    std::string out = compose(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\" font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\">\n"
        "<title>{2}</title>\n"
        // what a picture does not paint, some programs show as black
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
        size[0], size[1], xml_text(title));
    return out + body_ + "</svg>\n";
}

}  // namespace xos
