// The shape of a statement: its text with literals replaced, so that statements which differ only in values count as
// one.
//
// Flow: `Digest d = digest(sql, dialect);` gives a number to count by; `normalize(sql, dialect, bytes_max)` gives the
// text to show. Both come from the same walk: literals become "?", lists of them "?, …", words lower case, blanks and
// comments one space at most, executable comments what is in them. Names in backticks keep their case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "router/classify.hpp"

namespace sluice::router {

using Digest = std::uint64_t;

// Takes no memory. The same on every machine and in every run.
[[nodiscard]] Digest digest(std::string_view sql, const Dialect& dialect);

// At most `bytes_max` bytes; what is cut off ends in "…" if there is room for it.
[[nodiscard]] std::string normalize(std::string_view sql, const Dialect& dialect, std::size_t bytes_max);

}  // namespace sluice::router
