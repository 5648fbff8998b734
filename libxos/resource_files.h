// Where a node keeps what makes it a node of a VO: DIRECTORY/VO/{node.key,node.pem,node.json,host-cert.pub},
// root only but for the host certificate, which is public. Process: xosd and the xos command of root. Trusts:
// nothing; constants only.
#pragma once

namespace xos {

inline constexpr char kResourceDir[] = "/var/lib/xos/resource";
inline constexpr char kNodeKeyFile[] = "node.key";               // PKCS#8 PEM, 0600
inline constexpr char kNodeCertificateFile[] = "node.pem";       // common/credential/node_certificate.h
inline constexpr char kNodeRecordFile[] = "node.json";           // a NodeRecord
inline constexpr char kHostCertificateFile[] = "host-cert.pub";  // HostCertificate of sshd_config(5)

}  // namespace xos
