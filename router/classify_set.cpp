// SET in all its forms. Sources: MariaDB manual, "SET", "SET NAMES", "SET TRANSACTION", "SET STATEMENT"; MySQL manual,
// "SET Syntax for Variable Assignment".
#include <optional>

#include "router/classify_family.hpp"
#include "router/system_variables.hpp"

namespace sluice::router {
namespace {

// Bounds what a session has to keep.
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t value_bytes_max = 4096;

constexpr std::string_view global_setting = "sets a global variable";

// Settings that decide how text is read.
bool changes_reading(std::string_view variable) {
  return equals_folded(variable, "sql_mode") || equals_folded(variable, "character_set_client");
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

bool is_plain(std::string_view content) {
  for (const char c : content) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7F || c == '\'' || c == '"' || c == '`' || c == '\\') return false;
  }
  return true;
}

// The text of a literal that means the same under every sql_mode and charset; none: it isn't one.
std::optional<std::string> literal_text(const Token& token) {
  if (token.text.size() > value_bytes_max) return std::nullopt;
  switch (token.kind) {
    case TokenKind::word:
      if (!is_plain(token.text)) return std::nullopt;
      return std::string(token.text);
    case TokenKind::number:
      return std::string(token.text);
    case TokenKind::quoted_name:
      if (token.text.front() != '`' || !is_plain(token.text.substr(1, token.text.size() - 2))) return std::nullopt;
      return std::string(token.text);
    case TokenKind::string: {
      // An introducer, an escape or a quote inside: rare, and not worth a second reading.
      if (token.text.front() != '\'' && token.text.front() != '"') return std::nullopt;
      const std::string_view content = token.text.substr(1, token.text.size() - 2);
      if (!is_plain(content)) return std::nullopt;
      std::string text = "'";
      text.append(content).push_back('\'');
      return text;
    }
    default:
      return std::nullopt;
  }
}

bool concerns_transaction(std::string_view variable) {
  return equals_folded(variable, "tx_isolation") || equals_folded(variable, "transaction_isolation") ||
         equals_folded(variable, "tx_read_only") || equals_folded(variable, "transaction_read_only");
}

// Each of them may change what the next text's bytes mean: not known until it is read.
bool decides_charset(std::string_view variable) {
  return equals_folded(variable, "character_set_client") || equals_folded(variable, "character_set_connection") ||
         equals_folded(variable, "character_set_results") || equals_folded(variable, "collation_connection");
}

bool is_off(std::string_view value) {
  return value == "0" || equals_folded(value, "off") || equals_folded(value, "false") ||
         equals_folded(value, "'off'") || equals_folded(value, "default");
}

bool is_on(std::string_view value) {
  return value == "1" || equals_folded(value, "on") || equals_folded(value, "true") || equals_folded(value, "'on'");
}

class SetParser {
 public:
  explicit SetParser(const Statement& s)
      : s_(s), cursor_(s.cursor), result_(s.result), scan_(s.cursor, s.result, s.dialect) {}

  void list();
  void transaction(VariableScope scope);
  // Behind SET STATEMENT; false: there is no FOR.
  [[nodiscard]] bool statement_settings(bool& doubtful);

 private:
  void item();
  void assignment(VariableScope scope, bool at_signs, std::string_view name);
  void carried(VariableScope scope, bool at_signs, std::string_view name, std::string value);
  void autocommit(std::string_view value);
  void names();
  void character_set();
  void characteristic(VariableScope scope);
  void isolation_level(VariableScope scope);
  void keep(std::string_view name, std::string value);
  void read_back(std::string_view name);
  [[nodiscard]] bool full() const { return result_.assignments.size() + result_.read_backs.size() >= assignments_max; }
  void not_carried();
  std::optional<std::string> value();
  std::optional<std::string> charset_name();
  [[nodiscard]] bool at_item_end() const { return cursor_.at_end() || cursor_.token().is(','); }
  [[nodiscard]] bool old_transaction_names() const {
    return s_.dialect.mariadb || (s_.dialect.server_version != 0 && s_.dialect.server_version < 50720);
  }

