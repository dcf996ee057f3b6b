#include "admin/sql/virtual_table.hpp"

#include <memory>
#include <string>
#include <vector>

#include "admin/sql/tables.hpp"

namespace sluice::admin {
namespace {

// SQLite casts between its structs and ours, which start with its own.
struct ModuleData {
  const AdminTable* table;
  const AdminState* const* state;
};

struct Table {
  sqlite3_vtab base;
  const ModuleData* data;
};

struct Cursor {
  sqlite3_vtab_cursor base;
  std::vector<Row> rows;
  std::size_t at = 0;
};

Cursor* ours(sqlite3_vtab_cursor* cursor) { return reinterpret_cast<Cursor*>(cursor); }

int connect(sqlite3* db, void* aux, int /*argc*/, const char* const* /*argv*/, sqlite3_vtab** out, char** /*error*/) {
  const auto* data = static_cast<const ModuleData*>(aux);
  std::string sql = "CREATE TABLE x(";
  for (const Column& c : data->table->columns) {
    if (sql.back() != '(') sql += ", ";
    sql.append("\"").append(c.name).append(c.type == ColumnType::integer ? "\" INTEGER" : "\" TEXT");
  }
  const int result = sqlite3_declare_vtab(db, (sql + ")").c_str());
  if (result != SQLITE_OK) return result;
  auto table = std::make_unique<Table>();
  table->data = data;
  *out = &table.release()->base;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  const std::unique_ptr<Table> owned(reinterpret_cast<Table*>(table));
  return SQLITE_OK;
}

int best_index(sqlite3_vtab* /*table*/, sqlite3_index_info* info) {
  info->estimatedCost = 1000;  // always a whole scan
  return SQLITE_OK;
}

int open(sqlite3_vtab* /*table*/, sqlite3_vtab_cursor** out) {
  *out = &std::make_unique<Cursor>().release()->base;
  return SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
  const std::unique_ptr<Cursor> owned(ours(cursor));
  return SQLITE_OK;
}

int filter(sqlite3_vtab_cursor* cursor, int /*index*/, const char* /*name*/, int /*argc*/, sqlite3_value** /*argv*/) {
  const ModuleData* data = reinterpret_cast<Table*>(cursor->pVtab)->data;
  Cursor* c = ours(cursor);
  // A join scans the inner table once per outer row: its rows are made once.
  if (c->rows.empty() && *data->state != nullptr) c->rows = data->table->rows(**data->state);
  c->at = 0;
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* cursor) {
  ++ours(cursor)->at;
  return SQLITE_OK;
}

int eof(sqlite3_vtab_cursor* cursor) { return ours(cursor)->at >= ours(cursor)->rows.size() ? 1 : 0; }

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int index) {
  const Cursor* c = ours(cursor);
  const Value& value = c->rows[c->at].at(static_cast<std::size_t>(index));
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    sqlite3_result_int64(context, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_result_text64(context, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else {
    sqlite3_result_null(context);
  }
  return SQLITE_OK;
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(ours(cursor)->at);
  return SQLITE_OK;
}

constexpr sqlite3_module make_module() {
  sqlite3_module m{};
  m.xConnect = connect;  // without xCreate the table exists by its module's name
  m.xBestIndex = best_index;
  m.xDisconnect = disconnect;
  m.xOpen = open;
  m.xClose = close;
  m.xFilter = filter;
  m.xNext = next;
  m.xEof = eof;
  m.xColumn = column;
  m.xRowid = rowid;
  return m;
}

constexpr sqlite3_module admin_module = make_module();

void destroy_data(void* data) { const std::unique_ptr<ModuleData> owned(static_cast<ModuleData*>(data)); }

}  // namespace

bool register_tables(sqlite3* db, const AdminState* const* state) {
  for (const AdminTable& table : admin_tables()) {
    auto data = std::make_unique<ModuleData>(ModuleData{&table, state});
    const std::string name(table.name);
    // SQLite owns the data from here on, also if it fails.
    if (sqlite3_create_module_v2(db, name.c_str(), &admin_module, data.release(), destroy_data) != SQLITE_OK) {
      return false;
    }
    // Connects the table now: later an authorizer forbids what declaring it needs.
    if (sqlite3_exec(db, ("SELECT 1 FROM \"" + name + "\" LIMIT 0").c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return false;
    }
  }
  return true;
}

}  // namespace sluice::admin
