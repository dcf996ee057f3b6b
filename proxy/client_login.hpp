// The connection phase with one client, without I/O: its packets go in, what to do comes out.
//
// Flow: send `greeting()`; each packet of the client goes to `on_packet`; `send` step.payload with the next sequence
// number, `start_tls`, and in the end `accepted` (what is known then stands in the accessors), `refused` (send the
// error, close) or `garbage` (not a client: close). COM_CHANGE_USER starts again with `change_user`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/auth.hpp"
#include "protocol/handshake.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

using AccountPtr = std::shared_ptr<const Account>;

struct ClientLoginOptions {
  std::string server_version;
  std::uint32_t connection_id = 0;
  protocol::Nonce nonce{};
  protocol::Capabilities offered = 0;
  std::string client_host;  // as it stands in error 1045
  std::string auth_plugin;  // offered in the greeting
  bool unix_socket = false;
  bool require_tls = false;
  const protocol::ServerRsa* rsa = nullptr;
  std::function<AccountPtr(const std::string& user)> find_account;
};

class ClientLogin {
 public:
  struct Step {
    enum class Kind : std::uint8_t { send, start_tls, accepted, refused, garbage };
    Kind kind = Kind::garbage;
    protocol::ByteBuffer payload;  // `send`: the packet; `accepted`: a packet to send first, or empty; `refused`: ERR
  };

  explicit ClientLogin(ClientLoginOptions options) : options_(std::move(options)) {}
  // For COM_CHANGE_USER: what was negotiated at the first login stays.
  ClientLogin(ClientLoginOptions options, protocol::Capabilities negotiated, bool tls)
      : options_(std::move(options)), stage_(Stage::over), tls_(tls), capabilities_(negotiated) {}

  [[nodiscard]] protocol::ByteBuffer greeting() const;
  [[nodiscard]] Step on_packet(protocol::Bytes payload);
  // `payload`: after the command byte. The options' nonce is the one that the client knows; `nonce` is for a switch
  // request, if its method needs one.
  [[nodiscard]] Step change_user(protocol::Bytes payload, const protocol::Nonce& nonce);

  // After `accepted`.
  [[nodiscard]] const AccountPtr& account() const { return account_; }
  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const std::string& schema() const { return schema_; }
  [[nodiscard]] protocol::Capabilities capabilities() const { return capabilities_; }
  [[nodiscard]] std::uint8_t collation() const { return collation_; }
  [[nodiscard]] const protocol::Secret& secret() const { return auth_->secret(); }
  [[nodiscard]] const protocol::Nonce& nonce() const { return options_.nonce; }  // the one that the client knows

 private:
  enum class Stage : std::uint8_t { first, after_tls, authenticating, over };

  [[nodiscard]] Step on_response(protocol::Bytes payload);
  [[nodiscard]] std::string_view unheard_of(protocol::Capabilities wanted) const;
  [[nodiscard]] const std::string& wanted_plugin() const;
  [[nodiscard]] Step authenticate(const std::string& plugin, protocol::Bytes response);
  [[nodiscard]] Step on_action(protocol::AuthAction action);
  [[nodiscard]] Step refuse(std::uint16_t code, std::string_view sqlstate, const std::string& text);

  ClientLoginOptions options_;
  Stage stage_ = Stage::first;
  bool tls_ = false;
  protocol::Capabilities capabilities_ = 0;
  std::uint8_t collation_ = 45;
  std::string user_;
  std::string schema_;
  AccountPtr account_;
  std::optional<protocol::ServerAuth> auth_;
};

}  // namespace sluice::proxy
