// The keys that sluice makes for itself when none are configured: a self-signed certificate for clients' TLS, and the
// RSA key for caching_sha2_password without TLS. Made once, then kept, so that clients may remember them.
//
// Flow: `auto files = make_self_signed(state_dir); TlsContext::server({files->certificate, files->key});
// RsaKey::load(files->rsa_key);`
#pragma once

#include <string>

#include "protocol/result.hpp"

namespace sluice::tls {

struct SelfSigned {
  std::string certificate;  // path; EC P-256, CN=sluice, names localhost, 127.0.0.1 and ::1, valid for ten years
  std::string key;          // path; mode 0600
  std::string rsa_key;      // path; mode 0600
  bool created_certificate = false;
  bool created_rsa_key = false;
};

// Makes what is absent in `dir` (which is made too, mode 0700) and leaves what is there; a certificate or key without
// the other half is replaced. Safe when two
// processes start at once. The error names the file.
[[nodiscard]] Result<SelfSigned, std::string> make_self_signed(const std::string& dir);

}  // namespace sluice::tls
