#include "proxy/tls/rsa_key.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "proxy/tls/temp_dir.hpp"

namespace sluice::tls {
namespace {

using protocol::as_bytes;
using protocol::as_text;
using protocol::ByteBuffer;

const RsaKey& shared_key() {
  static const RsaKey key = *RsaKey::generate();
  return key;
}

TEST(RsaKey, DecryptsWhatItsPublicKeyEncrypted) {
  const RsaKey& key = shared_key();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{20}, std::size_t{214}}) {
    const std::string plain(size, 'p');
    const auto encrypted = encrypt_oaep(key.public_key_pem(), as_bytes(plain));
    ASSERT_TRUE(encrypted.has_value()) << size;
    EXPECT_EQ(encrypted->size(), 256U);
    const auto decrypted = key.decrypt_oaep(*encrypted);
    ASSERT_TRUE(decrypted.has_value()) << size;
    EXPECT_EQ(as_text(*decrypted), plain);
  }
}

TEST(RsaKey, EncryptsDifferentlyEachTime) {
  EXPECT_NE(encrypt_oaep(shared_key().public_key_pem(), as_bytes("secret")),
            encrypt_oaep(shared_key().public_key_pem(), as_bytes("secret")));
}

TEST(RsaKey, RefusesWhatDoesNotFitTheKey) {
  EXPECT_FALSE(encrypt_oaep(shared_key().public_key_pem(), as_bytes(std::string(215, 'p'))).has_value());
}

TEST(RsaKey, RefusesDamagedAndForeignCiphertext) {
  const auto encrypted = *encrypt_oaep(shared_key().public_key_pem(), as_bytes("secret"));
  ByteBuffer damaged = encrypted;
  damaged[100] ^= 1;
  EXPECT_FALSE(shared_key().decrypt_oaep(damaged).has_value());
  EXPECT_FALSE(shared_key().decrypt_oaep({}).has_value());
  EXPECT_FALSE(shared_key().decrypt_oaep(ByteBuffer(255, 1)).has_value());
  EXPECT_FALSE(shared_key().decrypt_oaep(ByteBuffer(256, 0xff)).has_value());
  EXPECT_FALSE(shared_key().decrypt_oaep(ByteBuffer(100'000, 1)).has_value());
  EXPECT_FALSE(RsaKey::generate()->decrypt_oaep(encrypted).has_value());
}

TEST(RsaKey, RefusesPeersKeysThatAreNone) {
  const std::string cut = shared_key().public_key_pem().substr(0, 200);
  const std::string elliptic =  // a P-256 public key
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
      "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
      "-----END PUBLIC KEY-----\n";
  for (const std::string& pem : {std::string(), std::string("garbage"), cut, elliptic, std::string(100'000, 'x')}) {
    EXPECT_FALSE(encrypt_oaep(pem, as_bytes("secret")).has_value()) << pem.substr(0, 60);
  }
}

TEST(RsaKey, LoadsWhatItSaved) {
  const testing::TempDir dir;
  std::ofstream(dir.file("key.pem")) << shared_key().private_key_pem();
  const auto loaded = RsaKey::load(dir.file("key.pem"));
  ASSERT_TRUE(loaded.ok()) << loaded.error();
  EXPECT_EQ(loaded->public_key_pem(), shared_key().public_key_pem());
  const auto encrypted = *encrypt_oaep(shared_key().public_key_pem(), as_bytes("secret"));
  EXPECT_EQ(as_text(loaded->decrypt_oaep(encrypted).value()), "secret");
}

TEST(RsaKey, NamesTheFileThatItCannotLoad) {
  const testing::TempDir dir;
  const auto absent = RsaKey::load(dir.file("absent.pem"));
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(absent.error().find("absent.pem: No such file"), std::string::npos) << absent.error();

  std::ofstream(dir.file("garbage.pem")) << "garbage";
  const auto garbage = RsaKey::load(dir.file("garbage.pem"));
  ASSERT_FALSE(garbage.ok());
  EXPECT_NE(garbage.error().find("garbage.pem"), std::string::npos) << garbage.error();
}

TEST(RsaKey, LendsItselfToTheProtocol) {
  const protocol::ServerRsa rsa = RsaKey(shared_key()).server_rsa();  // the lender is gone: the share keeps the key
  const protocol::ClientRsa client = encrypt_oaep;
  const auto encrypted = client(rsa.public_key_pem, as_bytes("secret"));
  ASSERT_TRUE(encrypted.has_value());
  EXPECT_EQ(as_text(rsa.decrypt(*encrypted).value()), "secret");
}

}  // namespace
}  // namespace sluice::tls
