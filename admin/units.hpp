// Durations and sizes as people write them in the configuration: 1500, "1.5s" is not accepted but "1500ms" is; "10s",
// "5m", "8h"; "256KiB", "1MiB", "1GiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::admin {

enum class Unit : std::uint8_t { none, milliseconds, bytes };

// nullopt: not a whole number with a suffix of that unit, or too large for 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_quantity(std::string_view text, Unit unit);

// The shortest exact form: 10000 ms is "10s", 1500 ms "1500ms", 262144 bytes are "256KiB", 1000 bytes "1000".
[[nodiscard]] std::string format_quantity(std::uint64_t value, Unit unit);

// "milliseconds", "bytes" or "".
[[nodiscard]] std::string_view unit_name(Unit unit);

}  // namespace sluice::admin
