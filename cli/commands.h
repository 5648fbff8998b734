// Every command of xos, one function each, in the file of its name. Process: the xos command. Trusts:
// nothing.
#pragma once

#include "cli/command.h"

namespace xos {

void add_account_commands(CommandTable& table);
void add_audit_command(CommandTable& table);
void add_authority_commands(CommandTable& table);
void add_credential_delegate_command(CommandTable& table);
void add_credential_destroy_command(CommandTable& table);
void add_credential_request_command(CommandTable& table);
void add_credential_show_command(CommandTable& table);
void add_credential_verify_command(CommandTable& table);
void add_doctor_accounts_command(CommandTable& table);
void add_doctor_login_command(CommandTable& table);
void add_enroll_commands(CommandTable& table);
void add_events_command(CommandTable& table);
void add_issuer_commands(CommandTable& table);
void add_job_commands(CommandTable& table);
void add_job_run_commands(CommandTable& table);
void add_login_command(CommandTable& table);
void add_node_commands(CommandTable& table);
void add_resource_commands(CommandTable& table);
void add_session_commands(CommandTable& table);
void add_policy_commands(CommandTable& table);
void add_policy_explain_command(CommandTable& table);
void add_track_commands(CommandTable& table);
void add_timeline_command(CommandTable& table);
void add_top_command(CommandTable& table);
void add_trust_commands(CommandTable& table);
void add_logout_command(CommandTable& table);
void add_token_commands(CommandTable& table);
void add_whoami_command(CommandTable& table);

// In the order of xos --help.
inline constexpr void (*kCommands[])(CommandTable&) = {
    add_enroll_commands,
    add_login_command,
    add_token_commands,
    add_logout_command,
    add_whoami_command,
    add_credential_request_command,
    add_credential_show_command,
    add_credential_verify_command,
    add_credential_delegate_command,
    add_credential_destroy_command,
    add_job_run_commands,
    add_job_commands,
    add_events_command,
    add_timeline_command,
    add_top_command,
    add_node_commands,
    add_session_commands,
    add_track_commands,
    add_account_commands,
    add_audit_command,
    add_doctor_accounts_command,
    add_doctor_login_command,
    add_trust_commands,
    add_resource_commands,
    add_policy_explain_command,
    add_policy_commands,
    add_authority_commands,
    add_issuer_commands,
};

}  // namespace xos
