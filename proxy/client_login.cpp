#include "proxy/client_login.hpp"

#include "protocol/response.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
namespace cap = protocol::cap;

ByteBuffer ClientLogin::greeting() const {
  protocol::Greeting greeting;
  greeting.server_version = options_.server_version;
  greeting.connection_id = options_.connection_id;
  greeting.nonce = options_.nonce;
  greeting.capabilities = options_.offered;
  greeting.auth_plugin = options_.auth_plugin;
  return protocol::encode_greeting(greeting);
}

ClientLogin::Step ClientLogin::on_packet(Bytes payload) {
  switch (stage_) {
    case Stage::first:
      if (protocol::is_ssl_request(payload) && protocol::has(options_.offered, cap::ssl)) {
        stage_ = Stage::after_tls;
        tls_ = true;
        return {Step::Kind::start_tls, {}};
      }
      return on_response(payload);
    case Stage::after_tls:
      return on_response(payload);
    case Stage::authenticating:
      return on_action(auth_->on_packet(payload));
    case Stage::over:
      break;
  }
  return {};
}

// Some clients (PHP's mysqlnd) set what they were told to use, offered or not. What follows would be packed in a way
// that nobody here unpacks: both sides would wait for ever.
std::string_view ClientLogin::unheard_of(protocol::Capabilities wanted) const {
  if (protocol::has(wanted, cap::compress)) return "compression (CLIENT_COMPRESS)";
  if (protocol::has(wanted, cap::zstd_compression)) return "compression (CLIENT_ZSTD_COMPRESSION_ALGORITHM)";
  if (protocol::has(wanted, cap::ssl) && !tls_) return "TLS (CLIENT_SSL) after the place where it begins";
  return {};
}

ClientLogin::Step ClientLogin::on_response(Bytes payload) {
  auto response = protocol::parse_handshake_response(payload);
  if (!response) return {};
  capabilities_ = response->capabilities & options_.offered;
  if (const auto what = unheard_of(response->capabilities); !what.empty()) {
    user_ = std::move(response->user);
    return refuse(1043, "08S01",
                  "Bad handshake: the client asks for " + std::string(what) +
                      ", which was not offered. Switch it off in the client's options.");
  }
  if (!protocol::has(capabilities_, cap::protocol_41 | cap::secure_connection)) {
    return refuse(
        1251, "08004",
        "Client does not support authentication protocol requested by server; consider upgrading MariaDB client");
  }
  user_ = std::move(response->user);
  schema_ = std::move(response->schema);
  collation_ = response->collation;
  if (options_.require_tls && !tls_ && !options_.unix_socket) {
    return refuse(3159, "08004",
                  "Connections using insecure transport are prohibited while --require_secure_transport=ON.");
  }
  return authenticate(response->auth_plugin, response->auth_response);
}

ClientLogin::Step ClientLogin::change_user(Bytes payload, const protocol::Nonce& nonce) {
  auto change = protocol::parse_change_user(payload, capabilities_);
  if (!change) return refuse(1047, "08S01", "Unknown command");
  user_ = std::move(change->user);
  schema_ = std::move(change->schema);
  collation_ = static_cast<std::uint8_t>(change->collation);
  // As on a server, the proof that came along was made with the nonce that the client was sent last. Asking for another
  // one would be safer, but Connector/C cannot answer a switch request to the method that it has just used.
  account_ = options_.find_account(user_);
  if (!change->auth_plugin.empty() && change->auth_plugin != wanted_plugin()) options_.nonce = nonce;
  return authenticate(change->auth_plugin, change->auth_response);
}

const std::string& ClientLogin::wanted_plugin() const {
  return account_ != nullptr ? account_->auth_plugin : options_.auth_plugin;
}

ClientLogin::Step ClientLogin::authenticate(const std::string& plugin, Bytes response) {
  account_ = options_.find_account(user_);
  auth_.emplace(account_ != nullptr ? &account_->credential : nullptr, wanted_plugin(), options_.nonce,
                tls_ || options_.unix_socket, options_.rsa);
  stage_ = Stage::authenticating;
  return on_action(auth_->start(plugin, response));
}

ClientLogin::Step ClientLogin::on_action(protocol::AuthAction action) {
  switch (action.kind) {
    case protocol::AuthAction::Kind::send:
      return {Step::Kind::send, std::move(action.payload)};
    case protocol::AuthAction::Kind::accept:
      stage_ = Stage::over;
      return {Step::Kind::accepted, std::move(action.payload)};
    case protocol::AuthAction::Kind::wait:
    case protocol::AuthAction::Kind::refuse:
      break;
  }
  return refuse(1045, "28000",
                "Access denied for user '" + user_ + "'@'" + options_.client_host +
                    "' (using password: " + (auth_->used_password() ? "YES" : "NO") + ")");
}

ClientLogin::Step ClientLogin::refuse(std::uint16_t code, std::string_view sqlstate, const std::string& text) {
  stage_ = Stage::over;
  Step step{Step::Kind::refused, {}};
  protocol::append_err(step.payload, {code, sqlstate, text});
  return step;
}

}  // namespace sluice::proxy
