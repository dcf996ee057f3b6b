#include "protocol/auth_methods.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "protocol/sha256_crypt.hpp"
#include "wire.hpp"

namespace sluice::protocol {
namespace {

Nonce test_nonce() {
  Nonce nonce{};
  const std::string_view text = "abcdefghijklmnopqrst";
  std::copy(text.begin(), text.end(), nonce.begin());
  return nonce;
}

// SELECT PASSWORD('password') on any server.
TEST(Native, StoredHash) {
  EXPECT_EQ(show(sha1(sha1(as_bytes("password")))), show(hex("2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19")));
}

TEST(Native, ProofGivesStage1) {
  const Sha1 stage1 = sha1(as_bytes("secret"));
  const Sha1 stored = sha1(stage1);
  const Sha1 response = native_response(stage1, test_nonce());
  EXPECT_EQ(verify_native(response, test_nonce(), stored), stage1);
  Nonce other = test_nonce();
  other[19] ^= 1;
  EXPECT_FALSE(verify_native(response, other, stored));
  EXPECT_FALSE(verify_native(response, test_nonce(), sha1(sha1(as_bytes("Secret")))));
  EXPECT_FALSE(verify_native(Bytes(response).first(19), test_nonce(), stored));
  EXPECT_FALSE(verify_native({}, test_nonce(), stored));
}

TEST(CachingSha2, ProofGivesStage1) {
  const Sha256 stage1 = sha256(as_bytes("secret"));
  const Sha256 fast = sha256(stage1);
  const Sha256 response = caching_sha2_response(stage1, test_nonce());
  EXPECT_EQ(verify_caching_sha2(response, test_nonce(), fast), stage1);
  Nonce other = test_nonce();
  other[0] ^= 1;
  EXPECT_FALSE(verify_caching_sha2(response, other, fast));
  EXPECT_FALSE(verify_caching_sha2(response, test_nonce(), sha256(sha256(as_bytes("Secret")))));
  EXPECT_FALSE(verify_caching_sha2(Bytes(response).first(31), test_nonce(), fast));
}

TEST(Nonce, XorGoesRound) {
  ByteBuffer bytes(42, 0);
  xor_with_nonce(bytes, test_nonce());
  EXPECT_EQ(as_text(bytes), "abcdefghijklmnopqrstabcdefghijklmnopqrstab");
  xor_with_nonce(bytes, test_nonce());
  EXPECT_EQ(bytes, ByteBuffer(42, 0));
}

std::string crypt_text(std::string_view password, std::string_view salt, std::uint32_t rounds) {
  const Sha256CryptDigest digest = sha256_crypt(password, as_bytes(salt), rounds);
  return {digest.data(), digest.size()};
}

// What crypt(3) gives for "$5$…" settings.
TEST(Sha256Crypt, AgreesWithCrypt) {
  EXPECT_EQ(crypt_text("Hello world!", "saltstring", 5000), "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
  EXPECT_EQ(crypt_text(std::string(70, 'x'), "abcdefghijklmnop", 1000), "FLkf5EPMThS2YWz8w0WqIdr8tYWNynYDclugInXS3C7");
  EXPECT_EQ(crypt_text("", "ab", 1000), "Yd3BaIOVbovC2OGzlWXH53yhcyaWZscnPjMwuHC/2t3");
}

// A published example of a hash as mysql.user keeps it, with a salt of 20 bytes; the password is "hashcat".
std::string stored_example() {
  const ByteBuffer bytes =
      hex("'$A$005$' F9CC98CE08892924F50A213B6BC571A2C11778C5"
          "625479393559393965414D45316477456B484F41316E64484742577A2E3162785353526B7554584647562F");
  return std::string(as_text(bytes));
}

TEST(StoredSha2, Verifies) {
  EXPECT_TRUE(is_caching_sha2_hash(stored_example()));
  EXPECT_TRUE(verify_caching_sha2_hash(stored_example(), "hashcat"));
  EXPECT_FALSE(verify_caching_sha2_hash(stored_example(), "hashcaT"));
  EXPECT_FALSE(verify_caching_sha2_hash(stored_example(), ""));
}

TEST(StoredSha2, RoundsAreHexThousands) {
  const std::string salt = "01234567890123456789";
  EXPECT_TRUE(verify_caching_sha2_hash("$A$00B$" + salt + crypt_text("pw", salt, 11000), "pw"));
  EXPECT_FALSE(verify_caching_sha2_hash("$A$00A$" + salt + crypt_text("pw", salt, 11000), "pw"));
}

TEST(StoredSha2, OtherTextIsNone) {
  const std::string good = stored_example();
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(is_caching_sha2_hash(good.substr(0, cut)));
  EXPECT_FALSE(is_caching_sha2_hash(good + "x"));
  for (const std::size_t place : {0, 1, 2, 6}) {
    std::string bad = good;
    bad[place] = 'x';
    EXPECT_FALSE(is_caching_sha2_hash(bad)) << place;
  }
  std::string no_rounds = good;
  no_rounds[5] = '0';
  EXPECT_FALSE(is_caching_sha2_hash(no_rounds));
  no_rounds[5] = 'G';
  EXPECT_FALSE(is_caching_sha2_hash(no_rounds));
}

TEST(StoredSha2, LongPasswordsAreRefusedUnhashed) {
  const std::string salt = "01234567890123456789";
  const std::string longest(password_length_max, 'p');
  EXPECT_TRUE(verify_caching_sha2_hash("$A$001$" + salt + crypt_text(longest, salt, 1000), longest));
  EXPECT_FALSE(verify_caching_sha2_hash("$A$001$" + salt + crypt_text(longest + "p", salt, 1000), longest + "p"));
}

TEST(Secrets, Equal) {
  EXPECT_TRUE(equal_secret(as_bytes("ab"), as_bytes("ab")));
  EXPECT_TRUE(equal_secret({}, {}));
  EXPECT_FALSE(equal_secret(as_bytes("ab"), as_bytes("aB")));
  EXPECT_FALSE(equal_secret(as_bytes("ab"), as_bytes("abc")));
}

}  // namespace
}  // namespace sluice::protocol
