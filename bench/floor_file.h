// Makes the file of the yardstick (bench/floor.h).
#pragma once

#include "xosd/identity/accounts_writer.h"

namespace xos::bench {

// Puts snapshot's accounts and groups into floor::kFile, whose directory exists, and retires the file that
// was there. Ends the bench where that fails.
void write_floor(const AccountsSnapshot& snapshot);

}  // namespace xos::bench
