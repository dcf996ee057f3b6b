#include "proxy/tls/tls_engine.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "proxy/tls/temp_dir.hpp"
#include "proxy/tls/test_certificate.hpp"

namespace sluice::tls {
namespace {

using protocol::as_bytes;
using protocol::ByteBuffer;
using protocol::Bytes;
using testing::TempDir;
using testing::TestCertificate;
using State = TlsEngine::State;

TlsContext server_context(const TestCertificate& certificate) {
  const TempDir dir;
  return *TlsContext::server(certificate.save(dir.path()));
}

TlsContext client_context(Verify verify, const TestCertificate& ca) {
  const TempDir dir;
  return *TlsContext::client({verify, ca.save(dir.path()).certificate});
}

const TlsContext& any_server() {
  static const TlsContext context = server_context(TestCertificate("server"));
  return context;
}

const TlsContext& any_client() {
  static const TlsContext context = *TlsContext::client({});
  return context;
}

ByteBuffer take_all(TlsEngine& engine) {
  ByteBuffer bytes(engine.pending_ciphertext());
  EXPECT_EQ(engine.take_ciphertext(bytes), bytes.size());
  EXPECT_EQ(engine.pending_ciphertext(), 0U);
  return bytes;
}

std::string read_all(TlsEngine& engine) {
  std::string text;
  ByteBuffer block(4096);
  for (;;) {
    const auto read = engine.read(block);
    if (read.bytes == 0) return text;
    text.append(protocol::as_text({block.data(), read.bytes}));
  }
}

// Two engines and the wire between them, which hands over `chunk` bytes at a time.
struct Pair {
  TlsEngine server;
  TlsEngine client;
  std::size_t chunk = 1 << 20;

  static Pair make(const TlsContext& server, const TlsContext& client, std::string_view name = "localhost") {
    return {std::move(*TlsEngine::server(server)), std::move(*TlsEngine::client(client, name))};
  }
  static Pair any() { return make(any_server(), any_client()); }

  std::string at_server{};
  std::string at_client{};

