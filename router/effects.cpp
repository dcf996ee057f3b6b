#include "router/effects.hpp"

#include "router/system_variables.hpp"

namespace sluice::router {
namespace {

constexpr std::string_view stored_function = "calls a stored function";
constexpr std::string_view server_tables = "reads tables about the server itself";

std::uint8_t servers_of(const Dialect& dialect) {
  if (dialect.mariadb) return servers_mariadb;
  if (dialect.server_version >= 80000) return servers_mysql80;
  return dialect.server_version >= 50700 ? servers_mysql57 : servers_mysql56;
}

std::string_view unquoted(const Token& token) {
  return token.kind == TokenKind::quoted_name && token.text.size() >= 2 ? token.text.substr(1, token.text.size() - 2)
                                                                        : token.text;
}

bool is_row_write(StatementKind kind) {
  return kind == StatementKind::insert || kind == StatementKind::replace || kind == StatementKind::update ||
         kind == StatementKind::delete_;
}

// Schemas whose tables tell of one server, not of the cluster.
bool is_server_schema(std::string_view name) {
  return equals_folded(name, "performance_schema") || equals_folded(name, "mysql") || equals_folded(name, "sys");
}

// The tables of information_schema that are the same on every server of a cluster.
bool is_replicated_metadata(std::string_view table) {
  for (std::string_view known : {"tables",
                                 "columns",
                                 "schemata",
                                 "statistics",
                                 "key_column_usage",
                                 "table_constraints",
                                 "referential_constraints",
                                 "check_constraints",
                                 "views",
                                 "routines",
                                 "parameters",
                                 "triggers",
                                 "partitions",
                                 "character_sets",
                                 "collations",
                                 "collation_character_set_applicability",
                                 "sequences",
                                 "st_geometry_columns",
                                 "st_spatial_reference_systems",
                                 "keywords",
                                 "sql_functions"}) {
    if (equals_folded(table, known)) return true;
  }
  return false;
}

}  // namespace

void leader(Classification& c, std::string_view reason) {
  c.replica_safe = false;
  if (c.reason.empty()) c.reason = reason;
}

void EffectScan::run_to_comma(bool stop_at_for) {
  const int level = depth_;
  while (!cursor_.at_end()) {
    if (depth_ <= level && cursor_.token().is(',')) return;
    if (depth_ <= level && stop_at_for && cursor_.at(Keyword::for_)) return;
    step();
  }
}

void EffectScan::step() {
  const Token& token = cursor_.token();
  switch (token.kind) {
    case TokenKind::word:
    case TokenKind::quoted_name:
      name(token);
      break;
    case TokenKind::user_variable:
      if (cursor_.previous().is(Keyword::into) || result_.kind == StatementKind::load_data) {
        result_.pin |= Pin::user_variable;
      }
      break;
    case TokenKind::system_variable:
      system_variable(token.text);
      break;
    case TokenKind::op:
      if (token.op == '(') open_paren();
      if (token.op == ')') close_paren();
      if (token.op == ':') {
        result_.pin |= Pin::user_variable;
        leader(result_, "assigns a user variable");
      }
      break;
    default:
      break;
  }
  // LAST_INSERT_ID(x) sets what LAST_INSERT_ID() will say.
  if (cursor_.previous().is('(') && cursor_.before_previous().word->function == FunctionClass::last_insert_id &&
      !token.is(')')) {
    result_.sets_last_insert_id = true;
    // The answer to a write tells the new value; a resultset doesn't.
    if (!is_row_write(result_.kind)) result_.pin |= Pin::unknown_setting;
  }
  cursor_.advance();
}

void EffectScan::name(const Token& token) {
  const Token& previous = cursor_.previous();
  if (!equals_folded(unquoted(token), "dual")) note_table();
  if (previous.is('.') && cursor_.before_previous().is_name()) {
    const std::string_view schema = unquoted(cursor_.before_previous());
    if (is_server_schema(schema)) leader(result_, server_tables);
    if (equals_folded(schema, "information_schema") && !is_replicated_metadata(unquoted(token))) {
      leader(result_, server_tables);
    }
    const std::string_view member = unquoted(token);
    if (equals_folded(member, "nextval")) sequence_value(true, "may take a value of a sequence");
    // Of sequences only in Oracle mode; anywhere else it may be a column.
    if (equals_folded(member, "currval")) leader(result_, "may ask for the last value of a sequence");
  }
  if (previous.is(Keyword::insert) || previous.is(Keyword::replace)) writing_keyword(previous);
  if (token.kind == TokenKind::word && !token.attached) keyword(token);
}

void EffectScan::keyword(const Token& token) {
  if (header_) close_header(token.word->keyword);
  selects_ = selects_ || token.is(Keyword::select);
  switch (token.word->keyword) {
    case Keyword::none:
    case Keyword::reserved:
      return;
    case Keyword::update:
      if (cursor_.previous().is(Keyword::for_)) return leader(result_, "locking read");
      return writing_keyword(token);
    case Keyword::share:
      if (cursor_.previous().is(Keyword::for_)) leader(result_, "locking read");
      return;
    case Keyword::lock:
      return leader(result_, "locking read");
    case Keyword::into:
      return leader(result_, "SELECT … INTO");
    case Keyword::procedure:
      return leader(result_, "PROCEDURE clause");
    case Keyword::for_:
      if (!cursor_.previous().is(Keyword::value)) return;
      if (cursor_.before_previous().is(Keyword::previous)) {
        return sequence_value(false, "asks for the last value of a sequence");
      }
      return sequence_value(true, "takes a value of a sequence");
    case Keyword::sql_calc_found_rows:
      result_.pin |= Pin::found_rows;
      return leader(result_, "SQL_CALC_FOUND_ROWS");
    case Keyword::delete_:
    case Keyword::create:
    case Keyword::drop:
    case Keyword::alter:
    case Keyword::call:
    case Keyword::load:
      return writing_keyword(token);
    case Keyword::with: {
      const Token& previous = cursor_.previous();
      if (previous.is('(') || previous.is(Keyword::as)) open_cte_list();
      return;
    }
    case Keyword::select:
    case Keyword::values:
    case Keyword::table:
      set_cte_level(false);
      return;
    case Keyword::json_table:
      json_table_ = true;
      return;
    default:
      return;
  }
}

// A word that only a writing statement has, outside of any name.
void EffectScan::writing_keyword(const Token& token) {
  leader(result_, "writes");
  if (result_.kind != StatementKind::select || depth_ > 0) return;
  if (token.is(Keyword::update)) result_.kind = StatementKind::update;
  if (token.is(Keyword::delete_)) result_.kind = StatementKind::delete_;
  if (token.is(Keyword::insert)) result_.kind = StatementKind::insert;
  if (token.is(Keyword::replace)) result_.kind = StatementKind::replace;
  header_ = token.is(Keyword::insert) || token.is(Keyword::replace);
}

// Behind a FROM that is no function's.
void EffectScan::note_table() {
  if (result_.kind == StatementKind::select && depth_ == 0 && cursor_.previous().is(Keyword::from)) {
    result_.reads_tables = true;
  }
}

void EffectScan::set_cte_level(bool on) {
  if (depth_ >= 64) return;
  const std::uint64_t bit = std::uint64_t{1} << depth_;
  cte_levels_ = on ? cte_levels_ | bit : cte_levels_ & ~bit;
}

// "name (" that gives names to columns: WITH x (a, b), … y (a), AS x (a), (SELECT …) x (a), JSON_TABLE's COLUMNS (…).
bool EffectScan::names_a_list() const {
  const Token& name = cursor_.previous();
  const Token& before = cursor_.before_previous();
  if (before.is(Keyword::as) || before.is(')')) return true;
  if (at_cte_level() && (before.is(Keyword::with) || before.is(Keyword::recursive) || before.is(','))) return true;
  if (name.is(Keyword::of) && before.is(Keyword::member)) return true;
  return json_table_ && name.is(Keyword::columns);
}

void EffectScan::open_paren() {
  const Token& name = cursor_.previous();
  note_table();
  ++depth_;
  if (depth_ < 64) set_cte_level(false);
  if (!name.is_name()) return;
  // DEFAULT is a reserved word that is also a function to look at.
  if (name.word->opens_paren && !name.attached && name.word->function <= FunctionClass::pure) return;
  --depth_;
  const bool list = names_a_list();
  ++depth_;
  const Word& word = *name.word;
  // A number of functions are built in only without white space before "("; with it, the name may be a stored one's.
  const bool built_in = word.function != FunctionClass::none && !name.attached &&
                        (word.servers & servers_of(dialect_)) != 0 && !(word.tight_paren && cursor_.token().spaced);
  if (built_in) return called(word);
  if (!list && !header_) called_stored();
}

// It may set variables, take locks, make temporary tables: whatever it did stays with this session.
void EffectScan::called_stored() {
  result_.calls_stored = true;
  leader(result_, stored_function);
  switch (result_.kind) {
    case StatementKind::show:
    case StatementKind::account:
    case StatementKind::maintenance:
      return;  // names with lists behind them, and nothing that is computed
    case StatementKind::ddl:
      if (!selects_) return;
      break;
    default:
      break;
  }
  if (!any(result_.pin & Pin::unknown_statement)) result_.pin |= Pin::stored_code;
}

// INSERT INTO t PARTITION (p) (a, b) VALUES …, LOAD DATA … INTO TABLE t LINES … (a, b) SET …
void EffectScan::close_header(Keyword keyword) {
  const bool value = keyword == Keyword::set || (result_.kind != StatementKind::load_data &&
                                                 (keyword == Keyword::values || keyword == Keyword::value ||
                                                  keyword == Keyword::select || keyword == Keyword::with));
  if (value) header_ = false;
}

// What a connection took from a sequence last is known to that connection alone.
void EffectScan::sequence_value(bool takes, std::string_view reason) {
  result_.takes_sequence_value = result_.takes_sequence_value || takes;
  result_.needs.sequence_value = result_.needs.sequence_value || !takes;
  leader(result_, reason);
}

void EffectScan::close_paren() {
  if (depth_ > 0) --depth_;
}

void EffectScan::called(const Word& function) {
  switch (function.function) {
    case FunctionClass::none:
    case FunctionClass::pure:
      return;
    case FunctionClass::get_lock:
      result_.pin |= Pin::user_lock;
      return leader(result_, "calls GET_LOCK()");
    case FunctionClass::release_lock:
      return leader(result_, "calls RELEASE_LOCK()");
    case FunctionClass::release_all_locks:
      return leader(result_, "calls RELEASE_ALL_LOCKS()");
    case FunctionClass::lock_query:
      return leader(result_, "asks about user locks");
    case FunctionClass::wait_position:
      return leader(result_, "waits for a replication position");
    case FunctionClass::last_insert_id:
      result_.needs.last_insert_id = true;
      return leader(result_, "calls LAST_INSERT_ID()");
    case FunctionClass::diagnostics:
      result_.needs.diagnostics = true;
      return leader(result_, "asks about the statement before it");
    case FunctionClass::connection_id:
      result_.pin |= Pin::connection_id;
      return leader(result_, "calls CONNECTION_ID()");
    case FunctionClass::load_file:
      return leader(result_, "calls LOAD_FILE()");
    case FunctionClass::sequence:
      return sequence_value(true, "takes a value of a sequence");
    case FunctionClass::sequence_past:
      return sequence_value(false, "asks for the last value of a sequence");
    case FunctionClass::column_default:
      return leader(result_, "calls DEFAULT(), which may take a value of a sequence");
    case FunctionClass::server_state:
      return leader(result_, "asks about the server itself");
  }
}

void EffectScan::system_variable(std::string_view text) {
  const SystemVariable variable = parse_system_variable(text);
  switch (variable.scope) {
    case VariableScope::global:
      return leader(result_, "reads a global variable");
    case VariableScope::session:
    case VariableScope::none:
      break;
  }
  if (equals_folded(variable.name, "last_insert_id") || equals_folded(variable.name, "identity")) {
    result_.needs.last_insert_id = true;
    return leader(result_, "reads @@last_insert_id");
  }
  if (equals_folded(variable.name, "warning_count") || equals_folded(variable.name, "error_count")) {
    result_.needs.diagnostics = true;
    return leader(result_, "asks about the statement before it");
  }
  if (equals_folded(variable.name, "pseudo_thread_id")) result_.pin |= Pin::connection_id;
  if (!reads_same_everywhere(variable.name)) leader(result_, "reads a variable that tells of the server itself");
}

}  // namespace sluice::router
