#include "admin/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace sluice::admin {
namespace {

struct Suffix {
  std::string_view text;
  std::uint64_t factor;
};

constexpr std::array<Suffix, 4> durations{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Suffix, 4> sizes{{{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

std::span<const Suffix> suffixes(Unit unit) {
  switch (unit) {
    case Unit::milliseconds:
      return durations;
    case Unit::bytes:
      return sizes;
    case Unit::none:
      break;
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_quantity(std::string_view text, Unit unit) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  while (suffix.starts_with(' ')) suffix.remove_prefix(1);
  if (suffix.empty()) return number;
  for (const Suffix& known : suffixes(unit)) {
    if (suffix != known.text) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / known.factor) return std::nullopt;
    return number * known.factor;
  }
  return std::nullopt;
}

std::string format_quantity(std::uint64_t value, Unit unit) {
  if (value != 0) {
    for (const Suffix& known : suffixes(unit)) {
      const bool plain = unit == Unit::bytes && known.factor == 1;  // bytes need no suffix
      if (!plain && value % known.factor == 0) {
        return std::to_string(value / known.factor) + std::string(known.text);
      }
    }
  }
  return std::to_string(value);
}

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::milliseconds:
      return "milliseconds";
    case Unit::bytes:
      return "bytes";
    case Unit::none:
      break;
  }
  return "";
}

}  // namespace sluice::admin
