#include "xosd/job/job_request.h"

namespace xos {
namespace {

// execve(2) takes 128 KiB a string; the sum is kept well below the varlink message limit
constexpr size_t kStringMax = 128 * 1024;
constexpr size_t kStringsMax = 4096;
constexpr size_t kTotalMax = 1024 * 1024;
constexpr size_t kPathMax = 4095;  // PATH_MAX with its NUL is 4096

Outcome<std::vector<std::string>> read_list(const JsonNode& root, const char* key) {
    const auto list = root.field(key);
    if (!list) return std::unexpected(list.error());
    const auto count = list->array(kStringsMax);
    if (!count) return std::unexpected(count.error());
    std::vector<std::string> strings;
    size_t total = 0;
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto text = element.string(kStringMax);
        if (!text) return std::unexpected(text.error());
        total += text->size() + 1;
        if (total > kTotalMax) return element.invalid("more than 1 MiB of text in all");
        strings.push_back(*std::move(text));
    }
    return strings;
}

// absolute, no "." or ".." component: it is resolved inside the container, this is for clear messages
bool is_plain_path(const std::string& path) {
    if (path.empty() || path[0] != '/' || path.size() > kPathMax) return false;
    const std::string padded = path + "/";
    return padded.find("/../") == std::string::npos && padded.find("/./") == std::string::npos;
}

bool is_assignment(const std::string& text) {
    const size_t equals = text.find('=');
    return equals != std::string::npos && equals != 0;
}

}  // namespace

std::string default_output(const std::string& home, uint64_t id) {
    return home + "/" + job_name(id) + ".out";
}

Outcome<JobRequest> read_job_request(const Json& parameters, const std::string& home) {
    const JsonNode root = parameters.root();
    JobRequest request;
    const auto mode_text = root.string("mode", 16);
    if (!mode_text) return std::unexpected(mode_text.error());
    const auto mode = parse_job_mode(*mode_text);
    if (!mode) return failure(Errc::invalid, "mode '{}': expected terminal, pipes or batch", *mode_text);
    request.mode = *mode;
    auto argv = read_list(root, "argv");
    if (!argv) return std::unexpected(argv.error());
    if (argv->empty() || argv->front().empty()) return failure(Errc::invalid, "a job needs a command to run");
    request.argv = *std::move(argv);
    auto environment = read_list(root, "environment");
    if (!environment) return std::unexpected(environment.error());
    for (const std::string& variable : *environment)
        if (!is_assignment(variable)) return failure(Errc::invalid, "environment: expected NAME=value");
    request.environment = *std::move(environment);
    auto directory = root.string("directory", kPathMax);
    if (!directory) return std::unexpected(directory.error());
    if (!is_plain_path(*directory))
        return failure(Errc::invalid, "directory '{}': expected an absolute path", *directory);
    request.directory = *std::move(directory);
    if (const auto output = root.find("output"); output && output->is_string()) {
        request.output = output->string(kPathMax).value_or("");
        if (!is_plain_path(request.output) || !request.output.starts_with(home + "/"))
            return failure(Errc::invalid, "output '{}': expected a path in your home {}", request.output,
                           home);
    }
    if (const auto rows = root.find("rows"); rows && !rows->is_string())
        request.rows = static_cast<uint16_t>(rows->integer(1, 10000).value_or(24));
    if (const auto columns = root.find("columns"); columns && !columns->is_string())
        request.columns = static_cast<uint16_t>(columns->integer(1, 10000).value_or(80));
    return request;
}

}  // namespace xos
