// The families of statements that `classify` dispatches to. Each begins at the statement's first word, walks to its end
// and fills in the classification, which starts out as "not replica_safe, no reason yet".
#pragma once

#include "router/classify.hpp"
#include "router/cursor.hpp"
#include "router/effects.hpp"

namespace sluice::router {

struct Statement {
  Cursor& cursor;
  Classification& result;
  const Dialect& dialect;
  int nesting = 0;  // of statements in EXPLAIN, ANALYZE and SET STATEMENT … FOR
};

inline constexpr int nesting_max = 4;

// Settings that are kept of one text. What is over it ties the session to its connection instead.
inline constexpr std::size_t assignments_max = 100;

void classify_statement(Statement s);
void classify_query(Statement s);        // SELECT, VALUES, TABLE, WITH, "("
void classify_show(Statement s);         // SHOW
void classify_explain(Statement s);      // EXPLAIN, DESCRIBE, DESC
void classify_analyze(Statement s);      // ANALYZE TABLE; MariaDB's ANALYZE SELECT, ANALYZE UPDATE, …
void classify_set(Statement s);          // SET in all its forms
void classify_transaction(Statement s);  // BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, XA
void classify_write(Statement s);        // INSERT, REPLACE, UPDATE, DELETE, CALL, DO, LOAD
void classify_definition(Statement s);   // CREATE, ALTER, DROP, RENAME, TRUNCATE, GRANT, REVOKE
void classify_other(Statement s);        // USE, LOCK, UNLOCK, PREPARE, HANDLER, KILL, FLUSH, … and what isn't known

// To the end of the statement, noting effects on the way.
inline void scan_rest(const Statement& s) { EffectScan(s.cursor, s.result, s.dialect).run(); }

// Behind SELECT or DO: RELEASE_ALL_LOCKS() and nothing else, so that it surely runs.
void note_release_of_all(const Statement& s);

inline constexpr std::string_view writes = "writes";
inline constexpr std::string_view not_understood = "not understood";

}  // namespace sluice::router
