#include "admin/sql/engine.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "admin/sql/tables.hpp"
#include "admin/sql/variables.hpp"
#include "admin/sql/virtual_table.hpp"

namespace sluice::admin {
namespace {

// Two reach outside of the query, into files and memory. The others cost the product of the lengths of what they are
// given, and nobody looks at the clock within one call: a short query could keep the control thread for hours.
constexpr auto refused_functions = std::to_array<std::string_view>(
    {"load_extension", "fts3_tokenizer", "instr", "json_patch", "ltrim", "replace", "rtrim", "trim"});

bool is_refused_function(std::string_view name) {
  return std::find(refused_functions.begin(), refused_functions.end(), name) != refused_functions.end();
}

// Only reading of our own tables, and functions that neither touch anything outside nor last.
int authorize(void* /*data*/, int action, const char* first, const char* second, const char* /*database*/,
              const char* /*trigger*/) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_READ: {
      const std::string_view table = first == nullptr ? "" : first;
      const bool catalogue = table.starts_with("sqlite_") || table.starts_with("pragma_");
      return catalogue ? SQLITE_DENY : SQLITE_OK;
    }
    case SQLITE_FUNCTION:
      return is_refused_function(second == nullptr ? "" : second) ? SQLITE_DENY : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

void result_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void variable_function(sqlite3_context* context, int /*argc*/, sqlite3_value** argv) {
  const auto* name = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
  const auto value = system_variable(name == nullptr ? "" : name);
  if (value) return result_text(context, *value);
  const std::string error = "Unknown system variable '" + std::string(name == nullptr ? "" : name) + "'";
  sqlite3_result_error(context, error.c_str(), -1);
}

void constant_function(sqlite3_context* context, int /*argc*/, sqlite3_value** /*argv*/) {
  result_text(context, static_cast<const char*>(sqlite3_user_data(context)));
}

struct Constant {
  const char* name;
  std::string value;
};

const std::vector<Constant>& constants() {
  static const std::vector<Constant> all{{"version", std::string(admin_server_version())},
                                         {"database", "sluice"},
                                         {"schema", "sluice"},
                                         {"user", "admin"},
                                         {"current_user", "admin"},
                                         {"session_user", "admin"}};
  return all;
}

}  // namespace

void SqlEngine::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void SqlEngine::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqlEngine::SqlEngine(const EngineLimits& limits) : limits_(limits) {
  sqlite3* db = nullptr;
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(":memory:", &db, flags, nullptr);
  db_.reset(db);
  assert(opened == SQLITE_OK && "an SQLite database in memory needs nothing but memory");
  (void)opened;
  prepare_connection();
}

SqlEngine::~SqlEngine() = default;

void SqlEngine::prepare_connection() {
  sqlite3* db = db_.get();
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(limits_.heap_bytes_max));
  sqlite3_exec(db, "PRAGMA temp_store = MEMORY", nullptr, nullptr, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // SQLite bounds how deep an expression is, but not how deep common table expressions stand in each other. It expands
  // them by recursion, in a time that grows with the square of their number, before anybody looks at the clock.
  constexpr int text_max = 16 * 1024;
  constexpr int value_max = 256 * 1024;  // a login packet, with a user name and a schema, is half of it
  const std::pair<int, int> bounds[] = {
      {SQLITE_LIMIT_LENGTH, value_max}, {SQLITE_LIMIT_SQL_LENGTH, text_max},     {SQLITE_LIMIT_COLUMN, 500},
      {SQLITE_LIMIT_EXPR_DEPTH, 100},   {SQLITE_LIMIT_COMPOUND_SELECT, 50},      {SQLITE_LIMIT_FUNCTION_ARG, 50},
      {SQLITE_LIMIT_ATTACHED, 0},       {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200}, {SQLITE_LIMIT_VARIABLE_NUMBER, 1},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},  {SQLITE_LIMIT_WORKER_THREADS, 0}};
  for (const auto& [limit, value] : bounds) sqlite3_limit(db, limit, value);
  const bool registered = register_tables(db, &state_);
  assert(registered && "table names are ours");
  (void)registered;
  sqlite3_create_function_v2(db, "sluice_variable", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, variable_function,
                             nullptr, nullptr, nullptr);
  for (const Constant& c : constants()) {
    sqlite3_create_function_v2(db, c.name, 0, SQLITE_UTF8, const_cast<char*>(c.value.c_str()), constant_function,
                               nullptr, nullptr, nullptr);
  }
  sqlite3_set_authorizer(db, authorize, nullptr);
  constexpr int instructions_between_looks = 20;  // each may be a call over a whole value
  sqlite3_progress_handler(db, instructions_between_looks, on_progress, this);
}

