// How wide the reader's terminal is, and a text on it. Process: the xos command. Trusts: nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace xos {

// Columns of standard output; 0: it is no terminal.
size_t terminal_width();

// As much of a text as so many columns of a terminal hold, by the locale (LC_CTYPE); what is no text becomes
// '?'.
std::string fit_columns(std::string_view text, size_t columns);

}  // namespace xos
