// "Did you mean …?": the known word that is closest to one that is not known.
#pragma once

#include <span>
#include <string_view>

namespace sluice::admin {

// The word of `known` that is the fewest insertions, deletions, replacements and swaps away; empty if none is close
// enough to be a likely slip (a third of its length, at least 1).
[[nodiscard]] std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace sluice::admin
