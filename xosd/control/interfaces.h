// The varlink interfaces of xosd as data: what varlinkctl introspect shows and libsystemd checks parameters
// against. Defined in C: the macros of sd-varlink-idl.h use flexible array members, which are no C++.
// Process: xosd. Owns constants only.
#pragma once

#include <systemd/sd-varlink-idl.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const sd_varlink_interface xos_interface_node;
extern const sd_varlink_interface xos_interface_trust;
extern const sd_varlink_interface xos_interface_session;
extern const sd_varlink_interface xos_interface_job;
extern const sd_varlink_interface xos_interface_credential;
extern const sd_varlink_interface xos_interface_account;
extern const sd_varlink_interface xos_interface_tracking;

#ifdef __cplusplus
}
#endif