  const Statement& s_;
  Cursor& cursor_;
  Classification& result_;
  EffectScan scan_;
  bool global_seen_ = false;
};

void SetParser::keep(std::string_view name, std::string value) {
  if (full()) return not_carried();
  result_.assignments.push_back({lowered(name), std::move(value)});
}

void SetParser::read_back(std::string_view name) {
  if (full()) return not_carried();
  result_.read_backs.push_back(lowered(name));
  result_.pin |= Pin::unread_setting;
  leader(result_, "sets to an expression");
}

void SetParser::not_carried() {
  result_.pin |= Pin::unknown_setting;
  leader(result_, "a setting that can't be carried to another connection");
}

void SetParser::list() {
  do item();
  while (cursor_.accept(','));
}

void SetParser::item() {
  const Token token = cursor_.token();
  if (token.kind == TokenKind::user_variable) {
    result_.pin |= Pin::user_variable;
    leader(result_, "assigns a user variable");
    return scan_.run_to_comma(false);
  }
  if (token.kind == TokenKind::system_variable) {
    const SystemVariable variable = parse_system_variable(token.text);
    cursor_.advance();
    return assignment(variable.scope, true, variable.name);
  }
  if (cursor_.accept(Keyword::names)) return names();
  if (cursor_.accept(Keyword::charset)) return character_set();
  if (cursor_.accept(Keyword::character) && cursor_.accept(Keyword::set)) return character_set();

  VariableScope scope = VariableScope::none;
  if (cursor_.accept(Keyword::global) || cursor_.accept(Keyword::persist) || cursor_.accept(Keyword::persist_only)) {
    scope = VariableScope::global;
    global_seen_ = true;
  } else if (cursor_.accept(Keyword::session) || cursor_.accept(Keyword::local)) {
    scope = VariableScope::session;
  } else if (global_seen_) {
    // Old servers let GLOBAL reach over the whole list, newer ones don't.
    not_carried();
    return scan_.run_to_comma(false);
  }
  const Token name = cursor_.token();
  if (!cursor_.at_end()) cursor_.advance();
  assignment(scope, false, name.kind == TokenKind::word ? name.text : std::string_view{});
}

// Behind the variable's name; an empty name isn't understood.
void SetParser::assignment(VariableScope scope, bool at_signs, std::string_view name) {
  const bool equal = cursor_.accept('=') || (cursor_.token().op == ':' && (cursor_.advance(), true));
  std::optional<std::string> text = equal ? value() : std::nullopt;
  if (scope == VariableScope::global) {
    result_.sets_global = true;
    leader(result_, global_setting);
    return scan_.run_to_comma(false);
  }
  if (!equal || name.empty() || name.size() > name_bytes_max) {
    not_carried();
    return scan_.run_to_comma(false);
  }
  if (text) return carried(scope, at_signs, name, *std::move(text));
  const bool next_transaction = concerns_transaction(name) && at_signs && scope == VariableScope::none;
  const bool readable = !next_transaction && !stays_with_connection(name) && !decides_charset(name) &&
                        !equals_folded(name, "autocommit") && !equals_folded(name, "sql_auto_is_null");
  readable ? read_back(name) : not_carried();
  scan_.run_to_comma(false);
}

void SetParser::carried(VariableScope scope, bool at_signs, std::string_view name, std::string value) {
  if (equals_folded(name, "session_track_schema") && is_on(value)) return;  // it is, on every connection of ours
  if (stays_with_connection(name)) return not_carried();
  // Then `WHERE id IS NULL` means LAST_INSERT_ID(), and nothing in the statement tells.
  if (equals_folded(name, "sql_auto_is_null") && !is_off(value)) return not_carried();
  if (equals_folded(name, "autocommit")) return autocommit(value);
  if (concerns_transaction(name) && at_signs && scope == VariableScope::none) {
    // `SET @@tx_isolation` without a scope is about the next transaction, `SET tx_isolation` about the session.
    result_.sets_next_transaction = true;
    return leader(result_, "concerns the next transaction");
  }
  keep(name, std::move(value));
}

// Not kept as an assignment: a connection's status flags tell at any time what holds.
void SetParser::autocommit(std::string_view value) {
  std::string_view bare = value;
  if (bare.size() >= 2 && (bare.front() == '\'' || bare.front() == '`')) bare = bare.substr(1, bare.size() - 2);
  leader(result_, "changes autocommit");
  if (equals_folded(bare, "0") || equals_folded(bare, "off") || equals_folded(bare, "false")) {
    result_.sets_autocommit_off = true;
    result_.sets_autocommit_on = false;
    return;
  }
  if (equals_folded(bare, "1") || equals_folded(bare, "on") || equals_folded(bare, "true")) {
    result_.sets_autocommit_on = true;
    result_.sets_autocommit_off = false;
    return;
  }
  if (!equals_folded(bare, "default")) return not_carried();
  // What the server starts its connections with: on, unless its administrator chose otherwise.
  result_.sets_autocommit_on = true;
  result_.sets_autocommit_off = false;
}

// A literal, signed or not; anything else is walked over.
std::optional<std::string> SetParser::value() {
  std::string text;
  if (cursor_.token().is('-') || cursor_.token().is('+')) {
    text = cursor_.token().text;
    cursor_.advance();
    if (cursor_.token().kind != TokenKind::number) return std::nullopt;
  }
  std::optional<std::string> literal = literal_text(cursor_.token());
  if (!literal) {
    scan_.run_to_comma(false);
    return std::nullopt;
  }
  scan_.step();
  if (!at_item_end()) {
    scan_.run_to_comma(false);
    return std::nullopt;
  }
  return text + *literal;
}

std::optional<std::string> SetParser::charset_name() {
  std::optional<std::string> text = literal_text(cursor_.token());
  if (!text) return std::nullopt;
  cursor_.advance();
  if (text->front() == '\'' || text->front() == '`') text = text->substr(1, text->size() - 2);
  for (const char c : *text) {
    const bool word = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_';
    if (!word) return std::nullopt;
  }
  if (text->empty() || text->size() > name_bytes_max) return std::nullopt;
  return text;
}

void SetParser::names() {
  std::optional<std::string> charset = charset_name();
  std::optional<std::string> collation;
  bool complete = charset.has_value();
  if (complete && cursor_.accept(Keyword::collate)) {
    collation = charset_name();
    complete = collation.has_value();
  }
  if (!complete || !at_item_end()) {
    not_carried();
    return scan_.run_to_comma(false);
  }
  keep("names", collation ? *charset + " COLLATE " + *collation : *charset);
}

// Said again in its three parts: unlike SET NAMES, it takes the connection's charset from the database.
void SetParser::character_set() {
  std::optional<std::string> charset = charset_name();
  if (!charset || !at_item_end()) {
    not_carried();
    return scan_.run_to_comma(false);
  }
  keep("character_set_client", *charset);
  keep("character_set_results", *charset);
  keep("collation_connection", "@@collation_database");
}

void SetParser::transaction(VariableScope scope) {
  do characteristic(scope);
  while (cursor_.accept(','));
  if (scope == VariableScope::global) {
    result_.sets_global = true;
    leader(result_, global_setting);
  }
  if (scope == VariableScope::none) {
    result_.sets_next_transaction = true;
    leader(result_, "concerns the next transaction");
  }
}

void SetParser::characteristic(VariableScope scope) {
  if (cursor_.accept(Keyword::isolation)) {
    cursor_.accept(Keyword::level);
    return isolation_level(scope);
  }
  std::string_view read_only;
  if (cursor_.accept(Keyword::read)) {
    if (cursor_.accept(Keyword::only)) read_only = "1";
    if (cursor_.accept(Keyword::write)) read_only = "0";
  }
  if (read_only.empty() || !at_item_end()) {
    not_carried();
    return scan_.run_to_comma(false);
  }
  if (scope == VariableScope::session) {
    keep(old_transaction_names() ? "tx_read_only" : "transaction_read_only", std::string(read_only));
  }
}

void SetParser::isolation_level(VariableScope scope) {
  std::string_view level;
  if (cursor_.accept(Keyword::serializable)) {
    level = "'SERIALIZABLE'";
  } else if (cursor_.accept(Keyword::repeatable)) {
    if (cursor_.accept(Keyword::read)) level = "'REPEATABLE-READ'";
  } else if (cursor_.accept(Keyword::read)) {
    if (cursor_.accept(Keyword::committed)) level = "'READ-COMMITTED'";
    if (cursor_.accept(Keyword::uncommitted)) level = "'READ-UNCOMMITTED'";
  }
  if (level.empty() || !at_item_end()) {
    not_carried();
    return scan_.run_to_comma(false);
  }
  if (scope == VariableScope::session) {
    keep(old_transaction_names() ? "tx_isolation" : "transaction_isolation", std::string(level));
  }
}

bool SetParser::statement_settings(bool& doubtful) {
  do {
    const Token name = cursor_.token();
    doubtful =
        doubtful || name.kind != TokenKind::word || changes_reading(name.text) || stays_with_connection(name.text);
    scan_.run_to_comma(true);
  } while (cursor_.accept(','));
  doubtful = doubtful || !result_.reason.empty() || any(result_.pin);
  return cursor_.accept(Keyword::for_);
}

// SET STATEMENT x = y FOR <statement>: the settings hold for that statement alone.
void classify_set_statement(Statement s) {
  bool doubtful = false;
  if (!SetParser(s).statement_settings(doubtful) || s.nesting >= nesting_max) {
    leader(s.result, not_understood);
    return scan_rest(s);
  }
  ++s.nesting;
  classify_statement(s);
  if (doubtful) leader(s.result, "runs with other settings");
}

}  // namespace

