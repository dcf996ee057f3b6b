// Reads the protocol's basic types from a peer's bytes, bounds checked, little endian.
// Failure sticks: after one read that found too few bytes every further read gives zeros and empty views, so a codec
// reads all its fields in a row and asks once.
// Source: MySQL internals manual, "Protocol::Integer", "Protocol::String".
//
// Flow: `Reader in(payload); auto id = in.u32(); auto name = in.nul_text(); if (!in.ok()) return std::nullopt;`
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "protocol/bytes.hpp"

namespace sluice::protocol {

class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(integer(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }

  // A length-encoded integer. 0xfb (NULL) and 0xff (ERR) are no integers: they fail.
  std::uint64_t lenenc() {
    const std::uint8_t first = u8();
    if (first < 0xfb) return first;
    switch (first) {
      case 0xfc:
        return u16();
      case 0xfd:
        return u24();
      case 0xfe:
        return u64();
      default:
        fail();
        return 0;
    }
  }

  // Borrowed views of the bytes that were read.
  Bytes bytes(std::uint64_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const Bytes taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  void skip(std::uint64_t count) { bytes(count); }
  Bytes rest() { return bytes(rest_.size()); }
  Bytes lenenc_bytes() { return bytes(lenenc()); }
  std::string_view text(std::uint64_t count) { return as_text(bytes(count)); }
  std::string_view lenenc_text() { return as_text(lenenc_bytes()); }

  // Text up to a zero byte, which is used up and not part of the view.
  std::string_view nul_text() {
    const std::size_t length = find_nul();
    if (length == rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = text(length);
    skip(1);
    return taken;
  }
  // The same, but the packet's end does for the zero byte: some peers leave out the last one.
  std::string_view nul_or_end_text() {
    const std::size_t length = find_nul();
    const bool terminated = length < rest_.size();
    const std::string_view taken = text(length);
    if (terminated) skip(1);
    return taken;
  }

 private:
  std::uint64_t integer(std::size_t width) {
    std::uint64_t value = 0;
    const Bytes raw = bytes(width);
    for (std::size_t i = 0; i < raw.size(); ++i) value |= std::uint64_t{raw[i]} << (8 * i);
    return value;
  }
  [[nodiscard]] std::size_t find_nul() const {
    if (rest_.empty()) return 0;
    const void* found = std::memchr(rest_.data(), 0, rest_.size());
    return found == nullptr ? rest_.size()
                            : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - rest_.data());
  }

  Bytes rest_;
  bool ok_ = true;
};

}  // namespace sluice::protocol
