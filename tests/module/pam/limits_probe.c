// A PAM module that tells what pam_systemd(8) would find: PROBED_MEMORY and PROBED_TASKS in the environment.
#include <security/pam_modules.h>
#include <stddef.h>
#include <stdio.h>

static void tell(pam_handle_t* pamh, const char* name, const char* data) {
    const void* value = NULL;
    char text[128];
    if (pam_get_data(pamh, data, &value) != PAM_SUCCESS || value == NULL) return;
    snprintf(text, sizeof text, "%s=%s", name, (const char*)value);
    pam_putenv(pamh, text);
}

int pam_sm_open_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    (void)flags, (void)argc, (void)argv;
    tell(pamh, "PROBED_MEMORY", "systemd.memory_max");
    tell(pamh, "PROBED_TASKS", "systemd.tasks_max");
    return PAM_SUCCESS;
}
int pam_sm_close_session(pam_handle_t* pamh, int flags, int argc, const char** argv) {
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
