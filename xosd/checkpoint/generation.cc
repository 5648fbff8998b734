#include "xosd/checkpoint/generation.h"

#include <charconv>
#include <filesystem>

namespace xos {

namespace fs = std::filesystem;

std::string generation_path(const std::string& directory, uint64_t generation) {
    return compose("{}/{}", directory, generation);
}

std::string unfinished_path(const std::string& directory, uint64_t generation) {
    return compose("{}/.tmp-{}", directory, generation);
}

std::string log_path(const std::string& directory, uint64_t generation) {
    return compose("{}/.log-{}", directory, generation);
}

Outcome<void> remove_unfinished_dumps(const std::string& directory) {
    std::error_code error;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename();
        if (name.starts_with(".tmp-") || name.starts_with(".log-")) found.push_back(entry.path());
    }
    if (error == std::errc::no_such_file_or_directory) return {};
    for (const fs::path& path : found)
        if (!error) fs::remove_all(path, error);
    if (error)
        return failure(Errc::system, "cannot clear unfinished checkpoints in {}: {}", directory,
                       error.message());
    return {};
}

Outcome<void> remove_generation(const std::string& directory, uint64_t generation) {
    // out of sight first: half a generation must never be found
    const std::string path = generation_path(directory, generation),
                      aside = unfinished_path(directory, generation);
    std::error_code error;
    fs::rename(path, aside, error);
    if (error == std::errc::no_such_file_or_directory) return {};
    if (!error) fs::remove_all(aside, error);
    if (error) return failure(Errc::system, "cannot delete the checkpoint {}: {}", path, error.message());
    return {};
}

Outcome<Checkpoint> finish_dump(Operation operation) {
    auto result = finish_operation(std::move(operation));
    if (!result) return std::unexpected(result.error());
    Checkpoint out;
    const std::string& text = result->text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.bytes);
    const size_t at = static_cast<size_t>(end - text.data());
    if (error != std::errc() || text.size() != at + 65)
        return failure(Errc::system, "the checkpoint's answer is not one");
    out.manifest_digest = text.substr(at + 1);
    return out;
}

Outcome<ContainerProcess> finish_restore(Operation operation) {
    auto result = finish_operation(std::move(operation));
    if (!result) return std::unexpected(result.error());
    return std::move(result->process);
}

}  // namespace xos
