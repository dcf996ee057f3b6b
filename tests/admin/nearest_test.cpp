#include "admin/nearest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace sluice::admin {
namespace {

constexpr std::array<std::string_view, 4> known{"listen", "workers", "io", "server_version"};

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest_word("lissten", known), "listen");
  EXPECT_EQ(nearest_word("lisetn", known), "listen");
  EXPECT_EQ(nearest_word("worker", known), "workers");
  EXPECT_EQ(nearest_word("oi", known), "io");
  EXPECT_EQ(nearest_word("server-version", known), "server_version");
}

TEST(Nearest, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_word("colour", known), "");
  EXPECT_EQ(nearest_word("", known), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'l'), known), "");
  EXPECT_EQ(nearest_word("listen", {}), "");
}

}  // namespace
}  // namespace sluice::admin
