// A picture as SVG 1.1 text that browsers, rsvg-convert and Inkscape draw alike: no script, no style sheet,
// nothing from elsewhere.
//
// Owns: the text. Pure. Process: the xos command. Trusts: its caller for colours and anchors; every other
// text is escaped, and what XML cannot hold becomes '?'.
#pragma once

#include <string>
#include <string_view>

namespace xos {

// Any bytes as XML character data or an attribute's value.
std::string xml_text(std::string_view text);
// At most max characters, "…" in place of the rest.
std::string shorten(std::string_view text, size_t max);
// How wide a text in the picture's fonts is at most, in pixels; of usual letters.
double text_width(std::string_view text, double size);

struct TextStyle {
    double size = 12;
    const char* colour = "#222222";
    const char* anchor = "start";  // or middle, end
    bool bold = false;
};

class SvgDrawing {
  public:
    explicit SvgDrawing(double width) : width_(width) {}

    void rect(double x, double y, double width, double height, std::string_view fill,
              std::string_view title = {});
    void line(double x1, double y1, double x2, double y2, const char* colour, double width,
              const char* dashes = nullptr);
    // data is a path's; fill "none" and a stroke, or a fill alone.
    void path(std::string_view data, std::string_view fill, const char* stroke = nullptr, double width = 0);
    void text(double x, double y, std::string_view text, const TextStyle& style);
    // What follows, until close(), shows title where the mouse rests on it.
    void open(std::string_view title);
    void close();
    size_t size() const { return body_.size(); }

    // The whole file: the picture is height pixels high.
    std::string finish(double height, std::string_view title) const;

    // Appends a number with one decimal at most.
    static void append(std::string& out, double number);

  private:
    void attribute(const char* name, double value);

    double width_;
    std::string body_;
};

}  // namespace xos