int SqlEngine::on_progress(void* self) {
  auto* engine = static_cast<SqlEngine*>(self);
  engine->too_slow_ = std::chrono::steady_clock::now() > engine->deadline_;
  return engine->too_slow_ ? 1 : 0;
}

SqlError SqlEngine::last_error() const {
  if (too_slow_) {
    return {1969, "70100", "the query ran longer than " + std::to_string(limits_.run_ms_max) + " ms and was ended"};
  }
  const std::string message = sqlite3_errmsg(db_.get());
  constexpr std::string_view no_table = "no such table: ";
  constexpr std::string_view no_column = "no such column: ";
  if (message.starts_with(no_table)) {
    return {1146, "42S02",
            "table '" + message.substr(no_table.size()) + "' doesn't exist; the tables are " + admin_table_names()};
  }
  if (message.starts_with(no_column))
    return {1054, "42S22", "unknown column '" + message.substr(no_column.size()) + "'"};
  if (message.starts_with("Unknown system variable")) return {1193, "HY000", message};
  // SQLite's own virtual tables are refused while they are declared, and functions without a code of their own.
  const bool refused = message.starts_with("not authorized") || message.starts_with("vtable constructor failed");
  const int code = sqlite3_errcode(db_.get());
  if (refused || code == SQLITE_AUTH) return {1142, "42000", "that is not allowed on the admin port: " + message};
  if (code == SQLITE_NOMEM) return {1037, "HY001", "the query needs more memory than the admin port gives it"};
  return {1064, "42000", message};
}

Result<ResultSet, SqlError> SqlEngine::run(const AdminState& state, const AdminStatement& statement) {
  if (!statement.table.empty() && find_admin_table(statement.table) == nullptr) {
    return SqlError{1146, "42S02",
                    "table '" + statement.table + "' doesn't exist; the tables are " + admin_table_names()};
  }
  state_ = &state;
  too_slow_ = false;
  deadline_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(limits_.run_ms_max);
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int prepared =
      sqlite3_prepare_v2(db_.get(), statement.sql.data(), static_cast<int>(statement.sql.size()), &raw, &tail);
  const Statement owned(raw);
  if (prepared != SQLITE_OK) return last_error();
  const auto used = static_cast<std::size_t>(tail - statement.sql.data());
  const bool more = statement.sql.find_first_not_of(" \t\r\n;", used) != std::string::npos;
  if (more || raw == nullptr) return SqlError{1064, "42000", "write one statement at a time"};
  auto result = collect(*raw);
  state_ = nullptr;
  return result;
}

Result<ResultSet, SqlError> SqlEngine::collect(sqlite3_stmt& statement) {
  ResultSet result;
  const int columns = sqlite3_column_count(&statement);
  for (int i = 0; i < columns; ++i) {
    const char* name = sqlite3_column_name(&statement, i);
    const char* declared = sqlite3_column_decltype(&statement, i);
    // An expression has no declared type: it is an integer until a row shows otherwise.
    const bool integer = declared == nullptr || std::string_view(declared) == "INTEGER";
    result.columns.push_back({restore_variables(name == nullptr ? "" : name), integer});
  }
  std::size_t bytes = 0;
  int step = sqlite3_step(&statement);
  for (; step == SQLITE_ROW; step = sqlite3_step(&statement)) {
    auto& row = result.rows.emplace_back(static_cast<std::size_t>(columns));
    bytes += sizeof(std::vector<std::optional<std::string>>);
    for (int i = 0; i < columns; ++i) {
      auto& cell = row[static_cast<std::size_t>(i)];
      bytes += sizeof cell;
      const int type = sqlite3_column_type(&statement, i);
      if (type == SQLITE_NULL) continue;
      if (type != SQLITE_INTEGER) result.columns[static_cast<std::size_t>(i)].integer = false;
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(&statement, i));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(&statement, i));
      cell.emplace(text == nullptr ? "" : text, text == nullptr ? 0 : size);
      bytes += size;
    }
    if (bytes > limits_.result_bytes_max) {
      return SqlError{1104, "42000", "the result is too large for the admin port; use WHERE or LIMIT"};
    }
  }
  if (step != SQLITE_DONE) return last_error();
  return result;
}

}  // namespace sluice::admin
