#include "proxy/tls/random.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::tls {
namespace {

TEST(RandomNonce, HoldsOnlyBytesThatAClientCanTakeAsText) {
  std::set<int> seen;
  for (int round = 0; round < 2000; ++round) {
    for (const std::uint8_t byte : random_nonce()) {
      ASSERT_NE(byte, 0);
      ASSERT_NE(byte, '$');
      ASSERT_LE(byte, 127);
      seen.insert(byte);
    }
  }
  EXPECT_EQ(seen.size(), 126U);  // all that are allowed: 40,000 draws miss one with a chance below 1e-130
}

TEST(RandomNonce, IsNewEachTime) {
  std::set<protocol::Nonce> seen;
  for (int round = 0; round < 1000; ++round) EXPECT_TRUE(seen.insert(random_nonce()).second);
}

}  // namespace
}  // namespace sluice::tls
