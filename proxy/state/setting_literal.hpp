// What a server told of a variable, as it is said in a SET statement that gives it that value.
//
// Flow: `SELECT @@session.x` → `setting_literal(column)` → `SET x = <literal>`. Needs no library.
#pragma once

#include <optional>
#include <string>

namespace sluice::proxy {

// `value`: the column's text, nullopt for NULL. nullopt: one that can't be said in the same way under every sql_mode
// and character set, or a very long one.
[[nodiscard]] std::optional<std::string> setting_literal(const std::optional<std::string>& value);

}  // namespace sluice::proxy
