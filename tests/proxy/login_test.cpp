// Both logins, without I/O: ours with a client, ours at a server, and the two against each other.
#include <gtest/gtest.h>

#include "protocol/response.hpp"
#include "proxy/backend_login.hpp"
#include "proxy/client_login.hpp"

namespace sluice::proxy {
namespace {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::Capabilities;
namespace cap = protocol::cap;
using ClientKind = ClientLogin::Step::Kind;
using ServerKind = BackendLogin::Step::Kind;

constexpr Capabilities offered = cap::client_mysql | cap::protocol_41 | cap::secure_connection | cap::plugin_auth |
                                 cap::plugin_auth_lenenc_data | cap::connect_with_db | cap::session_track |
                                 cap::deprecate_eof;

class LoginTest : public testing::Test {
 protected:
  LoginTest() {
    for (std::size_t i = 0; i < options.nonce.size(); ++i) options.nonce[i] = static_cast<std::uint8_t>('A' + i);
    options.server_version = "10.11.0-test";
    options.connection_id = 7;
    options.offered = offered;
    options.client_host = "localhost";
    options.auth_plugin = protocol::native_password_plugin;
    options.find_account = [this](const std::string& name) { return name == "app" ? account : nullptr; };
    account->user = "app";
    account->credential.password = "secret";
    account->auth_plugin = protocol::native_password_plugin;
  }

  ByteBuffer response(const std::string& user, const std::string& password, const std::string& plugin,
                      Capabilities more = 0) {
    const protocol::Secret secret{.password = password, .native_stage1 = {}, .sha2_stage1 = {}};
    protocol::ClientAuth auth(secret, false, {});
    protocol::HandshakeResponse made;
    made.capabilities = offered | more;
    made.user = user;
    made.schema = "s";
    made.collation = 33;
    made.auth_plugin = plugin;
    made.auth_response = auth.respond(plugin, options.nonce);
    return protocol::encode_handshake_response(made);
  }

  static protocol::ErrPacket error(const ByteBuffer& payload) {
    const auto parsed = protocol::parse_err(payload);
    EXPECT_TRUE(parsed.has_value());
    return parsed.value_or(protocol::ErrPacket{});
  }

