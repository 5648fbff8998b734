// How the application's end is kept for xosd, whatever happens to xosd meanwhile.
//
// Owns: the exit record of the job. Process: xos-loader. Trusts: its own directory.
#pragma once

namespace xos::loader {

// Both are durable when they return: written beside, synced, renamed. False: errno says why.
bool record_status(int wait_status);
bool record_exec_error(int error, const char* what);

}  // namespace xos::loader
