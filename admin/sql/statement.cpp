#include "admin/sql/statement.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "admin/sql/tables.hpp"

namespace sluice::admin {
namespace {

constexpr std::string_view variable_call = "sluice_variable('";

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// How many bytes a quoted string, a quoted name or a comment at the front takes; 0: there is none.
std::size_t opaque_length(std::string_view s) {
  const auto until = [&](std::string_view end, std::size_t from) {
    const std::size_t found = s.find(end, from);
    return found == std::string_view::npos ? s.size() : found + end.size();
  };
  if (s.starts_with("/*")) return until("*/", 2);
  if (s.starts_with("-- ") || s.starts_with('#') || s == "--") return until("\n", 1);
  if (s.starts_with('\'') || s.starts_with('"') || s.starts_with('`')) return until(s.substr(0, 1), 1);
  return 0;
}

// Walks over the words of a statement.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {
    skip();
    while (!rest_.empty() && (is_space(rest_.back()) || rest_.back() == ';')) rest_.remove_suffix(1);
  }

  // The next word in lower case, or the next single character; empty at the end. Does not move.
  [[nodiscard]] std::string peek() const { return lower(rest_.substr(0, length())); }
  std::string take() {
    std::string word = peek();
    rest_.remove_prefix(length());
    skip();
    return word;
  }
  bool take_if(std::string_view word) {
    if (peek() != word) return false;
    take();
    return true;
  }
  // A name, plain or in backticks or quotes; a schema in front of it is left out.
  std::string take_name() {
    std::string name = take_one_name();
    while (rest_.starts_with('.')) {
      take();
      name = take_one_name();
    }
    return name;
  }
  // The name of a cluster or server as it is written in the configuration: in quotes or backticks, or up to the next
  // space.
  std::string take_text() {
    const bool quote = rest_.starts_with('\'') || rest_.starts_with('"') || rest_.starts_with('`');
    std::size_t size = quote ? opaque_length(rest_) : 0;
    while (!quote && size < rest_.size() && !is_space(rest_[size])) ++size;
    const std::string text(quote && size >= 2 ? rest_.substr(1, size - 2) : rest_.substr(0, size));
    rest_.remove_prefix(size);
    skip();
    return text;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::string rest() const { return std::string(rest_); }

 private:
  [[nodiscard]] std::size_t length() const {
    std::size_t n = 0;
    while (n < rest_.size() && is_word(rest_[n])) ++n;
    return n > 0 ? n : std::min<std::size_t>(rest_.size(), 1);
  }
  std::string take_one_name() {
    const std::size_t quoted = rest_.starts_with('`') || rest_.starts_with('"') ? opaque_length(rest_) : 0;
    if (quoted < 2) return take();
    std::string name(rest_.substr(1, quoted - 2));
    rest_.remove_prefix(quoted);
    skip();
    return name;
  }
  void skip() {
    for (;;) {
      while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
      const bool comment = rest_.starts_with("/*") || rest_.starts_with("-- ") || rest_.starts_with('#');
      if (!comment) return;
      rest_.remove_prefix(opaque_length(rest_));
    }
  }

  std::string_view rest_;
};

AdminStatement query(std::string sql, std::string table = {}) {
  AdminStatement s;
  s.kind = AdminStatement::Kind::query;
  s.sql = std::move(sql);
  s.table = std::move(table);
  return s;
}

AdminStatement of_kind(AdminStatement::Kind kind) {
  AdminStatement s;
  s.kind = kind;
  return s;
}

AdminStatement error(std::uint16_t code, std::string_view sqlstate, std::string message) {
  AdminStatement s;
  s.error = {code, sqlstate, std::move(message)};
  return s;
}

AdminStatement not_understood(std::string_view near) {
  return error(1064, "42000",
               "not understood near '" + std::string(near.substr(0, 80)) +
                   "'; the admin port takes SELECT over its tables, SHOW, DESCRIBE, KILL, SHUTDOWN, SWITCHOVER, "
                   "FAILOVER, REJOIN, "
                   "MAINTENANCE and HELP");
}

// What may follow SHOW x: nothing, LIKE '…' on one column, or WHERE …
std::optional<std::string> filter(Words& words, std::string_view column) {
  if (words.at_end()) return std::string();
  if (words.take_if("like")) return " WHERE \"" + std::string(column) + "\" LIKE " + words.rest() + " ESCAPE '\\'";
  if (words.peek() == "where" || words.peek() == "limit" || words.peek() == "order") return " " + words.rest();
  return std::nullopt;
}

AdminStatement show_query(Words& words, const std::string& sql, std::string_view column) {
  const auto condition = filter(words, column);
  return condition ? query(rewrite_variables("SELECT * FROM (" + sql + ")" + *condition))
                   : not_understood(words.rest());
}

AdminStatement describe(Words& words) {
  const std::string table = words.take_name();
  if (table.empty()) return not_understood("");
  std::string quoted = table;
  std::erase(quoted, '\'');
  return query(
      "SELECT name AS \"Field\", type AS \"Type\", 'YES' AS \"Null\", '' AS \"Key\", NULL AS \"Default\", '' AS "
      "\"Extra\" FROM columns WHERE table_name = lower('" +
          quoted + "')",
      table);
}

AdminStatement show_tables(Words& words, bool full) {
  if (words.take_if("from") || words.take_if("in")) words.take_name();
  return show_query(words,
                    full ? "SELECT name AS \"Tables_in_sluice\", 'SYSTEM VIEW' AS \"Table_type\" FROM tables"
                         : "SELECT name AS \"Tables_in_sluice\" FROM tables",
                    "Tables_in_sluice");
}

struct Shown {
  std::string_view what;
  std::string_view sql;
  std::string_view column;  // that LIKE looks at
};

constexpr auto shown = std::to_array<Shown>({
    {"databases", "SELECT 'sluice' AS \"Database\"", "Database"},
    {"schemas", "SELECT 'sluice' AS \"Database\"", "Database"},
    {"variables", "SELECT name AS \"Variable_name\", value AS \"Value\" FROM variables", "Variable_name"},
    {"status", "SELECT name AS \"Variable_name\", value AS \"Value\" FROM counters", "Variable_name"},
    {"processlist",
     "SELECT id AS \"Id\", user AS \"User\", client AS \"Host\", schema AS \"db\", CASE state WHEN 'idle' THEN "
     "'Sleep' ELSE 'Query' END AS \"Command\", connected_ms / 1000 AS \"Time\", state AS \"State\", NULL AS "
     "\"Info\" FROM sessions",
     "User"},
    {"warnings", "SELECT '' AS \"Level\", 0 AS \"Code\", '' AS \"Message\" WHERE 0", "Message"},
    {"errors", "SELECT '' AS \"Level\", 0 AS \"Code\", '' AS \"Message\" WHERE 0", "Message"},
    {"collation",
     "SELECT 'utf8mb4_general_ci' AS \"Collation\", 'utf8mb4' AS \"Charset\", 45 AS \"Id\", 'Yes' AS \"Default\", "
     "'Yes' AS \"Compiled\", 1 AS \"Sortlen\"",
     "Collation"},
    {"charset",
     "SELECT 'utf8mb4' AS \"Charset\", 'UTF-8' AS \"Description\", 'utf8mb4_general_ci' AS \"Default collation\", 4 AS "
     "\"Maxlen\"",
     "Charset"},
    {"engines", "SELECT 'sluice' AS \"Engine\", 'DEFAULT' AS \"Support\", 'live state, read only' AS \"Comment\"",
     "Engine"},
});

AdminStatement show(Words& words) {
  const bool full = words.take_if("full");
  for (const char* scope : {"global", "session", "local"}) words.take_if(scope);
  std::string what = words.take();
  if (what == "tables") return show_tables(words, full);
  if (what == "columns" || what == "fields") {
    if (words.take_if("from") || words.take_if("in")) return describe(words);
    return not_understood(words.rest());
  }
  if (what == "character" && words.take_if("set")) what = "charset";
  for (const Shown& s : shown) {
    if (s.what == what) return show_query(words, std::string(s.sql), s.column);
  }
  if (const AdminTable* table = find_admin_table(what)) {
    return show_query(words, "SELECT * FROM \"" + std::string(table->name) + "\"", table->columns.front().name);
  }
  return error(1064, "42000",
               "SHOW " + what.substr(0, 80) +
                   " is not known here; SHOW takes TABLES, VARIABLES, PROCESSLIST, DATABASES and each table: " +
                   admin_table_names());
}

AdminStatement kill(Words& words) {
  if (!words.take_if("connection")) words.take_if("query");
  const std::string id = words.take();
  AdminStatement s = of_kind(AdminStatement::Kind::kill);
  const auto [end, failed] = std::from_chars(id.data(), id.data() + id.size(), s.session);
  if (failed != std::errc{} || end != id.data() + id.size() || !words.at_end()) {
    return error(1064, "42000", "write KILL and the id of a session: SELECT id, client, user FROM sessions");
  }
  return s;
}

// [[CLUSTER] cluster] [TO 'server'], in front of what else a command takes.
bool take_place(Words& words, Order& order) {
  words.take_if("cluster");
  const auto next = words.peek();
  const bool keyword = next == "to" || next == "dry" || next == "although" || next == "loss";
  if (!next.empty() && !keyword) order.cluster = words.take_text();
  if (!words.take_if("to")) return true;
  order.server = words.take_text();
  return !order.server.empty();
}

AdminStatement ordered(Order order) {
  AdminStatement s = of_kind(AdminStatement::Kind::order);
  s.order = std::move(order);
  return s;
}

AdminStatement no_server(const std::string& command) {
  return error(1064, "42000", "write " + command + " and a server: SELECT server, role FROM servers");
}

// SWITCHOVER [CLUSTER cluster] [TO 'server'] [DRY RUN]; the word CLUSTER may be left out.
AdminStatement switchover(Words& words) {
  Order order;
  if (!take_place(words, order)) return no_server("SWITCHOVER TO");
  if (words.take_if("dry")) {
    if (!words.take_if("run")) return error(1064, "42000", "write DRY RUN: it is only told whether it could be done");
    order.dry_run = true;
  }
  return words.at_end() ? ordered(std::move(order)) : not_understood(words.rest());
}

// FAILOVER [cluster] [TO 'server'] [ALTHOUGH THE LEADER LIVES] [LOSS ANY | LOSS BOUNDED]
AdminStatement fail_over(Words& words) {
  Order order;
  order.what = Order::What::failover;
  if (!take_place(words, order)) return no_server("FAILOVER TO");
  if (words.take_if("although")) {
    if (!words.take_if("the") || !words.take_if("leader") || !words.take_if("lives"))
      return error(1064, "42000", "spell it out: FAILOVER ALTHOUGH THE LEADER LIVES");
    order.although_leader_lives = true;
  }
  if (words.take_if("loss")) {
    const std::string loss = words.take();
    if (loss != "any" && loss != "bounded" && loss != "none")
      return error(1064, "42000", "write LOSS NONE, LOSS BOUNDED or LOSS ANY: what may be lost");
    order.loss = loss == "any"       ? failover::Loss::any
                 : loss == "bounded" ? failover::Loss::bounded
                                     : failover::Loss::none;
  }
  return words.at_end() ? ordered(std::move(order)) : not_understood(words.rest());
}

// 'server' [IN cluster], behind REJOIN and MAINTENANCE ON | OFF
AdminStatement for_server(Words& words, Order::What what, const std::string& command) {
  Order order;
  order.what = what;
  order.server = words.take_text();
  if (order.server.empty()) return no_server(command);
  if (words.take_if("in")) {
    order.cluster = words.take_text();
    if (order.cluster.empty()) return error(1064, "42000", "write IN and a cluster: SELECT cluster FROM clusters");
  }
  return words.at_end() ? ordered(std::move(order)) : not_understood(words.rest());
}

AdminStatement maintenance(Words& words) {
  if (words.take_if("on")) return for_server(words, Order::What::maintenance_on, "MAINTENANCE ON");
  if (words.take_if("off")) return for_server(words, Order::What::maintenance_off, "MAINTENANCE OFF");
  return error(1064, "42000", "write MAINTENANCE ON or MAINTENANCE OFF, and a server");
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string rewrite_variables(std::string_view sql) {
  std::string out;
  for (std::size_t i = 0; i < sql.size();) {
    const std::string_view rest = sql.substr(i);
    if (const std::size_t opaque = opaque_length(rest); opaque > 0) {
      if (rest.front() != '#') out.append(rest.substr(0, opaque));  // SQLite knows no such comment
      i += opaque;
      continue;
    }
    if (!rest.starts_with("@@")) {
      out += sql[i++];
      continue;
    }
    std::size_t end = i + 2;
    const auto word = [&] {
      const std::size_t begin = end;
      while (end < sql.size() && is_word(sql[end])) ++end;
      return lower(sql.substr(begin, end - begin));
    };
    std::string name = word();
    if (one_of(name, {"session", "global", "local"}) && end < sql.size() && sql[end] == '.') {
      ++end;
      name = word();
    }
    out.append(variable_call).append(name).append("')");
    i = end;
  }
  return out;
}

std::string restore_variables(std::string_view column_name) {
  std::string out;
  while (!column_name.empty()) {
    const std::size_t call = column_name.find(variable_call);
    const std::size_t end = call == std::string_view::npos ? call : column_name.find("')", call);
    if (end == std::string_view::npos) return out.append(column_name);
    out.append(column_name.substr(0, call)).append("@@");
    out.append(column_name.substr(call + variable_call.size(), end - call - variable_call.size()));
    column_name.remove_prefix(end + 2);
  }
  return out;
}

AdminStatement understand(std::string_view text) {
  Words words(text);
  const std::string first = words.peek();
  if (first.empty()) return error(1065, "42000", "the query is empty");
  if (one_of(first, {"select", "with", "values", "("})) return query(rewrite_variables(words.rest()));
  const std::string all = words.rest();
  words.take();
  if (first == "show") return show(words);
  if (one_of(first, {"describe", "desc", "explain"})) return describe(words);
  if (one_of(first, {"set", "use", "begin", "start", "commit", "rollback", "flush"})) {
    return of_kind(AdminStatement::Kind::accepted);
  }
  if (first == "kill") return kill(words);
  if (first == "switchover") return switchover(words);
  if (first == "failover") return fail_over(words);
  if (first == "rejoin") return for_server(words, Order::What::rejoin, "REJOIN");
  if (first == "maintenance") return maintenance(words);
  if (first == "shutdown") {
    return words.at_end() ? of_kind(AdminStatement::Kind::shutdown) : not_understood(words.rest());
  }
  if (one_of(first, {"help", "?"})) return query("SELECT name, meaning FROM tables");
  if (one_of(first, {"insert", "update", "delete", "replace", "create", "drop", "alter", "truncate", "attach", "pragma",
                     "vacuum", "load"})) {
    return error(1290, "HY000", "the admin tables are read only");
  }
  return not_understood(all);
}

}  // namespace sluice::admin
