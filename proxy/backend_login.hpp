// Logging on to one server, without I/O: the server's packets go in, what to do comes out.
//
// Flow: `step = login.on_packet(payload)` for each packet: `send` step.payload with the next sequence number;
// `start_tls`: send step.payload, start TLS, then send `after_tls()`; `wait`; `done`; `failed` with code and text.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/auth.hpp"
#include "protocol/handshake.hpp"
#include "proxy/backend_identity.hpp"

namespace sluice::proxy {

enum class BackendTls : std::uint8_t { off, preferred, required };

class BackendLogin {
 public:
  struct Step {
    enum class Kind : std::uint8_t { send, start_tls, wait, done, failed };
    Kind kind = Kind::failed;
    protocol::ByteBuffer payload;
  };

  // `secure_channel`: a unix socket. `identity` must outlive this.
  BackendLogin(const BackendIdentity& identity, BackendTls tls, bool secure_channel, protocol::ClientRsa rsa);

  [[nodiscard]] Step on_packet(protocol::Bytes payload);
  [[nodiscard]] protocol::ByteBuffer after_tls();

  // After `done`.
  [[nodiscard]] protocol::Capabilities negotiated() const { return negotiated_; }
  [[nodiscard]] const protocol::Greeting& greeting() const { return greeting_; }
  [[nodiscard]] protocol::StatusFlags status() const { return status_; }

  // After `failed`. Code 0: not an error packet of the server but our own reason.
  [[nodiscard]] std::uint16_t error_code() const { return error_code_; }
  [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  enum class Stage : std::uint8_t { greeting, authenticating, over };

  [[nodiscard]] Step on_greeting(protocol::Bytes payload);
  [[nodiscard]] Step on_auth_packet(protocol::Bytes payload);
  [[nodiscard]] Step fail(std::string why);
  [[nodiscard]] Step fail_with(protocol::Bytes err_payload);
  [[nodiscard]] protocol::ByteBuffer handshake_response();

  const BackendIdentity& identity_;
  BackendTls tls_;
  bool secure_;
  protocol::ClientRsa rsa_;
  Stage stage_ = Stage::greeting;
  protocol::Greeting greeting_;
  protocol::Capabilities negotiated_ = 0;
  protocol::StatusFlags status_ = 0;
  std::optional<protocol::ClientAuth> auth_;
  std::uint16_t error_code_ = 0;
  std::string sqlstate_;
  std::string error_;
};

}  // namespace sluice::proxy
