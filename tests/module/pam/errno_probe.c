// A PAM module that calls the module at its argument and answers PAM_ABORT where that one changed errno.
// libpam changes errno itself, and what it gives to modules cannot be used from outside of one.
#include <dlfcn.h>
#include <errno.h>
#include <security/pam_modules.h>
#include <stddef.h>

typedef int entry_t(pam_handle_t*, int, int, const char**);

static int probe(const char* name, pam_handle_t* pamh, int flags, int argc, const char** argv) {
    void* module = argc == 1 ? dlopen(argv[0], RTLD_NOW) : NULL;
    entry_t* entry = module == NULL ? NULL : (entry_t*)dlsym(module, name);
    if (entry == NULL) return PAM_ABORT;
    errno = ELOOP;
    const int code = entry(pamh, flags, 0, NULL);
    return errno == ELOOP ? code : PAM_ABORT;
}

int pam_sm_acct_mgmt(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return probe("pam_sm_acct_mgmt", pamh, flags, argc, argv);
}
int pam_sm_open_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return probe("pam_sm_open_session", pamh, flags, argc, argv);
}
int pam_sm_close_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    return probe("pam_sm_close_session", pamh, flags, argc, argv);
}