void classify_set(Statement s) {
  s.cursor.advance();
  s.result.kind = StatementKind::set;
  s.result.tells_changes = true;
  switch (s.cursor.token().word->keyword) {
    case Keyword::password:
      s.result.kind = StatementKind::account;
      s.result.transaction = TransactionEffect::implicit_commit;
      leader(s.result, "changes accounts");
      return scan_rest(s);
    case Keyword::role:
    case Keyword::resource:
      s.result.pin |= Pin::unknown_setting;
      leader(s.result, "a setting that can't be carried to another connection");
      return scan_rest(s);
    case Keyword::default_:
      s.result.kind = StatementKind::account;
      leader(s.result, "changes accounts");
      return scan_rest(s);
    case Keyword::statement:
      s.cursor.advance();
      return classify_set_statement(s);
    default:
      break;
  }
  s.result.replica_safe = true;
  VariableScope scope = VariableScope::none;
  Cursor ahead = s.cursor;
  if (ahead.accept(Keyword::global)) {
    scope = VariableScope::global;
  } else if (ahead.accept(Keyword::session) || ahead.accept(Keyword::local)) {
    scope = VariableScope::session;
  }
  if (ahead.accept(Keyword::transaction)) {
    s.cursor = ahead;
    SetParser(s).transaction(scope);
  } else {
    SetParser(s).list();
  }
}

}  // namespace sluice::router
