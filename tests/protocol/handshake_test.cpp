#include "protocol/handshake.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "protocol/auth.hpp"
#include "wire.hpp"

namespace sluice::protocol {
namespace {

constexpr Capabilities base = cap::protocol_41 | cap::secure_connection;

Nonce nonce_of(std::string_view text) {
  Nonce nonce{};
  std::copy_n(text.begin(), nonce.size(), nonce.begin());
  return nonce;
}

// Every shorter payload must fail, except those of the given lengths, which leave an optional end out.
void expect_cuts_fail(const ByteBuffer& payload, const std::function<bool(Bytes)>& parses,
                      const std::vector<std::size_t>& optional_ends = {}) {
  EXPECT_TRUE(parses(payload));
  for (std::size_t cut = 0; cut < payload.size(); ++cut) {
    const bool allowed = std::find(optional_ends.begin(), optional_ends.end(), cut) != optional_ends.end();
    EXPECT_EQ(parses(Bytes(payload).first(cut)), allowed) << "cut at " << cut;
  }
}

const ByteBuffer mysql_greeting =
    hex("0a '8.0.36' 00 0b 00 00 00 'abcdefgh' 00 ff ff ff 02 00 ff df 15 00 00 00 00 00 00 00 00 00 00"
        "'ijklmnopqrst' 00 'caching_sha2_password' 00");

TEST(Greeting, OfMySql) {
  const auto greeting = parse_greeting(mysql_greeting);
  ASSERT_TRUE(greeting);
  EXPECT_EQ(greeting->server_version, "8.0.36");
  EXPECT_EQ(greeting->connection_id, 11U);
  EXPECT_EQ(greeting->nonce, nonce_of("abcdefghijklmnopqrst"));
  EXPECT_EQ(greeting->capabilities, 0xdfffffffU);
  EXPECT_EQ(greeting->collation, 255);
  EXPECT_EQ(greeting->status, status::autocommit);
  EXPECT_EQ(greeting->auth_plugin, "caching_sha2_password");
  EXPECT_EQ(show(encode_greeting(*greeting)), show(mysql_greeting));
}

// MariaDB leaves bit 0 unset and has more capabilities in bytes that MySQL keeps zero.
TEST(Greeting, OfMariaDb) {
  const ByteBuffer bytes = hex(
      "0a '5.5.5-10.11.6-MariaDB' 00 2a 00 00 00 'abcdefgh' 00 fe f7 2d 02 00 ff 81 15 00 00 00 00 00 00 1d 00 00 00"
      "'ijklmnopqrst' 00 'mysql_native_password' 00");
  const auto greeting = parse_greeting(bytes);
  ASSERT_TRUE(greeting);
  EXPECT_FALSE(has(greeting->capabilities, cap::client_mysql));
  EXPECT_EQ(greeting->capabilities >> 32, 0x1dU);
  EXPECT_TRUE(has(greeting->capabilities, cap::mariadb_cache_metadata));
  EXPECT_EQ(show(encode_greeting(*greeting)), show(bytes));
}

TEST(Greeting, CutsFail) {
  // The method's name may lack its zero, or its end: then it's another name.
  std::vector<std::size_t> in_the_name;
  for (std::size_t i = mysql_greeting.size() - 22; i < mysql_greeting.size(); ++i) in_the_name.push_back(i);
  expect_cuts_fail(mysql_greeting, [](Bytes bytes) { return parse_greeting(bytes).has_value(); }, in_the_name);
}

TEST(Greeting, OtherProtocolsAreRefused) {
  ByteBuffer version9 = mysql_greeting;
  version9[0] = 9;
  EXPECT_FALSE(parse_greeting(version9));
  Greeting old;
  old.capabilities = cap::secure_connection;
  EXPECT_FALSE(parse_greeting(encode_greeting(old)));
}

TEST(Greeting, WithoutPluginAuthHasNoName) {
  Greeting greeting;
  greeting.capabilities = base;
  greeting.server_version = "5.1";
  greeting.nonce = nonce_of("abcdefghijklmnopqrst");
  greeting.auth_plugin = "dropped";
  const auto again = parse_greeting(encode_greeting(greeting));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->auth_plugin, "");
  EXPECT_EQ(again->nonce, greeting.nonce);
}

TEST(SslRequest, RoundTripAndRecognition) {
  const ByteBuffer bytes =
      hex("05 aa 3e 20 00 00 00 01 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
  ByteBuffer with_ssl = bytes;
  with_ssl[1] |= 0x08;
  EXPECT_TRUE(is_ssl_request(with_ssl));
  const auto request = parse_ssl_request(with_ssl);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->packet_max, 1U << 24);
  EXPECT_EQ(request->collation, 8);
  EXPECT_EQ(show(encode_ssl_request(*request)), show(with_ssl));
  ByteBuffer without = with_ssl;
  without[1] = 0x02;
  EXPECT_FALSE(is_ssl_request(without));
  expect_cuts_fail(with_ssl, [](Bytes part) { return parse_ssl_request(part).has_value(); });
}

HandshakeResponse full_response() {
  HandshakeResponse response;
  response.capabilities = base | cap::connect_with_db | cap::plugin_auth | cap::plugin_auth_lenenc_data |
                          cap::connect_attrs | cap::mariadb_stmt_bulk;
  response.user = "app";
  response.auth_response = ByteBuffer(20, 0x42);
  response.schema = "db1";
  response.auth_plugin = native_password_plugin;
  response.attributes = {{"_os", "Linux"}, {"_pid", "7"}};
  return response;
}

TEST(HandshakeResponse, BytesOnTheWire) {
  const ByteBuffer bytes = encode_handshake_response(full_response());
  EXPECT_EQ(show(bytes),
            show(hex("08 82 38 00 00 00 00 01 2d 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 00 00 00"
                     "'app' 00 14 'BBBBBBBBBBBBBBBBBBBB' 'db1' 00 'mysql_native_password' 00"
                     "11 03 '_os' 05 'Linux' 04 '_pid' 01 '7'")));
}

TEST(HandshakeResponse, RoundTripInEveryCombination) {
  for (const Capabilities auth : {Capabilities{0}, cap::secure_connection, cap::plugin_auth_lenenc_data}) {
    for (const Capabilities optional : {Capabilities{0}, cap::connect_with_db, cap::plugin_auth, cap::connect_attrs,
                                        cap::connect_with_db | cap::plugin_auth | cap::connect_attrs}) {
      HandshakeResponse sent = full_response();
      sent.capabilities = cap::protocol_41 | auth | optional;
      const auto got = parse_handshake_response(encode_handshake_response(sent));
      ASSERT_TRUE(got);
      EXPECT_EQ(got->capabilities, sent.capabilities);
      EXPECT_EQ(got->user, sent.user);
      EXPECT_EQ(got->auth_response, sent.auth_response);
      EXPECT_EQ(got->schema, has(optional, cap::connect_with_db) ? "db1" : "");
      EXPECT_EQ(got->auth_plugin, has(optional, cap::plugin_auth) ? native_password_plugin : "");
      EXPECT_EQ(got->attributes.size(), has(optional, cap::connect_attrs) ? 2U : 0U);
      expect_cuts_fail(
          encode_handshake_response(sent), [](Bytes part) { return parse_handshake_response(part).has_value(); },
          has(optional, cap::plugin_auth) && !has(optional, cap::connect_attrs) ? [&] {
            std::vector<std::size_t> in_the_name;
            const std::size_t size = encode_handshake_response(sent).size();
            for (std::size_t i = size - 22; i < size; ++i) in_the_name.push_back(i);
            return in_the_name;
          }()
                                                                                : std::vector<std::size_t>{});
    }
  }
}

TEST(HandshakeResponse, ExtendedCapabilitiesOnlyFromMariaDb) {
  HandshakeResponse response = full_response();
  response.capabilities |= cap::client_mysql;
  const auto got = parse_handshake_response(encode_handshake_response(response));
  EXPECT_EQ(got->capabilities >> 32, 0U);
  ByteBuffer bytes = encode_handshake_response(response);
  bytes[28] = 0xff;  // what a MySQL client leaves there means nothing
  EXPECT_EQ(parse_handshake_response(bytes)->capabilities >> 32, 0U);
  EXPECT_EQ(parse_handshake_response(encode_handshake_response(full_response()))->capabilities >> 32, 4U);
}

TEST(HandshakeResponse, FromBefore41IsRefused) {
  HandshakeResponse response = full_response();
  response.capabilities &= ~cap::protocol_41;
  EXPECT_FALSE(parse_handshake_response(encode_handshake_response(response)));
}

TEST(HandshakeResponse, AttributesAreBounded) {
  HandshakeResponse response = full_response();
  response.attributes = {{"k", std::string(connect_attributes_max - 5, 'v')}};  // with lengths: 64 KiB exactly
  EXPECT_TRUE(parse_handshake_response(encode_handshake_response(response)));
  response.attributes[0].second += 'v';
  EXPECT_FALSE(parse_handshake_response(encode_handshake_response(response)));
}

TEST(AuthSwitch, RoundTrip) {
  const ByteBuffer bytes = hex("fe 'mysql_native_password' 00 'abcdefghijklmnopqrst' 00");
  const auto request = parse_auth_switch(bytes);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->auth_plugin, native_password_plugin);
  EXPECT_EQ(as_text(request->data), "abcdefghijklmnopqrst");
  EXPECT_EQ(encode_auth_switch(*request), bytes);
}

