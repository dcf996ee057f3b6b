#include "proxy/backend_login.hpp"

#include "protocol/response.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::Capabilities;
namespace cap = protocol::cap;

BackendLogin::BackendLogin(const BackendIdentity& identity, BackendTls tls, bool secure_channel,
                           protocol::ClientRsa rsa)
    : identity_(identity), tls_(tls), secure_(secure_channel), rsa_(std::move(rsa)) {}

BackendLogin::Step BackendLogin::on_packet(Bytes payload) {
  if (payload.empty()) return fail("the server sent an empty packet during the handshake");
  if (payload[0] == 0xff) return fail_with(payload);
  switch (stage_) {
    case Stage::greeting:
      return on_greeting(payload);
    case Stage::authenticating:
      return on_auth_packet(payload);
    case Stage::over:
      break;
  }
  return fail("the server spoke after the handshake was over");
}

BackendLogin::Step BackendLogin::on_greeting(Bytes payload) {
  auto greeting = protocol::parse_greeting(payload);
  if (!greeting) return fail("the server's greeting is malformed");
  greeting_ = std::move(*greeting);
  if (!protocol::has(greeting_.capabilities, cap::protocol_41 | cap::secure_connection)) {
    return fail("the server is too old: it lacks the 4.1 protocol");
  }
  negotiated_ = (backend_base_features | identity_.features) & greeting_.capabilities;
  // It changes what is said of columns, and a client can't be told otherwise any more.
  if (protocol::has(identity_.features & ~negotiated_, cap::mariadb_extended_metadata)) {
    error_code_ = 1105;  // said to this client; nothing is wrong with the server
    sqlstate_ = "HY000";
    return fail(
        "sluice: this server lacks MariaDB's extended column metadata, which the client was offered; connect again");
  }
  stage_ = Stage::authenticating;
  const bool server_has_tls = protocol::has(greeting_.capabilities, cap::ssl);
  if (tls_ == BackendTls::required && !server_has_tls) {
    return fail("the server offers no TLS, and backend_tls.mode is \"required\"");
  }
  if (tls_ != BackendTls::off && server_has_tls) {
    negotiated_ |= cap::ssl;
    secure_ = true;
    return {Step::Kind::start_tls,
            protocol::encode_ssl_request({.capabilities = negotiated_, .collation = identity_.collation})};
  }
  return {Step::Kind::send, handshake_response()};
}

ByteBuffer BackendLogin::after_tls() { return handshake_response(); }

ByteBuffer BackendLogin::handshake_response() {
  auth_.emplace(identity_.secret, secure_, rsa_);
  protocol::HandshakeResponse response;
  response.capabilities = negotiated_;
  response.collation = identity_.collation;
  response.user = identity_.user;
  response.auth_plugin = greeting_.auth_plugin;
  response.auth_response = auth_->respond(greeting_.auth_plugin, greeting_.nonce);
  return protocol::encode_handshake_response(response);
}

BackendLogin::Step BackendLogin::on_auth_packet(Bytes payload) {
  if (payload[0] == 0x00) {
    const auto ok = protocol::parse_ok(payload, negotiated_);
    if (!ok) return fail("the server's OK packet is malformed");
    status_ = ok->status;
    stage_ = Stage::over;
    return {Step::Kind::done, {}};
  }
  auto action = auth_->on_packet(payload);
  switch (action.kind) {
    case protocol::AuthAction::Kind::send:
      return {Step::Kind::send, std::move(action.payload)};
    case protocol::AuthAction::Kind::wait:
    case protocol::AuthAction::Kind::accept:
      return {Step::Kind::wait, {}};
    case protocol::AuthAction::Kind::refuse:
      break;
  }
  return fail("can't authenticate: " + std::string(auth_->refusal()));
}

BackendLogin::Step BackendLogin::fail(std::string why) {
  stage_ = Stage::over;
  error_ = std::move(why);
  return {Step::Kind::failed, {}};
}

BackendLogin::Step BackendLogin::fail_with(Bytes err_payload) {
  const auto err = protocol::parse_err(err_payload);
  if (!err) return fail("the server's error packet is malformed");
  error_code_ = err->code;
  sqlstate_ = err->sqlstate.empty() ? "HY000" : err->sqlstate;
  return fail(std::string(err->message));
}

}  // namespace sluice::proxy
