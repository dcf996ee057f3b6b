// What a statement does, as far as routing must know: may a replica answer it, what does it do to the transaction, what
// does it leave behind in the session. In doubt the answer is "leader", and the reason is kept.
//
// Not seen: what views and triggers call, and tables of information_schema, performance_schema, mysql or sys that are
// named without their schema.
//
// Flow: `Classification c = classify(sql, dialect)`; the session asks `c.replica_safe`, applies `c.transaction`,
// `c.pin`, `c.schema`, `c.assignments`, `c.read_backs`. Nothing is thrown; every input has an answer; no memory is
// taken for ordinary statements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::router {

enum class StatementKind : std::uint8_t {
  empty,
  select,
  insert,
  update,
  delete_,
  replace,
  call,
  do_,
  ddl,
  set,
  use,
  begin,
  commit,
  rollback,
  savepoint,
  show,
  explain,
  lock_tables,
  unlock_tables,
  prepare,
  execute,
  deallocate,
  handler,
  xa,
  load_data,
  kill,
  account,
  maintenance,
  other,
};

// What the statement does to the session's transaction.
enum class TransactionEffect : std::uint8_t {
  none,
  begin,            // BEGIN, START TRANSACTION [READ WRITE | WITH CONSISTENT SNAPSHOT]
  begin_read_only,  // START TRANSACTION READ ONLY
  end,              // COMMIT, ROLLBACK
  end_and_chain,    // COMMIT/ROLLBACK AND CHAIN: a new one starts at once
  end_and_release,  // COMMIT/ROLLBACK RELEASE: the server closes the connection
  implicit_commit,  // DDL and its like
};

// Session state that cannot be carried to another server connection (or not yet): it ties the session to the one that
// has it.
// A bit set, so that the session can keep several and show their names.
enum class Pin : std::uint16_t {
  none = 0,
  user_variable = 1 << 0,      // @x assigned (SET @x, SELECT @x :=, INTO @x)
  temporary_table = 1 << 1,    // CREATE TEMPORARY TABLE
  user_lock = 1 << 2,          // GET_LOCK()
  table_lock = 1 << 3,         // LOCK TABLES, FLUSH TABLES WITH READ LOCK
  text_prepare = 1 << 4,       // PREPARE … FROM
  handler = 1 << 5,            // HANDLER … OPEN
  xa = 1 << 6,                 // XA START …
  found_rows = 1 << 7,         // SQL_CALC_FOUND_ROWS: the next statement may ask FOUND_ROWS()
  unknown_setting = 1 << 8,    // a SET that can't be carried: an expression, or not understood
  unknown_statement = 1 << 9,  // multi-statements and CALLs whose effects can't be seen, text too long to look into
  stored_code = 1 << 10,       // a stored function was called, or may have been: it may have left any of these behind
  hidden_change = 1 << 11,     // never of a text: the server said that something has changed, and the text does not
  unread_setting = 1 << 12,    // a SET to an expression: until the value that it gave is read, see `read_backs`
  connection_id = 1 << 13,     // the client was told its server's thread id: a KILL of that is meant for this session
};

// NOLINTBEGIN(clang-analyzer-optin.core.EnumCastOutOfRange): every union of bits is a value of a bit set.
[[nodiscard]] constexpr Pin operator|(Pin a, Pin b) {
  return static_cast<Pin>(static_cast<std::uint16_t>(a) | static_cast<std::uint16_t>(b));
}
[[nodiscard]] constexpr Pin operator&(Pin a, Pin b) {
  return static_cast<Pin>(static_cast<std::uint16_t>(a) & static_cast<std::uint16_t>(b));
}
[[nodiscard]] constexpr Pin operator~(Pin a) { return static_cast<Pin>(~static_cast<std::uint16_t>(a)); }
// NOLINTEND(clang-analyzer-optin.core.EnumCastOutOfRange)
constexpr Pin& operator|=(Pin& a, Pin b) { return a = a | b; }
constexpr Pin& operator&=(Pin& a, Pin b) { return a = a & b; }
[[nodiscard]] constexpr bool any(Pin p) { return p != Pin::none; }

// "user_variable, temporary_table"; empty for none.
[[nodiscard]] std::string to_string(Pin pins);

