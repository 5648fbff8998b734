#include "pam_xos/module_options.h"

#include <security/pam_ext.h>
#include <syslog.h>

#include <string_view>

namespace xos {

ModuleOptions read_module_options(pam_handle_t* pamh, int argc, const char** argv) {
    ModuleOptions options;
    for (int i = 0; i < argc; i++) {
        if (std::string_view(argv[i]) == "debug")
            options.debug = true;
        else
            pam_syslog(pamh, LOG_ERR, "unknown option in the PAM configuration, ignored: %s", argv[i]);
    }
    return options;
}

}  // namespace xos
