// What the kernel hands back with each completion: which operation, of which slot, in which generation of it. Never a
// pointer, so that a late completion can't reach freed memory.
#pragma once

#include <cstdint>

namespace sluice::io {

struct Token {
  static constexpr std::uint32_t slot_bits = 24;
  static constexpr std::uint32_t slots_max = 1U << slot_bits;

  std::uint8_t kind = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  [[nodiscard]] std::uint64_t pack() const {
    return std::uint64_t{kind} << 56U | std::uint64_t{slot} << 32U | generation;
  }
  static Token unpack(std::uint64_t packed) {
    return {static_cast<std::uint8_t>(packed >> 56U), static_cast<std::uint32_t>(packed >> 32U) & (slots_max - 1),
            static_cast<std::uint32_t>(packed)};
  }
};

}  // namespace sluice::io
