// Recognises statements that ask for nothing but what the one before them left on the connection.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/state/kept_diagnostics.hpp"

namespace sluice::proxy {

// True for "SELECT ROW_COUNT() AS n, @@warning_count" and the like; false in doubt. Only such a SELECT may be asked
// where that statement ran, even if that server does not lead the cluster.
[[nodiscard]] bool asks_only_diagnostics(std::string_view sql);

// SHOW WARNINGS, SHOW ERRORS, with a LIMIT or without; SHOW COUNT(*) WARNINGS, SHOW COUNT(*) ERRORS. nullopt: another
// statement, or in doubt.
[[nodiscard]] std::optional<DiagnosticsQuestion> diagnostics_question(std::string_view sql);

}  // namespace sluice::proxy