// What of the previous statement on the same server connection this one asks about.
struct Needs {
  bool last_insert_id = false;  // LAST_INSERT_ID(), @@last_insert_id, @@identity
  bool diagnostics = false;     // SHOW WARNINGS/ERRORS, SHOW COUNT(*) …, GET DIAGNOSTICS, ROW_COUNT(), FOUND_ROWS(),
                                // @@warning_count, @@error_count
  bool sequence_value = false;  // LASTVAL(), PREVIOUS VALUE FOR: of a statement before it, not necessarily the last
};

// One `SET [SESSION] name = literal` (also SET NAMES, SET CHARACTER SET, SET SESSION TRANSACTION), ready to be said
// again on another connection as `SET <name> = <value>`. The order in which they are said matters where charsets are
// concerned. autocommit is no assignment, see `sets_autocommit_off`.
struct Assignment {
  std::string name;   // canonical: lower case, without "session."; SET NAMES becomes "names" (value "utf8mb4" or
                      // "utf8mb4 COLLATE x"), said again as `SET NAMES <value>`
  std::string value;  // SQL text of the literal, quoted as it must be; DEFAULT stays DEFAULT
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

struct Dialect {
  bool ansi_quotes = false;
  bool no_backslash_escapes = false;
  bool mariadb = true;                    // runs /*M! */ comments; MySQL does not
  std::uint32_t server_version = 101100;  // decides /*!NNNNNN */ comments; 0: unknown, both readings must agree
  bool ascii_safe = true;       // false: a client charset whose multi-byte characters may hold a backslash or quote
                                // byte (gbk, sjis, big5, gb18030, cp932): non-ASCII text goes to the leader
  bool ansi_known = true;       // false: both readings of "…" must agree
  bool backslash_known = true;  // false: both readings of \ in strings must agree
  bool utf8 = false;  // the client charset is utf8 or utf8mb4: names without quotes may be non-ASCII; otherwise
                      // such text goes to the leader, tied (0xA0 is a space in some charsets)
};

struct Classification {
  StatementKind kind = StatementKind::empty;
  TransactionEffect transaction = TransactionEffect::none;
  Pin pin = Pin::none;
  Pin unpin = Pin::none;  // UNLOCK TABLES lifts table_lock, RELEASE_ALL_LOCKS() lifts user_lock, …
  Needs needs;
  bool replica_safe = false;  // it reads only, and nothing in it ties it to the leader; also SET and USE that can be
                              // carried, and START TRANSACTION READ ONLY; never together with a pin or a need
  bool multi = false;         // several statements; the fields are the union, in doubt the leader
  bool sets_autocommit_off = false;
  bool sets_autocommit_on = false;
  bool sets_next_transaction = false;  // SET TRANSACTION without a scope, or SET @@tx_isolation, and their like
  bool sets_global = false;            // SET GLOBAL, SET PERSIST: what later logons get
  bool sets_savepoint = false;
  bool sets_last_insert_id = false;   // LAST_INSERT_ID(x): the next LAST_INSERT_ID() on this connection is x
  bool takes_sequence_value = false;  // NEXTVAL(), NEXT VALUE FOR: what LASTVAL() is on this connection
  bool tells_changes = false;         // what a server reports of it as a change of its session is known from the text:
                                      // SET, also SET STATEMENT … FOR, USE, DROP TEMPORARY TABLE, DEALLOCATE PREPARE
  bool kills = false;                 // KILL, also as one of several statements
  bool reads_tables = false;          // a SELECT with FROM, and not FROM DUAL
  bool calls_stored = false;          // perhaps a stored function, which may ask for LAST_INSERT_ID() inside
  std::string_view reason;            // why not replica_safe; static text, e.g. "locking read", "calls GET_LOCK()"
  std::string_view schema;            // USE x: the name as written, without quotes (borrowed from sql); empty: none
  std::vector<Assignment> assignments;
  std::vector<std::string> read_backs;  // SET name = an expression, lower case: its value, once it is read, can be
                                        // said again as an assignment's can; always with Pin::unread_setting
};

// Longer texts are not looked into (leader, pinned); the caller may pass only one byte more than this of such a text.
inline constexpr std::size_t classify_bytes_max = std::size_t{16} << 20U;

// Classifies one COM_QUERY or COM_STMT_PREPARE text. Total: any bytes, any length, no recursion deeper than a constant.
[[nodiscard]] Classification classify(std::string_view sql, const Dialect& dialect);

}  // namespace sluice::router
