// glibc's <sys/pidfd.h> for C++. Process: any program. Trusts: nothing.
#pragma once

// glibc 2.41 declares these functions without C linkage
extern "C" {
#include <sys/pidfd.h>
}
