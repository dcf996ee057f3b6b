#include "protocol/handshake.hpp"

#include <algorithm>
#include <cassert>

#include "protocol/command.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t protocol_version = 10;
constexpr std::uint8_t auth_switch_byte = 0xfe;
constexpr std::size_t nonce_first_part = 8;
constexpr std::size_t nonce_second_part_min = 13;  // twelve bytes and a zero
constexpr std::size_t ssl_request_size = 32;
constexpr Capabilities extended = ~Capabilities{0xffffffff};

using Attributes = std::vector<std::pair<std::string, std::string>>;

// MariaDB's extended capabilities stand in bytes that MySQL keeps zero, and count only from a peer that says that it
// isn't MySQL.
Capabilities with_extended(Capabilities basic, std::uint32_t upper) {
  return has(basic, cap::client_mysql) ? basic : basic | (Capabilities{upper} << 32);
}
std::uint32_t extended_part(Capabilities capabilities) {
  return has(capabilities, cap::client_mysql) ? 0 : static_cast<std::uint32_t>((capabilities & extended) >> 32);
}

// The fields that SSLRequest and HandshakeResponse41 begin with: 32 bytes.
SslRequest read_client_start(Reader& in) {
  SslRequest start;
  const Capabilities basic = in.u32();
  start.packet_max = in.u32();
  start.collation = in.u8();
  in.skip(19);
  start.capabilities = with_extended(basic, in.u32());
  return start;
}

void write_client_start(Writer& writer, Capabilities capabilities, std::uint32_t packet_max, std::uint8_t collation) {
  writer.u32(static_cast<std::uint32_t>(capabilities)).u32(packet_max).u8(collation).zeros(19);
  writer.u32(extended_part(capabilities));
}

Attributes read_attributes(Reader& in) {
  const Bytes block = in.lenenc_bytes();
  if (block.size() > connect_attributes_max) in.fail();
  Attributes attributes;
  Reader entries(block);
  while (in.ok() && !entries.at_end()) {
    const std::string_view key = entries.lenenc_text();
    const std::string_view value = entries.lenenc_text();
    if (!entries.ok()) in.fail();
    if (in.ok()) attributes.emplace_back(key, value);
  }
  return attributes;
}

void write_attributes(Writer& writer, const Attributes& attributes) {
  ByteBuffer block;
  Writer entries(block);
  for (const auto& [key, value] : attributes) entries.lenenc_text(key).lenenc_text(value);
  writer.lenenc_bytes(block);
}

ByteBuffer copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

Bytes read_auth_response(Reader& in, Capabilities capabilities) {
  if (has(capabilities, cap::plugin_auth_lenenc_data)) return in.lenenc_bytes();
  if (has(capabilities, cap::secure_connection)) return in.bytes(in.u8());
  return as_bytes(in.nul_text());
}

void write_auth_response(Writer& writer, Bytes response, Capabilities capabilities) {
  if (has(capabilities, cap::plugin_auth_lenenc_data)) {
    writer.lenenc_bytes(response);
  } else if (has(capabilities, cap::secure_connection)) {
    assert(response.size() <= 0xff);  // ours: a scramble of 20 or 32 bytes
    writer.u8(static_cast<std::uint8_t>(response.size())).bytes(response);
  } else {
    writer.nul_text(as_text(response));
  }
}

}  // namespace

std::optional<Greeting> parse_greeting(Bytes payload) {
  Reader in(payload);
  if (in.u8() != protocol_version) return std::nullopt;
  Greeting greeting;
  greeting.server_version = in.nul_text();
  greeting.connection_id = in.u32();
  const Bytes first_part = in.bytes(nonce_first_part);
  in.skip(1);
  const std::uint32_t lower = in.u16();
  greeting.collation = in.u8();
  greeting.status = in.u16();
  const std::uint32_t basic = lower | (std::uint32_t{in.u16()} << 16);
  const std::size_t nonce_size = in.u8();
  in.skip(6);
  greeting.capabilities = with_extended(basic, in.u32());
  const std::size_t wanted = std::max(nonce_second_part_min, nonce_size - std::min(nonce_size, nonce_first_part));
  const Bytes second_part = in.bytes(wanted);
  if (!in.ok() || !has(basic, cap::protocol_41)) return std::nullopt;
  std::copy(first_part.begin(), first_part.end(), greeting.nonce.begin());
  std::copy_n(second_part.begin(), greeting.nonce.size() - nonce_first_part, greeting.nonce.begin() + nonce_first_part);
  // Some servers of the 5.5 and 5.6 series send the name without its zero.
  if (has(basic, cap::plugin_auth)) greeting.auth_plugin = in.nul_or_end_text();
  return greeting;
}

