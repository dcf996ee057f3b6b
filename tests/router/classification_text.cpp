#include "router/classification_text.hpp"

#include <fstream>
#include <utility>

namespace sluice::router {
namespace {

std::string_view name_of(StatementKind kind) {
  static constexpr std::string_view names[] = {
      "empty",     "select",      "insert",        "update",      "delete",  "replace",    "call",      "do",
      "ddl",       "set",         "use",           "begin",       "commit",  "rollback",   "savepoint", "show",
      "explain",   "lock_tables", "unlock_tables", "prepare",     "execute", "deallocate", "handler",   "xa",
      "load_data", "kill",        "account",       "maintenance", "other"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(TransactionEffect effect) {
  static constexpr std::string_view names[] = {"none",          "begin",           "begin_read_only", "end",
                                               "end_and_chain", "end_and_release", "implicit_commit"};
  return names[static_cast<std::size_t>(effect)];
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

Dialect dialect_named(std::string_view name) {
  Dialect d;
  if (name == "mysql56") d = {.mariadb = false, .server_version = 50624};
  if (name == "mysql80") d = {.mariadb = false, .server_version = 80036};
  if (name == "unknown version") d = {.server_version = 0};
  if (name == "ansi") d = {.ansi_quotes = true};
  if (name == "no backslash") d = {.no_backslash_escapes = true};
  if (name == "gbk") d = {.ascii_safe = false};
  if (name == "quotes unknown") d = {.ansi_known = false, .backslash_known = false};
  if (name == "utf8") d = {.utf8 = true};
  return d;
}

}  // namespace

std::string describe(const Classification& c) {
  std::string text(name_of(c.kind));
  text += c.replica_safe ? " replica" : " leader";
  if (c.multi) text += " multi";
  if (c.transaction != TransactionEffect::none) text.append(" tx=").append(name_of(c.transaction));
  if (any(c.pin)) text.append(" pin=[").append(to_string(c.pin)).append("]");
  if (any(c.unpin)) text.append(" unpin=[").append(to_string(c.unpin)).append("]");
  if (c.needs.last_insert_id) text += " needs=last_insert_id";
  if (c.needs.diagnostics) text += " needs=diagnostics";
  if (c.needs.sequence_value) text += " needs=sequence_value";
  if (c.takes_sequence_value) text += " takes_sequence_value";
  if (c.sets_last_insert_id) text += " sets_last_insert_id";
  if (c.sets_next_transaction) text += " sets_next_transaction";
  if (c.sets_savepoint) text += " sets_savepoint";
  if (c.sets_global) text += " sets_global";
  if (c.kills) text += " kills";
  if (c.sets_autocommit_off) text += " autocommit=off";
  if (c.sets_autocommit_on) text += " autocommit=on";
  if (!c.schema.empty()) text.append(" schema=").append(c.schema);
  for (const Assignment& a : c.assignments) text.append(" {").append(a.name).append(" = ").append(a.value).append("}");
  for (const std::string& name : c.read_backs) text.append(" {").append(name).append(" is read back}");
  if (!c.reason.empty()) text.append(" (").append(c.reason).append(")");
  return text;
}

std::vector<Example> read_examples(const std::string& path) {
  std::ifstream file(path);
  std::vector<Example> examples;
  std::string dialect = "mariadb";
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.starts_with("## ")) continue;
    if (line.starts_with("== ")) {
      dialect = line.substr(3);
    } else if (line.starts_with("  ")) {
      if (!examples.empty()) examples.back().expected = line.substr(2);
    } else {
      replace_all(line, "<LF>", "\n");
      replace_all(line, "<TAB>", "\t");
      replace_all(line, "<NUL>", std::string_view("\0", 1));
      replace_all(line, "<NBSP>", "\xA0");
      examples.push_back({number, dialect, dialect_named(dialect), line, ""});
    }
  }
  return examples;
}

}  // namespace sluice::router