  void carry(TlsEngine& from, TlsEngine& to, std::string& arrived) const {
    ByteBuffer piece(chunk);
    while (const std::size_t size = from.take_ciphertext(piece)) {
      (void)to.receive(Bytes(piece).first(size));
      arrived += read_all(to);
    }
  }
  void pump() {
    while (server.pending_ciphertext() + client.pending_ciphertext() > 0) {
      carry(client, server, at_server);
      carry(server, client, at_client);
    }
  }
};

TEST(TlsEngine, ShakesHandsAndTalksBothWaysAtEveryChunkSize) {
  for (std::size_t chunk = 1; chunk < 200; chunk += chunk < 20 ? 1 : 37) {
    Pair pair = Pair::any();
    pair.chunk = chunk;
    EXPECT_EQ(pair.client.state(), State::handshake);
    EXPECT_EQ(pair.client.version(), "");
    pair.pump();
    ASSERT_EQ(pair.server.state(), State::open) << pair.server.error();
    ASSERT_EQ(pair.client.state(), State::open) << pair.client.error();
    EXPECT_EQ(pair.client.version(), "TLSv1.3");
    EXPECT_NE(pair.server.cipher(), "");
    EXPECT_EQ(pair.client.write(as_bytes("SELECT 1")), TlsStatus::ok);
    EXPECT_EQ(pair.server.write(as_bytes("1")), TlsStatus::ok);
    pair.pump();
    EXPECT_EQ(pair.at_server, "SELECT 1");
    EXPECT_EQ(pair.at_client, "1");
  }
}

TEST(TlsEngine, SpeaksTls12) {
  const TlsContext client = *TlsContext::client({});
  SSL_CTX_set_max_proto_version(client.native(), TLS1_2_VERSION);
  Pair pair = Pair::make(any_server(), client);
  pair.pump();
  ASSERT_EQ(pair.server.state(), State::open) << pair.server.error();
  EXPECT_EQ(pair.server.version(), "TLSv1.2");
  ASSERT_EQ(pair.client.write(as_bytes("SELECT 1")), TlsStatus::ok);
  pair.pump();
  EXPECT_EQ(pair.at_server, "SELECT 1");
}

TEST(TlsEngine, RefusesTls11) {
  const TlsContext client = *TlsContext::client({});
  SSL_CTX_set_min_proto_version(client.native(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(client.native(), TLS1_1_VERSION);
  SSL_CTX_set_security_level(client.native(), 0);
  SSL_CTX_set_cipher_list(client.native(), "ALL:@SECLEVEL=0");
  Pair pair = Pair::make(any_server(), client);
  pair.pump();
  EXPECT_EQ(pair.server.state(), State::failed);
  EXPECT_NE(pair.server.error().find("unsupported protocol"), std::string::npos) << pair.server.error();
}

TEST(TlsEngine, CarriesAMillionRandomBytesBothWays) {
  std::mt19937 random(7);
  std::string sent(3'000'000, ' ');
  std::generate(sent.begin(), sent.end(), [&] { return static_cast<char>(random()); });
  Pair pair = Pair::any();
  pair.chunk = 16384;
  pair.pump();
  for (std::string_view rest = sent; !rest.empty();) {
    const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random() % TlsEngine::write_max);
    ASSERT_EQ(pair.client.write(as_bytes(rest.substr(0, size))), TlsStatus::ok);
    ASSERT_EQ(pair.server.write(as_bytes(rest.substr(0, size))), TlsStatus::ok);
    rest.remove_prefix(size);
    pair.pump();
  }
  EXPECT_TRUE(pair.at_server == sent);
  EXPECT_TRUE(pair.at_client == sent);
}

TEST(TlsEngine, StopsTakingPlaintextThatNobodyDrains) {
  Pair pair = Pair::any();
  pair.pump();
  const std::string record(TlsEngine::write_max, 'r');
  std::size_t taken = 0;
  TlsStatus status = TlsStatus::ok;
  while ((status = pair.server.write(as_bytes(record))) == TlsStatus::ok) {
    taken += record.size();
    ASSERT_LE(pair.server.pending_ciphertext(), TlsEngine::pending_max);
  }
  EXPECT_EQ(status, TlsStatus::full);
  EXPECT_EQ(pair.server.state(), State::open);
  pair.pump();
  EXPECT_EQ(pair.at_client.size(), taken);
  EXPECT_EQ(pair.server.write(as_bytes(record)), TlsStatus::ok);
}

TEST(TlsEngine, StopsTakingCiphertextThatNobodyReads) {
  Pair pair = Pair::any();
  pair.pump();
  const std::string record(TlsEngine::write_max, 'r');
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 32; ++round) {
    ASSERT_EQ(pair.client.write(as_bytes(record)), TlsStatus::ok);
    const TlsStatus status = pair.server.receive(take_all(pair.client));
    status == TlsStatus::ok ? ++taken : ++refused;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LE(taken * record.size(), TlsEngine::backlog_max);
  EXPECT_EQ(read_all(pair.server).size(), taken * record.size());
}

TEST(TlsEngine, DeliversWhatCameBeforeTheGoodbye) {
  Pair pair = Pair::any();
  pair.pump();
  ASSERT_EQ(pair.client.write(as_bytes("last words")), TlsStatus::ok);
  pair.client.close();
  pair.client.close();  // says it once
  EXPECT_EQ(pair.client.write(as_bytes("more")), TlsStatus::closed);
  pair.pump();
  EXPECT_EQ(pair.at_server, "last words");
  ByteBuffer block(16);
  EXPECT_EQ(pair.server.read(block).status, TlsStatus::closed);
  EXPECT_EQ(pair.server.state(), State::closed);
  EXPECT_EQ(pair.server.write(as_bytes("x")), TlsStatus::closed);
  EXPECT_EQ(pair.server.receive(as_bytes("x")), TlsStatus::closed);
  EXPECT_EQ(pair.server.error(), "");
  pair.server.close();  // answers in kind
  EXPECT_GT(pair.server.pending_ciphertext(), 0U);
}

TEST(TlsEngine, FailsOnGarbageWithAReasonAndAnAlert) {
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100, '\0'), std::string(70'000, '\xff')}) {
    TlsEngine engine = std::move(*TlsEngine::server(any_server()));
    EXPECT_EQ(engine.receive(as_bytes(garbage)), TlsStatus::failed);
    EXPECT_EQ(engine.state(), State::failed);
    EXPECT_EQ(engine.error().find("TLS handshake: "), 0U) << engine.error();
    ByteBuffer block(16);
    EXPECT_EQ(engine.read(block).status, TlsStatus::failed);
    EXPECT_EQ(engine.receive(as_bytes(garbage)), TlsStatus::failed);
    engine.close();
    EXPECT_LT(engine.pending_ciphertext(), 100U);
  }
}

TEST(TlsEngine, RandomGarbageNeverEndsWell) {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    TlsEngine engine = std::move(*TlsEngine::server(any_server()));
    for (int piece = 0; piece < 20 && engine.state() == State::handshake; ++piece) {
      ByteBuffer garbage(11 + random() % 600);
      std::generate(garbage.begin(), garbage.end(), [&] { return static_cast<std::uint8_t>(random()); });
      if (piece == 0 && round % 2 == 0)
        std::copy_n("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, garbage.begin());
      (void)engine.receive(garbage);
    }
    EXPECT_EQ(engine.state(), State::failed);
  }
}

TEST(TlsEngine, OneFlippedBitAnywhereIsNoticed) {
  for (std::size_t position = 0;; ++position) {
    Pair pair = Pair::any();
    pair.pump();
    ASSERT_EQ(pair.client.write(as_bytes("SELECT 1")), TlsStatus::ok);
    ByteBuffer record = take_all(pair.client);
    if (position == record.size()) break;
    record[position] ^= 0x10;
    (void)pair.server.receive(record);
    EXPECT_EQ(read_all(pair.server), "") << position;
    // In the length, the flip may make a longer record out of it, whose rest never comes.
    if (position != 3 && position != 4) {
      EXPECT_EQ(pair.server.state(), State::failed) << position;
    }
  }
}

struct TrustCase {
  const char* what;
  Verify verify;
  bool right_ca;
  const char* names;
  long valid_to_s;
  const char* asked;
  const char* error;  // nullptr: trusted
};

class TlsTrust : public ::testing::TestWithParam<TrustCase> {};

TEST_P(TlsTrust, IsDecidedAsConfigured) {
  const TrustCase& c = GetParam();
  const TestCertificate ca("ca");
  const TestCertificate other_ca("other-ca");
  const TestCertificate certificate(
      "db", {.issuer = &ca, .names = c.names, .valid_from_s = -7200, .valid_to_s = c.valid_to_s});
  Pair pair = Pair::make(server_context(certificate), client_context(c.verify, c.right_ca ? ca : other_ca), c.asked);
  pair.pump();
  if (c.error == nullptr) {
    EXPECT_EQ(pair.client.state(), State::open) << pair.client.error();
    EXPECT_EQ(pair.server.state(), State::open) << pair.server.error();
  } else {
    EXPECT_EQ(pair.client.state(), State::failed);
    EXPECT_NE(pair.client.error().find(c.error), std::string::npos) << pair.client.error();
    EXPECT_EQ(pair.server.state(), State::failed);  // the alert told it
  }
}

constexpr const char* unknown_ca = "unable to get local issuer certificate";
INSTANTIATE_TEST_SUITE_P(
    Cases, TlsTrust,
    ::testing::Values(TrustCase{"none_takes_anything", Verify::none, false, "DNS:db1", -60, "db2", nullptr},
                      TrustCase{"chain", Verify::chain, true, "DNS:db1", 3600, "db2", nullptr},
                      TrustCase{"chain_without_name", Verify::chain, true, "DNS:db1", 3600, "", nullptr},
                      TrustCase{"chain_wrong_ca", Verify::chain, false, "DNS:db1", 3600, "db1", unknown_ca},
                      TrustCase{"chain_expired", Verify::chain, true, "DNS:db1", -60, "db1", "expired"},
                      TrustCase{"name", Verify::chain_name, true, "DNS:db1", 3600, "db1", nullptr},
                      TrustCase{"name_wrong", Verify::chain_name, true, "DNS:db1", 3600, "db2", "hostname mismatch"},
                      TrustCase{"name_wrong_ca", Verify::chain_name, false, "DNS:db1", 3600, "db1", unknown_ca},
                      TrustCase{"address", Verify::chain_name, true, "IP:127.0.0.1", 3600, "127.0.0.1", nullptr},
                      TrustCase{"address6", Verify::chain_name, true, "IP:::1", 3600, "::1", nullptr},
                      TrustCase{"address_wrong", Verify::chain_name, true, "IP:127.0.0.1", 3600, "127.0.0.2",
                                "IP address mismatch"}),
    [](const auto& parameter) { return std::string(parameter.param.what); });

TEST(TlsEngine, RefusesToVerifyNoName) {
  const TestCertificate ca("ca");
  const auto engine = TlsEngine::client(client_context(Verify::chain_name, ca), "");
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.error().find("no certificate can name the server ''"), std::string::npos) << engine.error();
}

TEST(TlsEngine, OutlivesItsContext) {
  Pair pair = Pair::make(server_context(TestCertificate("server")), *TlsContext::client({}));
  pair.pump();
  EXPECT_EQ(pair.server.state(), State::open);
  EXPECT_EQ(pair.client.state(), State::open);
}

}  // namespace
}  // namespace sluice::tls
