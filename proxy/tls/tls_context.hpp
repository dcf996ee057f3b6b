// The settings that many TLS connections share: certificate, key, whom to trust. Made at start or when files change,
// then only read, so all workers share one (OpenSSL counts references to it itself: an engine outlives its context).
//
// Flow: `auto context = TlsContext::server({.certificate = …, .key = …}); if (!context) die(context.error());` then
// `TlsEngine::server(*context)` for each connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/result.hpp"

struct ssl_ctx_st;

namespace sluice::tls {

struct ServerFiles {
  std::string certificate;  // PEM: the certificate, then its intermediates
  std::string key;          // PEM, without a passphrase
};

// What a client checks of the server that it connects to.
enum class Verify : std::uint8_t {
  none,        // encrypt only: whoever answers is taken
  chain,       // the certificate was signed by the CA
  chain_name,  // and it names the server that was asked for
};

struct ClientTrust {
  Verify verify = Verify::none;
  std::string ca_file;  // PEM; needed unless verify is none
};

// TLS 1.2 and 1.3, forward-secret AEAD ciphers, no renegotiation, no compression; stateless session tickets, one for
// each TLS 1.3 handshake. Copies share the same settings.
class TlsContext {
 public:
  // The error names the file and OpenSSL's reason.
  [[nodiscard]] static Result<TlsContext, std::string> server(const ServerFiles& files);
  [[nodiscard]] static Result<TlsContext, std::string> client(const ClientTrust& trust);

  [[nodiscard]] ssl_ctx_st* native() const { return context_.get(); }
  [[nodiscard]] bool is_server() const { return is_server_; }
  [[nodiscard]] Verify verify() const { return verify_; }

 private:
  TlsContext(std::shared_ptr<ssl_ctx_st> context, bool is_server, Verify verify)
      : context_(std::move(context)), is_server_(is_server), verify_(verify) {}

  std::shared_ptr<ssl_ctx_st> context_;
  bool is_server_;
  Verify verify_;
};

}  // namespace sluice::tls
