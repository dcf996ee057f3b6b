// Text that a peer or a file gave us, made fit for a terminal or a log line.
//
// Flow: `message + printable(name)`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::admin {

// Control characters become '?', and what is longer than `shown_max` bytes is cut.
[[nodiscard]] std::string printable(std::string_view text, std::size_t shown_max = 80);

}  // namespace sluice::admin