TEST(AuthSwitch, ToTheMethodFromBefore41) {
  EXPECT_EQ(parse_auth_switch(hex("fe"))->auth_plugin, "mysql_old_password");
  EXPECT_FALSE(parse_auth_switch(hex("00")));
  EXPECT_FALSE(parse_auth_switch(hex("fe 'unended'")));
  EXPECT_FALSE(parse_auth_switch({}));
}

TEST(ChangeUser, RoundTrip) {
  ChangeUser change;
  change.user = "app";
  change.auth_response = ByteBuffer(20, 0x42);
  change.schema = "db1";
  change.auth_plugin = native_password_plugin;
  change.attributes = {{"a", "b"}};
  const Capabilities caps = base | cap::plugin_auth | cap::plugin_auth_lenenc_data | cap::connect_attrs;
  const ByteBuffer bytes = encode_change_user(change, caps);
  EXPECT_EQ(show(bytes), show(hex("11 'app' 00 14 'BBBBBBBBBBBBBBBBBBBB' 'db1' 00 2d 00 'mysql_native_password' 00"
                                  "04 01 'a' 01 'b'")));
  const auto got = parse_change_user(Bytes(bytes).subspan(1), caps);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->user, change.user);
  EXPECT_EQ(got->auth_response, change.auth_response);
  EXPECT_EQ(got->schema, change.schema);
  EXPECT_EQ(got->collation, 45);
  EXPECT_EQ(got->auth_plugin, change.auth_plugin);
  EXPECT_EQ(got->attributes, change.attributes);
}

TEST(ChangeUser, MayEndAfterTheSchema) {
  const ByteBuffer payload = hex("'app' 00 02 'xy' 'db1' 00");
  const auto got = parse_change_user(payload, base | cap::plugin_auth | cap::connect_attrs);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->schema, "db1");
  EXPECT_EQ(got->auth_plugin, "");
  expect_cuts_fail(payload, [](Bytes part) { return parse_change_user(part, base | cap::plugin_auth).has_value(); });
}

}  // namespace
}  // namespace sluice::protocol
