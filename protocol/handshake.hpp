// The connection phase's packets, both directions, as payloads without packet headers.
// Source: MySQL internals manual, "Protocol::HandshakeV10", "Protocol::HandshakeResponse41", "Protocol::SSLRequest",
// "Protocol::AuthSwitchRequest", "COM_CHANGE_USER"; MariaDB knowledge base, "Connection".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/status.hpp"

namespace sluice::protocol {

using Nonce = std::array<std::uint8_t, 20>;  // no byte of it may be 0 (clients treat it as text) or '$'

struct Greeting {
  std::string server_version;
  std::uint32_t connection_id = 0;
  Nonce nonce{};
  Capabilities capabilities = 0;
  std::uint8_t collation = 45;
  StatusFlags status = status::autocommit;
  std::string auth_plugin;
};

struct HandshakeResponse {
  Capabilities capabilities = 0;  // with MariaDB's extended ones if client_mysql is unset
  std::uint32_t packet_max = 1U << 24;
  std::uint8_t collation = 45;
  std::string user;
  ByteBuffer auth_response;
  std::string schema;                                           // empty: none
  std::string auth_plugin;                                      // empty: not told
  std::vector<std::pair<std::string, std::string>> attributes;  // bounded: the sum is 64 KiB at most
};

struct SslRequest {
  Capabilities capabilities = 0;
  std::uint32_t packet_max = 1U << 24;
  std::uint8_t collation = 45;
};

struct AuthSwitch {
  std::string auth_plugin;
  ByteBuffer data;  // without the trailing 0 byte
};

struct ChangeUser {  // payload of COM_CHANGE_USER after its command byte
  std::string user;
  ByteBuffer auth_response;
  std::string schema;
  std::uint16_t collation = 45;
  std::string auth_plugin;
  std::vector<std::pair<std::string, std::string>> attributes;  // as in HandshakeResponse
};

constexpr std::size_t connect_attributes_max = 1U << 16;

[[nodiscard]] std::optional<Greeting> parse_greeting(Bytes payload);
[[nodiscard]] ByteBuffer encode_greeting(const Greeting& greeting);

// A 32-byte payload with cap::ssl is an SSLRequest; otherwise the payload is a HandshakeResponse.
[[nodiscard]] bool is_ssl_request(Bytes payload);
[[nodiscard]] std::optional<SslRequest> parse_ssl_request(Bytes payload);
[[nodiscard]] ByteBuffer encode_ssl_request(const SslRequest& request);

[[nodiscard]] std::optional<HandshakeResponse> parse_handshake_response(Bytes payload);
[[nodiscard]] ByteBuffer encode_handshake_response(const HandshakeResponse& response);

[[nodiscard]] std::optional<AuthSwitch> parse_auth_switch(Bytes payload);  // payload starts at its 0xfe byte
[[nodiscard]] ByteBuffer encode_auth_switch(const AuthSwitch& request);

[[nodiscard]] std::optional<ChangeUser> parse_change_user(Bytes payload, Capabilities negotiated);
[[nodiscard]] ByteBuffer encode_change_user(const ChangeUser& change, Capabilities negotiated);  // with command byte

}  // namespace sluice::protocol
