// The manifest of a generation: what it is of, what it needs, and the digest of each of its files.
//
// Owns: manifest.json, written and read. Process: children of xosd. Trusts: nothing it reads; sizes are
// bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/failure.h"

namespace xos {

inline constexpr char kManifest[] = "manifest.json";
inline constexpr char kImages[] = "images";
inline constexpr char kLayerArchive[] = "layer.tar";
inline constexpr size_t kManifestMax = 16 * 1024 * 1024;  // bytes

struct StoredFile {
    uint64_t size = 0;
    std::string digest;  // SHA-256, hexadecimal
};

// A file of the home that a process had open for writing: it is cut to this size before the job goes on.
struct OutputFile {
    std::string path;  // relative to the home
    uint64_t size = 0;
};

struct Manifest {
    std::string job;
    uint64_t generation = 0;
    std::string driver, driver_version, kernel, architecture;
    uint32_t uid = 0, inner_root = 0;
    std::string home;
    uint64_t created = 0;                     // seconds since 1970
    std::map<std::string, StoredFile> files;  // by path relative to the generation
    std::vector<OutputFile> outputs;
};

std::string encode_manifest(const Manifest& manifest);
Outcome<Manifest> parse_manifest(const std::string& text);

}  // namespace xos
