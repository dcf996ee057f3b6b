#include "proxy/tls/memory_pipe.hpp"

#include <gtest/gtest.h>

#include <string>

#include "proxy/tls/openssl_ptr.hpp"

namespace sluice::tls {
namespace {

using protocol::as_bytes;

std::string pop(MemoryPipe& pipe, std::size_t at_most) {
  std::string out(at_most, '?');
  out.resize(pipe.pop({reinterpret_cast<std::uint8_t*>(out.data()), out.size()}));
  return out;
}

TEST(MemoryPipe, KeepsOrderThroughEveryMixOfSizes) {
  for (std::size_t in = 1; in < 12; ++in) {
    for (std::size_t out = 1; out < 12; ++out) {
      MemoryPipe pipe(64);
      std::string sent;
      std::string received;
      for (int round = 0; round < 200; ++round) {
        const std::string piece(in, static_cast<char>('a' + round % 26));
        if (pipe.push(as_bytes(piece))) sent += piece;
        ASSERT_LE(pipe.size(), 64U);
        received += pop(pipe, out);
        ASSERT_EQ(pipe.size(), sent.size() - received.size());
      }
      received += pop(pipe, 64);
      EXPECT_EQ(received, sent) << in << " in, " << out << " out";
    }
  }
}

TEST(MemoryPipe, TakesAllOrNothing) {
  MemoryPipe pipe(4);
  EXPECT_TRUE(pipe.push(as_bytes("abc")));
  EXPECT_FALSE(pipe.push(as_bytes("de")));
  EXPECT_EQ(pipe.room(), 1U);
  EXPECT_TRUE(pipe.push(as_bytes("d")));
  EXPECT_EQ(pop(pipe, 9), "abcd");
}

TEST(MemoryPipe, BioAsksForMoreWhenEmptyAndFailsWhenFull) {
  MemoryPipe pipe(4);
  const BioPtr bio(new_pipe_bio(pipe));
  char byte = 0;
  EXPECT_LE(BIO_read(bio.get(), &byte, 1), 0);
  EXPECT_TRUE(BIO_should_read(bio.get()));
  EXPECT_EQ(BIO_write(bio.get(), "abcd", 4), 4);
  EXPECT_EQ(BIO_pending(bio.get()), 4);
  EXPECT_LE(BIO_write(bio.get(), "e", 1), 0);
  EXPECT_FALSE(BIO_should_retry(bio.get()));
  EXPECT_EQ(BIO_read(bio.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'a');
}

}  // namespace
}  // namespace sluice::tls
