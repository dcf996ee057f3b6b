#include "protocol/auth.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/sha256_crypt.hpp"
#include "wire.hpp"

namespace sluice::protocol {
namespace {

using Kind = AuthAction::Kind;

Nonce test_nonce() {
  Nonce nonce{};
  const std::string_view text = "abcdefghijklmnopqrst";
  std::copy(text.begin(), text.end(), nonce.begin());
  return nonce;
}

Credential with_password(std::string password) {
  Credential credential;
  credential.password = std::move(password);
  return credential;
}
Credential with_native_hash(std::string_view password) {
  Credential credential;
  credential.native_hash = sha1(sha1(as_bytes(password)));
  return credential;
}
Credential with_sha2_hash(std::string_view password) {
  const std::string salt = "01234567890123456789";
  const Sha256CryptDigest digest = sha256_crypt(password, as_bytes(salt), 1000);
  return *parse_password_hash("$A$001$" + salt + std::string(digest.data(), digest.size()));
}
Credential with_fast(std::string_view password) {
  Credential credential;
  credential.caching_sha2_fast = sha256(sha256(as_bytes(password)));
  return credential;
}
Secret secret_of(std::string password) {
  Secret secret;
  secret.password = std::move(password);
  return secret;
}

// "Encryption" for tests: the bytes turned round behind a mark.
ByteBuffer turn(Bytes plain) {
  ByteBuffer out = {'E'};
  out.insert(out.end(), plain.rbegin(), plain.rend());
  return out;
}
const ServerRsa server_rsa{"PEM", [](Bytes encrypted) -> std::optional<ByteBuffer> {
                             if (encrypted.empty() || encrypted[0] != 'E') return std::nullopt;
                             return ByteBuffer(encrypted.rbegin(), encrypted.rend() - 1);
                           }};
const ClientRsa client_rsa = [](std::string_view pem, Bytes plain) -> std::optional<ByteBuffer> {
  if (pem != "PEM") return std::nullopt;
  return turn(plain);
};

struct Exchange {
  const Credential* credential = nullptr;
  std::string_view account_plugin = native_password_plugin;
  Secret secret{};
  std::string_view client_plugin = native_password_plugin;
  bool secure = false;
  bool rsa = false;
};

struct Outcome {
  bool accepted = false;
  std::string trace;  // what each side said, by length or meaning
  Secret learned;
  bool learned_fast = false;
  bool used_password = false;
  std::string refusal;
};

std::string name_of(Bytes payload) {
  if (payload.empty()) return "empty";
  if (payload[0] == 0xfe) return "switch:" + parse_auth_switch(payload)->auth_plugin;
  if (payload.size() == 1 && payload[0] == 2) return "key?";
  if (payload.size() == 2 && payload[0] == 1) return payload[1] == 3 ? "fast" : "full";
  if (payload[0] == 1) return "key";
  return std::to_string(payload.size());
}

// Both machines against each other until one ends it.
Outcome run(const Exchange& setup) {
  ServerAuth server(setup.credential, setup.account_plugin, test_nonce(), setup.secure,
                    setup.rsa ? &server_rsa : nullptr);
  ClientAuth client(setup.secret, setup.secure, setup.rsa ? client_rsa : ClientRsa{});
  const ByteBuffer response = client.respond(setup.client_plugin, test_nonce());
  Outcome outcome;
  outcome.trace = name_of(response);
  AuthAction action = server.start(setup.client_plugin, response);
  for (int turns = 0; turns < 10; ++turns) {
    if (action.kind == Kind::refuse) break;
    if (!action.payload.empty()) {
      outcome.trace += " " + name_of(action.payload);
      const AuthAction answer = client.on_packet(action.payload);
      if (answer.kind == Kind::refuse) {
        outcome.refusal = client.refusal();
        break;
      }
      if (answer.kind == Kind::wait) {
        EXPECT_EQ(action.kind, Kind::accept);
      }
      if (answer.kind == Kind::send) {
        outcome.trace += " " + name_of(answer.payload);
        action = server.on_packet(answer.payload);
        continue;
      }
    }
    outcome.accepted = action.kind == Kind::accept;
    break;
  }
  outcome.learned = server.secret();
  outcome.learned_fast = server.learned_fast().has_value();
  outcome.used_password = server.used_password();
  return outcome;
}

TEST(Auth, NativeByPassword) {
  const Credential credential = with_password("secret");
  const Outcome outcome = run({.credential = &credential, .secret = secret_of("secret")});
  EXPECT_TRUE(outcome.accepted);
  EXPECT_TRUE(outcome.used_password);
  EXPECT_EQ(outcome.trace, "20");
  EXPECT_EQ(outcome.learned.password, "secret");
}

TEST(Auth, NativeByHashLearnsWhatLogsOn) {
  const Credential credential = *parse_password_hash("*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");  // "secret"
  const Outcome outcome = run({.credential = &credential, .secret = secret_of("secret")});
  EXPECT_TRUE(outcome.accepted);
  EXPECT_FALSE(outcome.learned.password);
  ASSERT_TRUE(outcome.learned.native_stage1);
  EXPECT_EQ(*outcome.learned.native_stage1, sha1(as_bytes("secret")));
  // and with that alone to the next server
  EXPECT_TRUE(run({.credential = &credential, .secret = outcome.learned}).accepted);
}

TEST(Auth, WrongPasswords) {
  const Credential native = with_native_hash("secret");
  const Credential password = with_password("secret");
  const Credential empty = with_password("");
  const Credential nothing;
  for (const Credential* credential : {&native, &password, &empty, &nothing}) {
    for (const std::string_view plugin : {native_password_plugin, caching_sha2_plugin}) {
      for (const bool secure : {false, true}) {
        const Outcome outcome = run({.credential = credential,
                                     .account_plugin = plugin,
                                     .secret = secret_of("Secret"),
                                     .client_plugin = plugin,
                                     .secure = secure,
                                     .rsa = true});
        EXPECT_FALSE(outcome.accepted);
        EXPECT_TRUE(outcome.used_password);
        EXPECT_FALSE(outcome.learned.password || outcome.learned.native_stage1 || outcome.learned.sha2_stage1);
      }
    }
  }
}

TEST(Auth, EmptyPasswordIsAnEmptyResponse) {
  const Credential empty = with_password("");
  const Credential set = with_password("secret");
  for (const std::string_view plugin : {native_password_plugin, caching_sha2_plugin}) {
    const Outcome good =
        run({.credential = &empty, .account_plugin = plugin, .secret = secret_of(""), .client_plugin = plugin});
    EXPECT_TRUE(good.accepted);
    EXPECT_EQ(good.trace, "empty");
    EXPECT_FALSE(good.used_password);
    EXPECT_EQ(good.learned.password, "");
    EXPECT_FALSE(
        run({.credential = &set, .account_plugin = plugin, .secret = secret_of(""), .client_plugin = plugin}).accepted);
  }
  // Some clients send the zero that ends an empty password.
  ServerAuth server(&empty, caching_sha2_plugin, test_nonce(), false, nullptr);
  EXPECT_EQ(server.start(caching_sha2_plugin, hex("00")).kind, Kind::accept);
  EXPECT_FALSE(server.used_password());
}

TEST(Auth, SwitchesBothWays) {
  const Credential credential = with_password("secret");
  const Outcome to_native = run({.credential = &credential,
                                 .account_plugin = native_password_plugin,
                                 .secret = secret_of("secret"),
                                 .client_plugin = caching_sha2_plugin});
  EXPECT_TRUE(to_native.accepted);
  EXPECT_EQ(to_native.trace, "32 switch:mysql_native_password 20");
  const Outcome to_sha2 = run({.credential = &credential,
                               .account_plugin = caching_sha2_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = native_password_plugin});
  EXPECT_TRUE(to_sha2.accepted);
  EXPECT_EQ(to_sha2.trace, "20 switch:caching_sha2_password 32 fast");
  const Outcome unknown_plugin = run({.credential = &credential,
                                      .account_plugin = caching_sha2_plugin,
                                      .secret = secret_of("secret"),
                                      .client_plugin = "dialog"});
  EXPECT_TRUE(unknown_plugin.accepted);
}

TEST(Auth, TheCredentialMayForceTheOtherMethod) {
  const Credential native = with_native_hash("secret");
  const Outcome to_native = run({.credential = &native,
                                 .account_plugin = caching_sha2_plugin,
                                 .secret = secret_of("secret"),
                                 .client_plugin = caching_sha2_plugin});
  EXPECT_TRUE(to_native.accepted);
  EXPECT_EQ(to_native.trace, "32 switch:mysql_native_password 20");
  const Credential sha2 = with_sha2_hash("secret");
  const Outcome to_sha2 = run({.credential = &sha2,
                               .account_plugin = native_password_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = native_password_plugin,
                               .secure = true});
  EXPECT_TRUE(to_sha2.accepted);
  EXPECT_EQ(to_sha2.trace, "20 switch:caching_sha2_password 32 full 7");
}

TEST(Auth, FullExchangeInClearLearnsThePassword) {
  const Credential credential = with_sha2_hash("secret");
  const Outcome outcome = run({.credential = &credential,
                               .account_plugin = caching_sha2_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = caching_sha2_plugin,
                               .secure = true});
  EXPECT_TRUE(outcome.accepted);
  EXPECT_EQ(outcome.trace, "32 full 7");
  EXPECT_EQ(outcome.learned.password, "secret");
  EXPECT_TRUE(outcome.learned_fast);
}

TEST(Auth, FullExchangeByRsa) {
  const Credential credential = with_sha2_hash("secret");
  const Outcome outcome = run({.credential = &credential,
                               .account_plugin = caching_sha2_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = caching_sha2_plugin,
                               .rsa = true});
  EXPECT_TRUE(outcome.accepted);
  EXPECT_EQ(outcome.trace, "32 full key? key 8");
  EXPECT_EQ(outcome.learned.password, "secret");
}

TEST(Auth, NoFullExchangeWithoutSecureChannelOrRsa) {
  const Credential credential = with_sha2_hash("secret");
  const Outcome outcome = run({.credential = &credential,
                               .account_plugin = caching_sha2_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = caching_sha2_plugin});
  EXPECT_FALSE(outcome.accepted);
  EXPECT_EQ(outcome.trace, "32");
}

// A client that was given the public key beforehand doesn't ask for it; and a wish for it on a secure channel is met.
TEST(Auth, KeyKnownBeforehandAndKeyOnASecureChannel) {
  const Credential credential = with_sha2_hash("secret");
  ByteBuffer hidden = hex("'secret' 00");
  xor_with_nonce(hidden, test_nonce());
  const Sha256 response = caching_sha2_response(sha256(as_bytes("secret")), test_nonce());
  ServerAuth plain(&credential, caching_sha2_plugin, test_nonce(), false, &server_rsa);
  EXPECT_EQ(plain.start(caching_sha2_plugin, response).kind, Kind::send);
  EXPECT_EQ(plain.on_packet(turn(hidden)).kind, Kind::accept);
  ServerAuth secure(&credential, caching_sha2_plugin, test_nonce(), true, &server_rsa);
  EXPECT_EQ(secure.start(caching_sha2_plugin, response).kind, Kind::send);
  EXPECT_EQ(show(secure.on_packet(hex("02")).payload), show(hex("01 'PEM'")));
  EXPECT_EQ(secure.on_packet(turn(hidden)).kind, Kind::accept);
}

TEST(Auth, FastDigestAlone) {
  const Credential credential = with_fast("secret");
  const Outcome outcome = run({.credential = &credential,
                               .account_plugin = caching_sha2_plugin,
                               .secret = secret_of("secret"),
                               .client_plugin = caching_sha2_plugin});
  EXPECT_TRUE(outcome.accepted);
  EXPECT_EQ(outcome.trace, "32 fast");
  EXPECT_FALSE(outcome.learned.password);
  ASSERT_TRUE(outcome.learned.sha2_stage1);
  // What was learned passes a server that has the account cached, and no other.
  const Credential uncached = with_sha2_hash("secret");
  Exchange next{.credential = &credential,
                .account_plugin = caching_sha2_plugin,
                .secret = outcome.learned,
                .client_plugin = caching_sha2_plugin,
                .secure = true};
  EXPECT_TRUE(run(next).accepted);
  next.credential = &uncached;
  EXPECT_EQ(run(next).refusal, "the server wants the password itself, and only a digest of it is known");
}

TEST(Auth, UnknownAccountLooksLikeAWrongPassword) {
  const Credential password = with_password("secret");
  const Credential sha2 = with_sha2_hash("secret");
  for (const std::string_view account : {native_password_plugin, caching_sha2_plugin}) {
    for (const std::string_view client : {native_password_plugin, caching_sha2_plugin}) {
      for (const bool secure : {false, true}) {
        for (const bool rsa : {false, true}) {
          Exchange setup{.credential = nullptr,
                         .account_plugin = account,
                         .secret = secret_of("wrong"),
                         .client_plugin = client,
                         .secure = secure,
                         .rsa = rsa};
          const Outcome unknown = run(setup);
          EXPECT_FALSE(unknown.accepted);
          setup.credential = &password;
          EXPECT_EQ(unknown.trace, run(setup).trace);
          setup.credential = &sha2;
          if (account == caching_sha2_plugin) {
            EXPECT_EQ(unknown.trace, run(setup).trace);
          }
        }
      }
    }
  }
}

TEST(ServerAuth, ClientWithoutPluginAuthUsesNative) {
  const Credential password = with_password("secret");
  const Credential sha2 = with_sha2_hash("secret");
  const Sha1 response = native_response(sha1(as_bytes("secret")), test_nonce());
  ServerAuth server(&password, caching_sha2_plugin, test_nonce(), false, nullptr);
  EXPECT_EQ(server.start("", response).kind, Kind::accept);
  ServerAuth cannot(&sha2, caching_sha2_plugin, test_nonce(), true, nullptr);
  EXPECT_EQ(cannot.start("", response).kind, Kind::refuse);
}

TEST(ServerAuth, ResponsesOfOtherLengthsAreRefused) {
  const Credential credential = with_password("secret");
  for (const std::size_t size : {1, 19, 21, 32, 255}) {
    ServerAuth server(&credential, native_password_plugin, test_nonce(), false, nullptr);
    EXPECT_EQ(server.start(native_password_plugin, ByteBuffer(size, 'x')).kind, Kind::refuse);
  }
}

TEST(ServerAuth, FullPasswordsMustBeTerminatedAndShort) {
  const std::string longest(password_length_max, 'p');
  const Credential credential = with_password(longest);
  for (const auto& [payload, kind] : {std::pair{longest, Kind::refuse},
                                      {longest + '\0', Kind::accept},
                                      {longest + "p" + '\0', Kind::refuse},
                                      {std::string(), Kind::refuse},
                                      {std::string(1, '\0'), Kind::refuse}}) {
    ServerAuth server(&credential, caching_sha2_plugin, test_nonce(), true, nullptr);
    EXPECT_EQ(server.start(caching_sha2_plugin, ByteBuffer(32, 'x')).kind, Kind::send);
    EXPECT_EQ(server.on_packet(as_bytes(payload)).kind, kind);
  }
}

TEST(ServerAuth, TooLongPasswordsAreRefusedThoughTheyFit) {
  const std::string too_long(password_length_max + 1, 'p');
  const Credential credential = with_password(too_long);
  ServerAuth server(&credential, caching_sha2_plugin, test_nonce(), true, nullptr);
  EXPECT_EQ(server.start(caching_sha2_plugin, ByteBuffer(32, 'x')).kind, Kind::send);
  EXPECT_EQ(server.on_packet(as_bytes(too_long + '\0')).kind, Kind::refuse);
}

TEST(ServerAuth, NothingIsAcceptedAfterTheEnd) {
  const Credential credential = with_password("secret");
  const Sha1 response = native_response(sha1(as_bytes("secret")), test_nonce());
  ServerAuth server(&credential, native_password_plugin, test_nonce(), false, nullptr);
  EXPECT_EQ(server.start(native_password_plugin, ByteBuffer(20, 'x')).kind, Kind::refuse);
  EXPECT_EQ(server.on_packet(response).kind, Kind::refuse);
}

TEST(ClientAuth, RefusesWhatItMustNotAnswer) {
  const Secret password = secret_of("secret");
  struct Case {
    std::string_view packet;
    bool secure;
  };
  for (const Case& c : {Case{"", true}, Case{"07", true}, Case{"fe 'mysql_clear_password' 00", true},
                        Case{"fe 'mysql_native_password' 00 'short' 00", true}, Case{"fe", true}, Case{"01 04", false},
                        Case{"01 05", true}, Case{"01", true}}) {
    ClientAuth client(password, c.secure, {});
    EXPECT_EQ(client.respond(caching_sha2_plugin, test_nonce()).size(), 32U);
    EXPECT_EQ(client.on_packet(hex(c.packet)).kind, Kind::refuse) << c.packet;
    EXPECT_FALSE(client.refusal().empty());
  }
}

TEST(ClientAuth, OneSwitchOnly) {
  const Secret password = secret_of("secret");
  ClientAuth client(password, true, {});
  EXPECT_EQ(client.respond("unknown", test_nonce()).size(), 20U);
  const ByteBuffer request = encode_auth_switch({std::string(native_password_plugin), ByteBuffer(20, 'n')});
  const AuthAction answer = client.on_packet(request);
  EXPECT_EQ(answer.kind, Kind::send);
  Nonce nonce{};
  nonce.fill('n');
  EXPECT_EQ(show(answer.payload), show(native_response(sha1(as_bytes("secret")), nonce)));
  EXPECT_EQ(client.on_packet(request).kind, Kind::refuse);
}

TEST(ClientAuth, DigestsAnswerTheirOwnMethodOnly) {
  Secret native;
  native.native_stage1 = sha1(as_bytes("secret"));
  ClientAuth client(native, true, {});
  EXPECT_EQ(client.respond(native_password_plugin, test_nonce()).size(), 20U);
  const ByteBuffer request = encode_auth_switch({std::string(caching_sha2_plugin), ByteBuffer(20, 'n')});
  EXPECT_EQ(client.on_packet(request).kind, Kind::refuse);
}

TEST(PasswordHash, Forms) {
  EXPECT_EQ(parse_password_hash("*2470c0c06dee42fd1618bb99005adca2ec9d1e19")->native_hash,
            sha1(sha1(as_bytes("password"))));
  for (const std::string_view bad :
       {"", "*", "2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "$A$005$short", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E1",
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E1G", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E199"}) {
    EXPECT_FALSE(parse_password_hash(bad)) << bad;
  }
}

}  // namespace
}  // namespace sluice::protocol
