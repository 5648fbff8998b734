// How wide the reader's terminal is. Process: the xos command. Trusts: nothing.
#pragma once

#include <cstddef>

namespace xos {

// Columns of standard output; 0: it is no terminal.
size_t terminal_width();

}  // namespace xos
