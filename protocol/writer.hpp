// Appends the protocol's basic types to a buffer, little endian: the other half of reader.hpp.
// Source: MySQL internals manual, "Protocol::Integer", "Protocol::String".
//
// Flow: `Writer(out).u8(0x00).lenenc(rows).u16(status).lenenc_text(info);`
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/bytes.hpp"

namespace sluice::protocol {

class Writer {
 public:
  // `out` is borrowed and must outlive this.
  explicit Writer(ByteBuffer& out) : out_(out) {}

  Writer& u8(std::uint8_t value) { return integer(value, 1); }
  Writer& u16(std::uint16_t value) { return integer(value, 2); }
  Writer& u24(std::uint32_t value) { return integer(value, 3); }
  Writer& u32(std::uint32_t value) { return integer(value, 4); }
  Writer& u64(std::uint64_t value) { return integer(value, 8); }

  Writer& lenenc(std::uint64_t value) {
    if (value < 0xfb) return u8(static_cast<std::uint8_t>(value));
    if (value <= 0xffff) return u8(0xfc).integer(value, 2);
    if (value <= 0xffffff) return u8(0xfd).integer(value, 3);
    return u8(0xfe).integer(value, 8);
  }

  Writer& bytes(Bytes value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  Writer& zeros(std::size_t count) {
    out_.insert(out_.end(), count, 0);
    return *this;
  }
  Writer& text(std::string_view value) { return bytes(as_bytes(value)); }
  Writer& lenenc_bytes(Bytes value) { return lenenc(value.size()).bytes(value); }
  Writer& lenenc_text(std::string_view value) { return lenenc_bytes(as_bytes(value)); }
  // Text and a zero byte. A zero byte inside would be read as the end, so what follows one is left out.
  Writer& nul_text(std::string_view value) { return text(value.substr(0, value.find('\0'))).u8(0); }

 private:
  Writer& integer(std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }

  ByteBuffer& out_;
};

}  // namespace sluice::protocol
