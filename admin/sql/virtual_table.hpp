// Lets SQLite read the admin tables: one virtual-table module for all of them. Rows are made when a query opens a
// table, so a table that is not asked for costs nothing.
// Source: SQLite documentation, "The Virtual Table Mechanism Of SQLite" (eponymous-only virtual tables).
//
// Flow: `register_tables(db, &state)`; point `state` at what a query shall see before it runs.
#pragma once

#include <sqlite3.h>

namespace sluice::admin {

struct AdminState;

// `*state` is read at each scan; it may change between queries, not while one runs. False: SQLite ran out of memory.
[[nodiscard]] bool register_tables(sqlite3* db, const AdminState* const* state);

}  // namespace sluice::admin
