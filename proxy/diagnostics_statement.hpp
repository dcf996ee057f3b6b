// Recognises a SELECT of nothing but what the statement before it left on the connection: row counts and warning
// counts. Only such a one may be asked where that statement ran, even if that server does not lead the cluster.
#pragma once

#include <string_view>

namespace sluice::proxy {

// True for "SELECT ROW_COUNT() AS n, @@warning_count" and the like; false in doubt.
[[nodiscard]] bool asks_only_diagnostics(std::string_view sql);

}  // namespace sluice::proxy