  std::shared_ptr<Account> account = std::make_shared<Account>();
  ClientLoginOptions options;
};

TEST_F(LoginTest, NativePassword) {
  ClientLogin login(options);
  const auto greeting = protocol::parse_greeting(login.greeting());
  ASSERT_TRUE(greeting.has_value());
  EXPECT_EQ(greeting->nonce, options.nonce);
  EXPECT_EQ(greeting->connection_id, 7U);
  const auto step = login.on_packet(response("app", "secret", "mysql_native_password"));
  ASSERT_EQ(step.kind, ClientKind::accepted);
  EXPECT_EQ(login.user(), "app");
  EXPECT_EQ(login.schema(), "s");
  EXPECT_EQ(login.collation(), 33);
  EXPECT_EQ(login.account(), account);
  EXPECT_EQ(login.capabilities() & ~offered, 0U);
  EXPECT_EQ(login.on_packet(response("app", "secret", "mysql_native_password")).kind, ClientKind::garbage);
}

TEST_F(LoginTest, AnUnknownUserAndAWrongPasswordAreRefusedAlike) {
  for (const std::string name : {"app", "nobody"}) {
    ClientLogin login(options);
    const auto step = login.on_packet(response(name, "wrong", "mysql_native_password"));
    ASSERT_EQ(step.kind, ClientKind::refused);
    EXPECT_EQ(error(step.payload).code, 1045);
    EXPECT_EQ(error(step.payload).message, "Access denied for user '" + name + "'@'localhost' (using password: YES)");
  }
  ClientLogin login(options);
  const auto step = login.on_packet(response("app", "", "mysql_native_password"));
  EXPECT_EQ(error(step.payload).message, "Access denied for user 'app'@'localhost' (using password: NO)");
}

TEST_F(LoginTest, AnotherMethodIsSwitched) {
  account->auth_plugin = protocol::caching_sha2_plugin;
  ClientLogin login(options);
  auto step = login.on_packet(response("app", "secret", "mysql_native_password"));
  ASSERT_EQ(step.kind, ClientKind::send);
  const auto request = protocol::parse_auth_switch(step.payload);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->auth_plugin, "caching_sha2_password");
  const protocol::Secret secret{.password = "secret", .native_stage1 = {}, .sha2_stage1 = {}};
  protocol::ClientAuth auth(secret, false, {});
  protocol::Nonce nonce{};
  std::copy_n(request->data.begin(), nonce.size(), nonce.begin());
  step = login.on_packet(auth.respond("caching_sha2_password", nonce));
  EXPECT_EQ(step.kind, ClientKind::accepted);
  EXPECT_FALSE(step.payload.empty());  // "fast path worked" goes before the OK
}

TEST_F(LoginTest, TlsRequired) {
  options.require_tls = true;
  options.offered |= cap::ssl;
  {
    ClientLogin login(options);
    const auto step = login.on_packet(response("app", "secret", "mysql_native_password"));
    ASSERT_EQ(step.kind, ClientKind::refused);
    EXPECT_EQ(error(step.payload).code, 3159);
  }
  ClientLogin login(options);
  EXPECT_EQ(login.on_packet(protocol::encode_ssl_request({.capabilities = offered | cap::ssl})).kind,
            ClientKind::start_tls);
  EXPECT_EQ(login.on_packet(response("app", "secret", "mysql_native_password")).kind, ClientKind::accepted);
  options.unix_socket = true;
  ClientLogin local(options);
  EXPECT_EQ(local.on_packet(response("app", "secret", "mysql_native_password")).kind, ClientKind::accepted);
}

TEST_F(LoginTest, TlsThatWasNotOfferedIsGarbage) {
  ClientLogin login(options);
  EXPECT_EQ(login.on_packet(protocol::encode_ssl_request({.capabilities = offered | cap::ssl})).kind,
            ClientKind::garbage);
}

// What they change is how everything after the logon is packed.
TEST_F(LoginTest, FormsThatWereNotOfferedAreRefused) {
  options.offered |= cap::ssl;
  for (const auto& [flag, name] : {std::pair{cap::compress, "CLIENT_COMPRESS"},
                                   {cap::zstd_compression, "CLIENT_ZSTD"},
                                   {cap::ssl, "CLIENT_SSL"}}) {
    ClientLogin login(options);
    const auto step = login.on_packet(response("app", "secret", "mysql_native_password", flag));
    ASSERT_EQ(step.kind, ClientKind::refused) << name;
    EXPECT_EQ(error(step.payload).code, 1043);
    EXPECT_EQ(error(step.payload).sqlstate, "08S01");
    EXPECT_NE(error(step.payload).message.find(name), std::string::npos) << error(step.payload).message;
    EXPECT_EQ(login.user(), "app");
  }
  ClientLogin login(options);
  EXPECT_EQ(login.on_packet(protocol::encode_ssl_request({.capabilities = offered | cap::ssl})).kind,
            ClientKind::start_tls);
  EXPECT_EQ(login.on_packet(response("app", "secret", "mysql_native_password", cap::ssl)).kind, ClientKind::accepted);
}

TEST_F(LoginTest, OldClientsAndGarbage) {
  for (std::size_t cut = 0; cut < 32; ++cut) {
    ClientLogin login(options);
    ByteBuffer packet = response("app", "secret", "mysql_native_password");
    packet.resize(cut);
    EXPECT_EQ(login.on_packet(packet).kind, ClientKind::garbage) << cut;
  }
}

TEST_F(LoginTest, ChangeUser) {
  ClientLogin login(options, offered, false);
  const protocol::Secret secret{.password = "secret", .native_stage1 = {}, .sha2_stage1 = {}};
  protocol::ClientAuth auth(secret, false, {});
  protocol::ChangeUser change;
  change.user = "app";
  change.schema = "other";
  change.auth_plugin = protocol::native_password_plugin;
  change.auth_response = auth.respond(protocol::native_password_plugin, options.nonce);
  const ByteBuffer packet = protocol::encode_change_user(change, offered);
  EXPECT_EQ(login.change_user(Bytes(packet).subspan(1), protocol::Nonce{}).kind, ClientKind::accepted);
  EXPECT_EQ(login.schema(), "other");
  EXPECT_EQ(login.capabilities(), offered);

  ClientLogin stale(options, offered, false);
  protocol::Nonce other = options.nonce;
  other[0] ^= 1;
  change.auth_response = auth.respond(protocol::native_password_plugin, other);
  const ByteBuffer wrong = protocol::encode_change_user(change, offered);
  EXPECT_EQ(stale.change_user(Bytes(wrong).subspan(1), protocol::Nonce{}).kind, ClientKind::refused);
  ClientLogin garbled(options, offered, false);
  EXPECT_EQ(error(garbled.change_user(Bytes{}, protocol::Nonce{}).payload).code, 1047);
}

class BackendLoginTest : public LoginTest {
 protected:
  BackendLoginTest() {
    identity.user = "app";
    identity.secret.password = "secret";
    identity.features = cap::deprecate_eof | cap::found_rows;
    identity.collation = 33;
  }
  static ByteBuffer ok() {
    ByteBuffer payload;
    protocol::OkPacket packet;
    packet.status = protocol::status::autocommit;
    protocol::append_ok(payload, packet, 0);
    return payload;
  }
  BackendIdentity identity;
};

TEST_F(BackendLoginTest, AServerWithoutTheColumnMetadataOfTheClientIsNoUse) {
  identity.features |= cap::mariadb_extended_metadata;
  BackendLogin login(identity, BackendTls::off, false, {});
  EXPECT_EQ(login.on_packet(ClientLogin(options).greeting()).kind, ServerKind::failed);
  EXPECT_NE(login.error().find("extended column metadata"), std::string::npos) << login.error();
  EXPECT_EQ(login.error_code(), 1105);
  options.offered = (offered & ~cap::client_mysql) | cap::mariadb_extended_metadata;
  BackendLogin other(identity, BackendTls::off, false, {});
  EXPECT_EQ(other.on_packet(ClientLogin(options).greeting()).kind, ServerKind::send);
  EXPECT_TRUE(protocol::has(other.negotiated(), cap::mariadb_extended_metadata));
}

TEST_F(BackendLoginTest, AgainstOurOwnGreeter) {
  for (const std::string_view plugin : {protocol::native_password_plugin, protocol::caching_sha2_plugin}) {
    account->auth_plugin = plugin;
    ClientLogin server(options);
    BackendLogin login(identity, BackendTls::off, false, {});
    auto sent = login.on_packet(server.greeting());
    ASSERT_EQ(sent.kind, ServerKind::send);
    auto answer = server.on_packet(sent.payload);
    while (answer.kind == ClientKind::send) {
      sent = login.on_packet(answer.payload);
      ASSERT_EQ(sent.kind, ServerKind::send);
      answer = server.on_packet(sent.payload);
    }
    ASSERT_EQ(answer.kind, ClientKind::accepted) << plugin;
    if (!answer.payload.empty()) {
      EXPECT_EQ(login.on_packet(answer.payload).kind, ServerKind::wait);
    }
    EXPECT_EQ(login.on_packet(ok()).kind, ServerKind::done);
    EXPECT_EQ(login.status(), protocol::status::autocommit);
    EXPECT_EQ(server.user(), "app");
    EXPECT_EQ(server.collation(), 33);
    EXPECT_TRUE(protocol::has(login.negotiated(), cap::deprecate_eof | cap::session_track));
    EXPECT_FALSE(protocol::has(login.negotiated(), cap::found_rows));  // the server lacks it
  }
}

TEST_F(BackendLoginTest, TlsModes) {
  ClientLogin without(options);
  options.offered |= cap::ssl;
  ClientLogin with(options);
  {
    BackendLogin login(identity, BackendTls::required, false, {});
    EXPECT_EQ(login.on_packet(without.greeting()).kind, ServerKind::failed);
    EXPECT_EQ(login.error_code(), 0);
    EXPECT_NE(login.error().find("required"), std::string::npos);
  }
  {
    BackendLogin login(identity, BackendTls::preferred, false, {});
    EXPECT_EQ(login.on_packet(without.greeting()).kind, ServerKind::send);
  }
  {
    BackendLogin login(identity, BackendTls::off, false, {});
    EXPECT_EQ(login.on_packet(with.greeting()).kind, ServerKind::send);
  }
  BackendLogin login(identity, BackendTls::required, false, {});
  const auto step = login.on_packet(with.greeting());
  ASSERT_EQ(step.kind, ServerKind::start_tls);
  EXPECT_TRUE(protocol::is_ssl_request(step.payload));
  EXPECT_EQ(protocol::parse_handshake_response(login.after_tls())->user, "app");
}

TEST_F(BackendLoginTest, ErrorsAreTheServersOwn) {
  ByteBuffer err;
  protocol::append_err(err, {1040, "08004", "Too many connections"});
  BackendLogin login(identity, BackendTls::off, false, {});
  EXPECT_EQ(login.on_packet(err).kind, ServerKind::failed);
  EXPECT_EQ(login.error_code(), 1040);
  EXPECT_EQ(login.error(), "Too many connections");
  EXPECT_EQ(login.on_packet(ok()).kind, ServerKind::failed);
}

TEST_F(BackendLoginTest, GarbageFails) {
  ClientLogin server(options);
  const ByteBuffer greeting = server.greeting();
  for (std::size_t cut = 0; cut < 40; ++cut) {
    BackendLogin login(identity, BackendTls::off, false, {});
    EXPECT_EQ(login.on_packet(Bytes(greeting).first(cut)).kind, ServerKind::failed) << cut;
  }
  for (const ByteBuffer& second : {ByteBuffer{}, ByteBuffer{0x42}, ByteBuffer{0x00}, ByteBuffer{0xfe, 'x', 0}}) {
    BackendLogin login(identity, BackendTls::off, false, {});
    ASSERT_EQ(login.on_packet(greeting).kind, ServerKind::send);
    EXPECT_EQ(login.on_packet(second).kind, ServerKind::failed);
  }
}

}  // namespace
}  // namespace sluice::proxy
