#include "protocol/reader.hpp"

#include <gtest/gtest.h>

#include "protocol/writer.hpp"
#include "wire.hpp"

namespace sluice::protocol {
namespace {

struct LenencCase {
  std::uint64_t value;
  std::string_view bytes;
};

const LenencCase lenenc_cases[] = {
    {0, "00"},
    {0xfa, "fa"},
    {0xfb, "fc fb 00"},
    {0xffff, "fc ff ff"},
    {0x10000, "fd 00 00 01"},
    {0xffffff, "fd ff ff ff"},
    {0x1000000, "fe 00 00 00 01 00 00 00 00"},
    {~std::uint64_t{0}, "fe ff ff ff ff ff ff ff ff"},
};

TEST(Lenenc, RoundTripsAndFailsWhereCut) {
  for (const LenencCase& c : lenenc_cases) {
    const ByteBuffer bytes = hex(c.bytes);
    ByteBuffer written;
    Writer(written).lenenc(c.value);
    EXPECT_EQ(show(written), c.bytes);
    Reader in(bytes);
    EXPECT_EQ(in.lenenc(), c.value);
    EXPECT_TRUE(in.ok() && in.at_end());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      Reader short_in(Bytes(bytes).first(cut));
      short_in.lenenc();
      EXPECT_FALSE(short_in.ok()) << c.bytes << " cut at " << cut;
    }
  }
}

TEST(Lenenc, NullAndErrAreNoIntegers) {
  for (const std::string_view bytes : {"fb 00 00", "ff 00 00"}) {
    const ByteBuffer wire = hex(bytes);
    Reader in(wire);
    EXPECT_EQ(in.lenenc(), 0U);
    EXPECT_FALSE(in.ok());
  }
}

TEST(Reader, IntegersAreLittleEndian) {
  const ByteBuffer bytes = hex("01 02 01 03 02 01 04 03 02 01 08 07 06 05 04 03 02 01");
  Reader in(bytes);
  EXPECT_EQ(in.u8(), 0x01);
  EXPECT_EQ(in.u16(), 0x0102);
  EXPECT_EQ(in.u24(), 0x010203U);
  EXPECT_EQ(in.u32(), 0x01020304U);
  EXPECT_EQ(in.u64(), 0x0102030405060708U);
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(Reader, FailureSticks) {
  const ByteBuffer bytes = hex("01 02 03");
  Reader in(bytes);
  EXPECT_EQ(in.u32(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.left(), 0U);
  EXPECT_TRUE(in.rest().empty());
  EXPECT_FALSE(in.ok());
}

TEST(Reader, LengthsBeyondTheEndFail) {
  for (const std::string_view bytes : {"02 'a'", "fe ff ff ff ff ff ff ff ff 'a'", "fd ff ff ff"}) {
    const ByteBuffer wire = hex(bytes);
    Reader in(wire);
    EXPECT_TRUE(in.lenenc_text().empty());
    EXPECT_FALSE(in.ok());
  }
}

TEST(Reader, NulText) {
  const ByteBuffer bytes = hex("'ab' 00 00 'cd'");
  Reader in(bytes);
  EXPECT_EQ(in.nul_text(), "ab");
  EXPECT_EQ(in.nul_text(), "");
  Reader strict = in;
  EXPECT_EQ(strict.nul_text(), "");
  EXPECT_FALSE(strict.ok());
  EXPECT_EQ(in.nul_or_end_text(), "cd");
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(Writer, NulTextEndsAtItsFirstZero) {
  ByteBuffer out;
  Writer(out).nul_text(std::string_view("a\0b", 3)).u24(0x030201).u32(0x07060504).zeros(2);
  EXPECT_EQ(show(out), "61 00 01 02 03 04 05 06 07 00 00");
}

}  // namespace
}  // namespace sluice::protocol