ByteBuffer encode_greeting(const Greeting& greeting) {
  const Bytes nonce(greeting.nonce);
  const auto basic = static_cast<std::uint32_t>(greeting.capabilities);
  const bool plugin_auth = has(greeting.capabilities, cap::plugin_auth);
  ByteBuffer out;
  Writer writer(out);
  writer.u8(protocol_version).nul_text(greeting.server_version).u32(greeting.connection_id);
  writer.bytes(nonce.first(nonce_first_part)).u8(0).u16(static_cast<std::uint16_t>(basic));
  writer.u8(greeting.collation).u16(greeting.status).u16(static_cast<std::uint16_t>(basic >> 16));
  writer.u8(plugin_auth ? static_cast<std::uint8_t>(nonce.size() + 1) : std::uint8_t{0});
  writer.zeros(6).u32(extended_part(greeting.capabilities));
  writer.bytes(nonce.subspan(nonce_first_part)).u8(0);
  if (plugin_auth) writer.nul_text(greeting.auth_plugin);
  return out;
}

bool is_ssl_request(Bytes payload) {
  return payload.size() == ssl_request_size && has(Reader(payload).u32(), cap::ssl);
}

std::optional<SslRequest> parse_ssl_request(Bytes payload) {
  if (!is_ssl_request(payload)) return std::nullopt;
  Reader in(payload);
  const SslRequest request = read_client_start(in);
  if (!has(request.capabilities, cap::protocol_41)) return std::nullopt;
  return request;
}

ByteBuffer encode_ssl_request(const SslRequest& request) {
  ByteBuffer out;
  Writer writer(out);
  write_client_start(writer, request.capabilities | cap::ssl, request.packet_max, request.collation);
  return out;
}

std::optional<HandshakeResponse> parse_handshake_response(Bytes payload) {
  Reader in(payload);
  const SslRequest start = read_client_start(in);
  if (!in.ok() || !has(start.capabilities, cap::protocol_41)) return std::nullopt;
  HandshakeResponse response;
  response.capabilities = start.capabilities;
  response.packet_max = start.packet_max;
  response.collation = start.collation;
  response.user = in.nul_text();
  response.auth_response = copy(read_auth_response(in, start.capabilities));
  if (has(start.capabilities, cap::connect_with_db)) response.schema = in.nul_text();
  if (has(start.capabilities, cap::plugin_auth)) response.auth_plugin = in.nul_or_end_text();
  if (has(start.capabilities, cap::connect_attrs)) response.attributes = read_attributes(in);
  if (!in.ok()) return std::nullopt;
  return response;
}

ByteBuffer encode_handshake_response(const HandshakeResponse& response) {
  ByteBuffer out;
  Writer writer(out);
  write_client_start(writer, response.capabilities, response.packet_max, response.collation);
  writer.nul_text(response.user);
  write_auth_response(writer, response.auth_response, response.capabilities);
  if (has(response.capabilities, cap::connect_with_db)) writer.nul_text(response.schema);
  if (has(response.capabilities, cap::plugin_auth)) writer.nul_text(response.auth_plugin);
  if (has(response.capabilities, cap::connect_attrs)) write_attributes(writer, response.attributes);
  return out;
}

std::optional<AuthSwitch> parse_auth_switch(Bytes payload) {
  Reader in(payload);
  if (in.u8() != auth_switch_byte) return std::nullopt;
  AuthSwitch request;
  // The byte alone asks for the method from before 4.1, which has a name too.
  if (in.at_end()) return AuthSwitch{"mysql_old_password", {}};
  request.auth_plugin = in.nul_text();
  request.data = copy(in.rest());
  if (!in.ok()) return std::nullopt;
  if (!request.data.empty() && request.data.back() == 0) request.data.pop_back();
  return request;
}

ByteBuffer encode_auth_switch(const AuthSwitch& request) {
  ByteBuffer out;
  Writer(out).u8(auth_switch_byte).nul_text(request.auth_plugin).bytes(request.data).u8(0);
  return out;
}

std::optional<ChangeUser> parse_change_user(Bytes payload, Capabilities negotiated) {
  Reader in(payload);
  ChangeUser change;
  change.user = in.nul_text();
  const Bytes response = has(negotiated, cap::secure_connection) ? in.bytes(in.u8()) : as_bytes(in.nul_text());
  change.auth_response = copy(response);
  change.schema = in.nul_text();
  // What follows came later to the protocol, piece by piece; clients leave the end out.
  if (!in.at_end()) change.collation = in.u16();
  if (has(negotiated, cap::plugin_auth) && !in.at_end()) change.auth_plugin = in.nul_or_end_text();
  if (has(negotiated, cap::connect_attrs) && !in.at_end()) change.attributes = read_attributes(in);
  if (!in.ok()) return std::nullopt;
  return change;
}

ByteBuffer encode_change_user(const ChangeUser& change, Capabilities negotiated) {
  ByteBuffer out;
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(Command::change_user)).nul_text(change.user);
  // One byte of length whatever PLUGIN_AUTH_LENENC_DATA says: that flag is for the handshake response alone.
  write_auth_response(writer, change.auth_response, negotiated & ~cap::plugin_auth_lenenc_data);
  writer.nul_text(change.schema).u16(change.collation);
  if (has(negotiated, cap::plugin_auth)) writer.nul_text(change.auth_plugin);
  if (has(negotiated, cap::connect_attrs)) write_attributes(writer, change.attributes);
  return out;
}

}  // namespace sluice::protocol
