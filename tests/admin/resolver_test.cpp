#include "admin/resolver.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

TEST(AddressBook, NumericAddressesNeedNoLook) {
  boost::asio::io_context io;
  std::vector<ClusterSettings> clusters(1);
  clusters[0].servers = {{"127.0.0.1", 1, {}}, {"::1", 2, {}}, {"", 0, "/run/db.sock"}};
  int changes = 0;
  AddressBook book(io, clusters, [&] { ++changes; });
  book.start();
  io.run();
  EXPECT_EQ(changes, 0);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(book.addresses()[0][i], clusters[0].servers[i]);
}

TEST(AddressBook, ResolvesNamesOnce) {
  boost::asio::io_context io;
  std::vector<ClusterSettings> clusters(1);
  clusters[0].servers = {{"localhost", 3306, {}}};
  int changes = 0;
  AddressBook book(io, clusters, [&] { ++changes; });
  EXPECT_EQ(book.addresses()[0][0], std::nullopt);
  book.start();
  io.run();
  EXPECT_EQ(changes, 1);
  ASSERT_TRUE(book.addresses()[0][0]);
  EXPECT_EQ(book.addresses()[0][0]->port, 3306);
  EXPECT_TRUE(book.addresses()[0][0]->host == "127.0.0.1" || book.addresses()[0][0]->host == "::1");
}

TEST(AddressBook, StoppingEndsTheLooks) {
  boost::asio::io_context io;
  std::vector<ClusterSettings> clusters(1);
  clusters[0].servers = {{"no-such-host.invalid", 3306, {}}};
  AddressBook book(io, clusters, [] { ADD_FAILURE() << "it has no address"; });
  book.start();
  book.stop();
  io.run();  // returns: nothing is left to wait for
  EXPECT_EQ(book.addresses()[0][0], std::nullopt);
}

}  // namespace
}  // namespace sluice::admin
