// Bytes for tests, written as the protocol pages show them.
//
// Flow: `packet(1, hex("00 00 00 02 00 00 00"))`, `hex("03 'def' 00")`, `join({a, b})`.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/packet.hpp"

namespace sluice::protocol {

// Hex digits in pairs, text in single quotes; blanks don't count.
inline ByteBuffer hex(std::string_view text) {
  ByteBuffer out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '\'') {
      const std::size_t end = text.find('\'', i + 1);
      const Bytes quoted = as_bytes(text.substr(i + 1, end - i - 1));
      out.insert(out.end(), quoted.begin(), quoted.end());
      i = end + 1;
    } else {
      out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
      i += 2;
    }
  }
  return out;
}

inline ByteBuffer packet(std::uint8_t sequence, Bytes payload) {
  ByteBuffer out;
  append_packet(out, sequence, payload);
  return out;
}

// Payloads as packets numbered from `first`.
inline ByteBuffer packets(std::initializer_list<std::string_view> payloads, std::uint8_t first = 1) {
  ByteBuffer out;
  for (const std::string_view payload : payloads) first = append_packet(out, first, hex(payload));
  return out;
}

inline ByteBuffer join(std::initializer_list<ByteBuffer> parts) {
  ByteBuffer out;
  for (const ByteBuffer& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline std::string show(Bytes bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    if (!out.empty()) out += ' ';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace sluice::protocol
