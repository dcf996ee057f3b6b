// Authentication as two small state machines without I/O: one proves a client to us, one proves us to a server.
// Methods: mysql_native_password and caching_sha2_password (fast path, full path in clear over a secure channel, full
// path by RSA), and switch requests. Source: MySQL internals manual, "Authentication Methods"; MariaDB knowledge base,
// "Connection"; the formulas stand beside their functions in auth_methods.hpp.
//
// Flow (server side): `auto action = auth.start(plugin, response)`; while action.kind is `send`, send action.payload as
// the next packet and pass the peer's next payload to `on_packet`. `accept`: send action.payload first if there is one,
// then OK. `refuse`: error 1045.
// Flow (client side): `respond(plugin, nonce)` gives the bytes for the handshake response; every later auth packet
// (switch 0xfe, more-data 0x01) goes to `on_packet`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/auth_methods.hpp"
#include "protocol/bytes.hpp"
#include "protocol/handshake.hpp"

namespace sluice::protocol {

constexpr std::string_view native_password_plugin = "mysql_native_password";
constexpr std::string_view caching_sha2_plugin = "caching_sha2_password";

// What is known of an account to prove a client. Any one of the three is enough; the password serves every method.
struct Credential {
  std::optional<std::string> password;           // clear text, from the configuration
  std::optional<Sha1> native_hash;               // SHA1(SHA1(password)): the 40 hex digits after '*'
  std::optional<std::string> caching_sha2_hash;  // "$A$005$…": salt and digest as mysql.user stores them
  std::optional<Sha256> caching_sha2_fast;       // SHA256(SHA256(password)), learned by a full authentication
};

// Reads "*<40 hex digits>" or "$A$…" into a credential. nullopt: neither.
[[nodiscard]] std::optional<Credential> parse_password_hash(std::string_view hash);

// What logs us on to a server in a client's name.
struct Secret {
  std::optional<std::string> password;
  std::optional<Sha1> native_stage1;  // SHA1(password), learned from a client's proof by mysql_native_password
  // SHA256(password), learned from a fast caching_sha2 proof: logs on where the server has the account in its cache.
  std::optional<Sha256> sha2_stage1;
};

struct AuthAction {
  enum class Kind : std::uint8_t { send, wait, accept, refuse };  // wait: nothing to send, the peer goes on
  Kind kind = Kind::refuse;
  ByteBuffer payload;
};

// RSA is not pure (it draws random numbers), so the caller lends it. Each may be empty: then that path is refused.
struct ServerRsa {
  std::string public_key_pem;
  std::function<std::optional<ByteBuffer>(Bytes encrypted)> decrypt;  // PKCS1 OAEP
};
using ClientRsa = std::function<std::optional<ByteBuffer>(std::string_view public_key_pem, Bytes plain)>;

// Proves one client. Made after its handshake response is known (unknown user: pass nullptr, the exchange is the same
// as with a wrong password, so that accounts cannot be guessed).
class ServerAuth {
 public:
  // `credential` and `rsa` must outlive this. `plugin`: the method that the account wants; `nonce`: the greeting's.
  ServerAuth(const Credential* credential, std::string_view plugin, const Nonce& nonce, bool secure_channel,
             const ServerRsa* rsa);

  [[nodiscard]] AuthAction start(std::string_view client_plugin, Bytes response);
  [[nodiscard]] AuthAction on_packet(Bytes payload);

  // The client sent a password (for the server's "(using password: YES)").
  [[nodiscard]] bool used_password() const { return used_password_; }
  // After `accept`: what was learned that logs on to servers in this client's name.
  [[nodiscard]] const Secret& secret() const { return secret_; }
  // After `accept` by a full caching_sha2 exchange: the fast-path digest to remember in the credential.
  [[nodiscard]] const std::optional<Sha256>& learned_fast() const { return learned_fast_; }

 private:
  enum class Stage : std::uint8_t {
    new_client,
    response,       // the answer to a switch request
    full_password,  // the password, in clear or encrypted, or a request for the public key
    encrypted,      // the password encrypted with the key that was sent
    finished,
  };

  [[nodiscard]] AuthAction check(Bytes response);
  [[nodiscard]] AuthAction check_native(Bytes response);
  [[nodiscard]] AuthAction check_fast(Bytes response);
  [[nodiscard]] AuthAction on_full_password(Bytes payload);
  [[nodiscard]] AuthAction on_encrypted(Bytes payload);
  [[nodiscard]] AuthAction check_full(Bytes terminated_password);
  [[nodiscard]] bool password_fits(std::string_view password) const;
  [[nodiscard]] bool empty_password() const;
  [[nodiscard]] AuthAction accept(ByteBuffer last_words = {});
  [[nodiscard]] AuthAction refuse();

  const Credential* credential_;
  Nonce nonce_;
  const ServerRsa* rsa_;  // null: no RSA
  bool secure_channel_;
  bool caching_sha2_;  // the method in use; else native
  Stage stage_ = Stage::new_client;
  bool used_password_ = false;
  Secret secret_;
  std::optional<Sha256> learned_fast_;
};

// Proves us to one server.
class ClientAuth {
 public:
  // `secret` must outlive this. `secure_channel`: TLS or a unix socket.
  ClientAuth(const Secret& secret, bool secure_channel, ClientRsa rsa);

  // The auth response for the handshake response packet. An unknown plugin gives the native answer; the server
  // switches.
  [[nodiscard]] ByteBuffer respond(std::string_view plugin, const Nonce& nonce);
  // A packet that is neither OK nor ERR. `send`: answer with the payload (it may be empty: an empty packet); `wait`:
  // the server goes on by itself; `refuse`: the exchange can't go on, and `refusal()` says why.
  [[nodiscard]] AuthAction on_packet(Bytes payload);
  [[nodiscard]] std::string_view refusal() const { return refusal_; }

 private:
  enum class Stage : std::uint8_t { proof, switched, public_key, full_sent };

  [[nodiscard]] AuthAction on_switch(Bytes payload);
  [[nodiscard]] AuthAction on_more_data(Bytes data);
  [[nodiscard]] AuthAction send_full_password();
  [[nodiscard]] AuthAction send_encrypted(std::string_view public_key_pem);
  [[nodiscard]] std::optional<ByteBuffer> native_answer() const;
  [[nodiscard]] std::optional<ByteBuffer> sha2_answer() const;
  [[nodiscard]] AuthAction refuse(std::string_view why);

  const Secret* secret_;
  ClientRsa rsa_;
  Nonce nonce_{};
  bool secure_channel_;
  bool caching_sha2_ = false;  // the method in use; else native
  Stage stage_ = Stage::proof;
  std::string_view refusal_;
};

}  // namespace sluice::protocol
