// What libpam runs for a service: its file with all that it includes.
//
// Process: the xos command. Trusts: nothing in the files. The format: pam.conf(5).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

struct PamEntry {
    std::string control;  // as it is written, in lower case: "sufficient", "[success=1 default=ignore]"
    std::string module;   // the last part of its path
    std::vector<std::string> arguments;
    std::string file;  // the one that holds the line
    size_t level = 0;  // how many substacks it is in
};

// The text of a service's file; nothing where there is none.
using PamFiles = std::function<std::optional<std::string>(const std::string& service)>;

// The entries of one type ("account"), in order. not_found where the service has no file; invalid where files
// include each other without end, or more than libpam would take.
Outcome<std::vector<PamEntry>> resolve_pam_stack(const PamFiles& files, const std::string& service,
                                                 std::string_view type);

// What the control does when the module answers status ("success"): "ok", "done", "ignore", "bad", "die",
// "reset", or a number of entries to jump over.
std::string action_on(std::string_view control, std::string_view status);

// The entries that cannot be reached once entry at has answered success: those from the answer's first to
// its second index, which is not among them.
std::pair<size_t, size_t> skipped_after(const std::vector<PamEntry>& entries, size_t at);

}  // namespace xos
