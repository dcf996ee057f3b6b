// KILL with the id of one of our own connections: the id that a client sees means nothing to a server, where it may be
// somebody else's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::proxy {

// The id in `KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] <number>`; a number too large for any id gives the largest.
// nullopt: another form (KILL USER, an expression), which must not be sent on.
[[nodiscard]] std::optional<std::uint64_t> killed_connection(std::string_view sql);

}  // namespace sluice::proxy
