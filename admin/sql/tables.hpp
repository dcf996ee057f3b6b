// The admin tables: their columns, and how rows are made of the gathered state.
//
// Flow: `for (const AdminTable& t : admin_tables())`; `t.rows(state)` when a query reads the table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/state.hpp"

namespace sluice::admin {

using Value = std::variant<std::monostate, std::int64_t, std::string>;  // monostate: NULL
using Row = std::vector<Value>;

enum class ColumnType : std::uint8_t { integer, text };

struct Column {
  std::string_view name;
  ColumnType type = ColumnType::text;
};

struct AdminTable {
  std::string_view name;
  std::string_view meaning;
  std::vector<Column> columns;
  std::vector<Row> (*rows)(const AdminState& state) = nullptr;  // each row as long as `columns`
  bool shown = true;                                            // in SHOW TABLES
};

[[nodiscard]] std::span<const AdminTable> admin_tables();
[[nodiscard]] const AdminTable* find_admin_table(std::string_view name);  // any case; nullptr: there is none

// "servers, clusters, …": for messages.
[[nodiscard]] std::string admin_table_names();

}  // namespace sluice::admin
