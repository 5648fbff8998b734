#include "common/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace xos {
namespace {

constexpr int kDepthMax = 32;
constexpr size_t kMessageMax = 300;  // a message may quote the text, and that may be one long word

// yaml-cpp recurses on nesting and expands aliases: both are bounded before it sees the text.
// Only flow brackets and leading spaces can nest, so this over-counts and never under-counts.
bool too_deep(std::string_view text) {
    int brackets = 0;
    size_t indent = 0;
    bool line_start = true;
    int dashes = 0;
    for (const char c : text) {
        if (c == '\n') {
            line_start = true;
            indent = 0;
            dashes = 0;
            continue;
        }
        if (line_start && c == ' ') ++indent;
        if (line_start && c == '-') ++dashes;
        if (line_start && c != ' ' && c != '-') line_start = false;
        if (c == '[' || c == '{') ++brackets;
        if ((c == ']' || c == '}') && brackets > 0) --brackets;
        if (brackets > kDepthMax || dashes > kDepthMax || indent > 8 * kDepthMax) return true;
    }
    return false;
}

// An alias can make a short text stand for an endless or enormous tree: there are none in our files.
class EventChecker : public YAML::EventHandler {
  public:
    // YAML::Load() reads the first document only: rules after a "---" would silently not be there
    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) throw YAML::ParserException(mark, "expected one document; remove the '---'");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw YAML::ParserException(mark, "expected no alias ('*'); write the value out");
    }
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}

  private:
    int documents_ = 0;
};

void check_events(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    EventChecker checker;
    while (parser.HandleNextDocument(checker)) {
    }
}

}  // namespace

std::unexpected<Failure> yaml_failure(std::string_view source, const YAML::Node& node,
                                      std::string_view expected) {
    const YAML::Mark mark = node.Mark();
    return failure(Errc::invalid, "{}:{}:{}: expected {}", source, mark.line + 1, mark.column + 1,
                   expected.substr(0, kMessageMax));
}

Outcome<YAML::Node> parse_yaml(std::string_view text, std::string_view source, size_t max) {
    if (text.size() > max) return failure(Errc::invalid, "{}: larger than {} bytes", source, max);
    if (text.find('\0') != std::string_view::npos)
        return failure(Errc::invalid, "{}: holds a NUL byte", source);
    if (too_deep(text)) return failure(Errc::invalid, "{}: nested deeper than {} levels", source, kDepthMax);
    try {
        const std::string whole(text);
        check_events(whole);
        return YAML::Load(whole);
    } catch (const YAML::Exception& error) {
        return failure(Errc::invalid, "{}:{}:{}: {}", source, error.mark.line + 1, error.mark.column + 1,
                       error.msg.substr(0, kMessageMax));
    }
}

Outcome<void> check_keys(std::string_view source, const YAML::Node& node,
                         std::initializer_list<std::string_view> known) {
    std::string names;
    for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    if (!node.IsMap()) return yaml_failure(source, node, "a map with keys of: " + names);
    std::set<std::string> seen;
    for (const auto& item : node) {
        if (!item.first.IsScalar()) return yaml_failure(source, item.first, "a key, one of: " + names);
        const std::string& key = item.first.Scalar();
        if (std::ranges::find(known, key) == known.end())
            return yaml_failure(source, item.first,
                                compose("one of {}; '{}' is not a known key", names, key));
        if (!seen.insert(key).second) return yaml_failure(source, item.first, compose("'{}' only once", key));
    }
    return {};
}

Outcome<std::string> read_string(std::string_view source, const YAML::Node& node) {
    if (!node.IsScalar()) return yaml_failure(source, node, "one word or text");
    return node.Scalar();
}

Outcome<std::vector<std::string>> read_strings(std::string_view source, const YAML::Node& node) {
    std::vector<std::string> strings;
    if (!node || node.IsNull()) return strings;
    if (node.IsScalar()) return std::vector{node.Scalar()};
    if (!node.IsSequence()) return yaml_failure(source, node, "a word or a list of words");
    for (const auto& item : node) {
        auto text = read_string(source, item);
        if (!text) return std::unexpected(text.error());
        strings.push_back(*std::move(text));
    }
    return strings;
}

}  // namespace xos
