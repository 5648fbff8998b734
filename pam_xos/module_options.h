// What pam.d says behind pam_xos.so. Process: any that uses PAM. Trusts: root's configuration, not its
// spelling.
#pragma once

#include <security/pam_modules.h>

namespace xos {

struct ModuleOptions {
    bool debug = false;  // log every decision, the permitted ones too
};

// Unknown words are logged and change nothing.
ModuleOptions read_module_options(pam_handle_t* pamh, int argc, const char** argv);

}  // namespace xos
