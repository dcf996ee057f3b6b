#include "proxy/pairs/script.hpp"

#include <array>
#include <functional>
#include <random>

namespace sluice::test {
namespace {

using Texts = std::vector<std::string_view>;

std::string replaced(std::string text, std::string_view mark, const std::function<std::string()>& value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;) {
    const std::string here = value();
    text.replace(at, mark.size(), here);
    at += here.size();
  }
  return text;
}

std::string with_prefix(std::string_view prefix, std::string_view text) {
  return replaced(std::string(text), "{p}", [&] { return std::string(prefix); });
}

// Texts that may stand for each other; each of a phrase's lines is one of them. In a text `{p}` is the prefix and `{n}`
// a small number; a first word that ends with ':' is the kind of step. With "then:" the client says nothing before it.
struct Phrase {
  unsigned weight;
  std::vector<Texts> lines;
};

const Texts next_transaction = {
    "SET TRANSACTION READ ONLY",
    "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
    "SET @@tx_isolation = 'READ-COMMITTED'",
    "SET @@tx_read_only = 1",
    "SET TRANSACTION READ ONLY; SELECT * FROM no_such_table",
    "prepare:SET TRANSACTION READ ONLY",
};
const Texts begin = {"BEGIN",
                     "START TRANSACTION",
                     "START TRANSACTION READ WRITE",
                     "BEGIN WORK",
                     "START TRANSACTION WITH CONSISTENT SNAPSHOT",
                     "START TRANSACTION READ ONLY"};
const Texts end = {
    "COMMIT", "ROLLBACK", "COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "COMMIT AND NO CHAIN"};
const Texts write = {
    "INSERT INTO {p}_t (v) VALUES ({n})",
    "INSERT INTO {p}_t (v, w) VALUES ({n}, 'x'), ({n}, 'y')",
    "INSERT INTO {p}_t (id, v) VALUES ({n}, {n})",
    "INSERT IGNORE INTO {p}_t (id, v) VALUES (1, {n})",
    "REPLACE INTO {p}_t (id, v) VALUES ({n}, 7)",
    "INSERT INTO {p}_t (v) VALUES ({n}) RETURNING id, v",
    "UPDATE {p}_t SET v = v + 1 WHERE id <= {n}",
    "UPDATE {p}_t SET w = 'longer than twenty characters are' WHERE id = {n}",
    "DELETE FROM {p}_t WHERE id = {n}",
    "INSERT INTO {p}_u VALUES ({n}, NULL)",
    "INSERT INTO {p}_u VALUES ({n}, {n})",
    "INSERT INTO {p}_t (v) SELECT v FROM {p}_t WHERE id < 3",
    "INSERT INTO {p}_t (v) VALUES ({n}) ON DUPLICATE KEY UPDATE v = v + 1",
};
const Texts read = {
    "SELECT id, v, w FROM {p}_t ORDER BY id",
    "SELECT COUNT(*), SUM(v) FROM {p}_t",
    "SELECT * FROM {p}_u ORDER BY id",
    "SELECT v FROM {p}_view ORDER BY id LIMIT 2",
    "SELECT id FROM {p}_t WHERE id = {n} FOR UPDATE",
    "SELECT id FROM {p}_t WHERE id = {n} LOCK IN SHARE MODE",
    "SELECT * FROM no_such_table",
    "SELECT t.id, u.n FROM {p}_t t JOIN {p}_u u ON u.id = t.id ORDER BY t.id",
};
const Texts warned = {
    "then:SHOW WARNINGS",          "then:SHOW ERRORS",          "then:SHOW WARNINGS LIMIT 1",
    "then:SHOW COUNT(*) WARNINGS", "then:SHOW COUNT(*) ERRORS",
};
const Texts look = {
    "SELECT @@autocommit, @@tx_isolation, @@tx_read_only",
    "SELECT @@sql_mode, @@time_zone, @@sql_select_limit, @@foreign_key_checks, @@unique_checks",
    "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection",
    "SELECT DATABASE(), @@character_set_database, @@collation_database",
    "SELECT @@group_concat_max_len, @@lock_wait_timeout, @@sql_auto_is_null, @@div_precision_increment",
    "SELECT @@max_statement_time, @@sql_safe_updates, @@lc_time_names, @@default_week_format",
    "SHOW VARIABLES LIKE 'sql_mode'",
    "SELECT @v, @w",
    "SELECT LAST_INSERT_ID()",
    "SELECT @@last_insert_id, @@identity",
    "SELECT 1.0 / 3, FROM_UNIXTIME(0), WEEK('2008-02-20'), DATE_FORMAT('2026-01-01', '%M')",
    "SELECT \"a\" FROM (SELECT 1 AS a) AS x",
    "SELECT 'a\\'b', LENGTH('\xc3\xa4'), CHARSET('x'), COLLATION('x')",
    "SELECT USER(), CURRENT_USER()",
    "SELECT * FROM tmp ORDER BY n",
    "DO 1",
    "nonsense",
};
const Texts setting = {
    "SET sql_mode = ''",
    "SET sql_mode = 'ANSI_QUOTES'",
    "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'",
    "SET sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE')",
    "SET sql_mode = 'nonsense'",
    "SET time_zone = '+0{n}:00'",
    "SET @@session.time_zone = '-03:00'",
    "SET time_zone = 'nowhere'",
    "SET sql_select_limit = {n}",
    "SET sql_select_limit = 1000000",
    "SET SESSION group_concat_max_len = 100{n}, lock_wait_timeout = 200{n}",
    "SET group_concat_max_len = @@group_concat_max_len + 1",
    "SET sql_auto_is_null = 1",
    "SET sql_auto_is_null = 0",
    "SET foreign_key_checks = 0, unique_checks = 0",
    "SET div_precision_increment = {n}",
    "SET lc_time_names = 'de_DE'",
    "SET default_week_format = {n}",
    "SET sql_safe_updates = 1",
    "SET sql_safe_updates = 0",
    "SET max_statement_time = {n}00",
    "SET group_concat_max_len = 2000, time_zone = 'nowhere'",
    "SET @v = {n}, group_concat_max_len = 300{n}",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION TRANSACTION READ WRITE",
    "SET SESSION tx_isolation = 'SERIALIZABLE'",
    "SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR SELECT @@sql_mode",
    "SET completion_type = 1",
    "SET completion_type = 0",
    "SET no_such_variable = 1",
    "SET character_set_results = NULL",
    "SET character_set_client = latin1",
    "SET collation_connection = 'utf8mb4_bin'",
};

const std::vector<Phrase>& phrases() {
  static const std::vector<Phrase> all = {
      {12, {setting}},
      {10, {look}},
      {8, {write}},
      {6, {read}},
      {2,
       {{"SET NAMES utf8mb4", "SET NAMES latin1", "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET CHARACTER SET latin1"},
        look}},
      {3,
       {{"USE other", "use:other", "USE app", "use:app", "USE nowhere", "use:nowhere"},
        {"SELECT DATABASE()", "SELECT s FROM here"},
        {"USE app", "use:app"}}},
      {5, {next_transaction, begin, write, end, write}},
      {3, {write, warned}},
      {3, {read, warned, warned}},
      {2, {{"SELECT w + 0 FROM {p}_t", "SELECT v / 0 FROM {p}_t WHERE id = 1", "nonsense"}, warned}},
      {3, {next_transaction, write, read}},
      {6, {begin, write, read, end}},
      {4, {begin, {"SAVEPOINT s"}, write, {"ROLLBACK TO s", "RELEASE SAVEPOINT s"}, write, end, read}},
      {4,
       {{"SET autocommit = 0"},
        {"SAVEPOINT s", "SELECT 1"},
        write,
        {"ROLLBACK TO SAVEPOINT s", "ROLLBACK", "COMMIT"},
        end,
        {"SET autocommit = 1", "SET autocommit = ON", "SELECT @@autocommit"},
        read}},
      {2, {{"SET autocommit = 0"}, write, {"SET autocommit = 1", "BEGIN"}, read}},
      {2,
       {begin,
        write,
        {"CREATE TABLE IF NOT EXISTS {p}_x (n INT)", "TRUNCATE TABLE {p}_u", "DROP TABLE IF EXISTS {p}_x",
         "ALTER TABLE {p}_u COMMENT = 'c'", "ANALYZE TABLE {p}_u"},
        end,
        read}},
      {5,
       {{"SET @v = {n}", "SELECT @v := {n}", "SELECT {n} INTO @v", "SET @v = {n}, @w = 'w'",
         "SELECT MAX(id) FROM {p}_t INTO @v"},
        {"SELECT @v", "SELECT @v + 1, @w", "SET @v = @v + 1"},
        {"SELECT @v"}}},
      {5,
       {{"CREATE TEMPORARY TABLE tmp (n INT)", "CREATE TEMPORARY TABLE tmp SELECT id AS n FROM {p}_t",
         "CREATE OR REPLACE TEMPORARY TABLE tmp (n INT, m INT)"},
        {"INSERT INTO tmp (n) VALUES ({n})"},
        {"SELECT n FROM tmp ORDER BY n"},
        {"DROP TEMPORARY TABLE tmp", "DROP TABLE tmp", "DROP TEMPORARY TABLE IF EXISTS tmp"}}},
      {4,
       {{"SELECT GET_LOCK('{p}_l', 0)", "DO GET_LOCK('{p}_l', 0)", "SELECT GET_LOCK('{p}_l', 0), GET_LOCK('{p}_m', 0)"},
        {"SELECT IS_FREE_LOCK('{p}_l')", "SELECT IS_USED_LOCK('{p}_l') = CONNECTION_ID()"},
        {"SELECT RELEASE_LOCK('{p}_l')", "DO RELEASE_LOCK('{p}_l')", "SELECT RELEASE_ALL_LOCKS()",
         "SELECT RELEASE_ALL_LOCKS() FROM {p}_t WHERE 0"},
        {"SELECT IS_FREE_LOCK('{p}_l')"}}},
      {5,
       {write,
        {"SELECT LAST_INSERT_ID()", "SELECT @@identity", "SELECT v FROM {p}_t WHERE id = LAST_INSERT_ID()",
         "INSERT INTO {p}_u VALUES (LAST_INSERT_ID() + 100, 1)", "SELECT LAST_INSERT_ID({n})"},
        look,
        {"SELECT LAST_INSERT_ID()"}}},
      {2,
       {{"SET sql_auto_is_null = 1"},
        {"INSERT INTO {p}_t (v) VALUES ({n})"},
        {"SELECT id, v FROM {p}_t WHERE id IS NULL"}}},
      {2, {{"SET insert_id = 5{n}"}, {"INSERT INTO {p}_t (v) VALUES ({n})"}, {"SELECT id FROM {p}_t ORDER BY id"}}},
      {2,
       {{"SET timestamp = 100000{n}"},
        {"SELECT IF(@@timestamp < 2000000, NOW(), 'later')"},
        {"SET timestamp = DEFAULT"}}},
      {1, {{"SET rand_seed1 = {n}, rand_seed2 = 5; SELECT RAND()"}}},
      {2,
       {{"SELECT NEXTVAL({p}_s) > 0", "SELECT NEXT VALUE FOR {p}_s > 0",
         "INSERT INTO {p}_t (v) VALUES (NEXTVAL({p}_s) > 0)"}}},
      {5,
       {{"SELECT {p}_setv({n})", "DO {p}_setv({n})", "INSERT INTO {p}_t (v) VALUES ({p}_setv({n}))",
         "UPDATE {p}_t SET v = {p}_setv({n}) WHERE id = 1", "INSERT INTO {p}_g VALUES ({n})", "CALL {p}_call({n})",
         "SELECT {p}_zone()", "SELECT {p}_lock()", "SELECT {p}_temp()"},
        {"SELECT @v, @@time_zone", "SELECT IS_FREE_LOCK('{p}_l')", "SELECT * FROM tmp"},
        look}},
      {3,
       {{"prepare:SELECT id, v FROM {p}_t WHERE id < ? ORDER BY id", "prepare:SELECT ?, @@time_zone, s FROM here"},
        {"execute:5 SELECT id, v FROM {p}_t WHERE id < ? ORDER BY id", "execute:3 SELECT ?, @@time_zone, s FROM here"},
        setting,
        {"execute:{n} SELECT id, v FROM {p}_t WHERE id < ? ORDER BY id",
         "execute:{n} SELECT ?, @@time_zone, s FROM here"},
        {"close:SELECT id, v FROM {p}_t WHERE id < ? ORDER BY id", "close:SELECT ?, @@time_zone, s FROM here"}}},
      {3,
       {{"prepare:INSERT INTO {p}_t (v) VALUES (?)"},
        {"execute:{n} INSERT INTO {p}_t (v) VALUES (?)"},
        {"SELECT LAST_INSERT_ID()"},
        {"execute:{n} INSERT INTO {p}_t (v) VALUES (?)"}}},
      {1, {{"prepare:SELECT no_such_column, ?"}}},
      {3,
       {{"PREPARE p FROM 'SELECT {n} + 1'", "PREPARE p FROM 'SET TRANSACTION READ ONLY'",
         "PREPARE p FROM 'INSERT INTO {p}_t (v) VALUES ({n})'", "PREPARE p FROM 'nonsense'"},
        {"EXECUTE p"},
        {"EXECUTE p", "SELECT LAST_INSERT_ID()"},
        {"DEALLOCATE PREPARE p", "DROP PREPARE p"}}},
      {2,
       {{"EXECUTE IMMEDIATE 'SET @v = {n}'", "EXECUTE IMMEDIATE 'SELECT {n}'",
         "EXECUTE IMMEDIATE 'SET time_zone = ''+05:00'''"},
        look}},
      {2,
       {{"BEGIN NOT ATOMIC DECLARE i INT DEFAULT {n}; SET @v = i; SELECT i; END",
         "BEGIN NOT ATOMIC DECLARE c CURSOR FOR SELECT id FROM {p}_t; OPEN c; CLOSE c; SET time_zone = '+04:00'; END"},
        look}},
      {3,
       {{"SET @v = 1; SELECT * FROM no_such_table; SET @v = 2", "BEGIN; INSERT INTO {p}_t (v) VALUES ({n})",
         "SELECT 1; SELECT 2; SET time_zone = '+02:00'",
         "SET autocommit = 0; INSERT INTO {p}_t (v) VALUES ({n}); COMMIT", "USE other; SELECT DATABASE()",
         "INSERT INTO {p}_t (v) VALUES ({n}); SELECT LAST_INSERT_ID()",
         "SET SESSION group_concat_max_len = 555; nonsense"},
        look,
        {"USE app"}}},
      {2,
       {{"HANDLER {p}_t OPEN AS h"}, {"HANDLER h READ FIRST", "HANDLER h READ `PRIMARY` NEXT"}, {"HANDLER h CLOSE"}}},
      {2, {{"LOCK TABLES {p}_t WRITE, {p}_u READ", "LOCK TABLES {p}_t READ"}, write, read, {"UNLOCK TABLES"}}},
      {1,
       {{"XA START 'x{p}'"},
        {"INSERT INTO {p}_t (v) VALUES ({n})"},
        {"XA END 'x{p}'"},
        {"XA COMMIT 'x{p}' ONE PHASE", "XA ROLLBACK 'x{p}'"},
        read}},
      {2, {{"reset:", "change_user:app", "change_user:"}, look, {"USE app"}}},
  };
  return all;
}

class Maker {
 public:
  Maker(std::uint32_t seed, std::string_view prefix) : random_(seed), prefix_(prefix) {}

  Script make() {
    Script script;
    script.deprecate_eof = below(2) == 0;
    const unsigned wanted = 4 + below(11);
    while (script.steps.size() < wanted || !open_.empty()) {
      const bool full = script.steps.size() >= wanted;
      if (open_.empty() || (!full && open_.size() < 3 && below(10) < 3)) open_.push_back({&any_phrase(), 0});
      advance(script, below(static_cast<unsigned>(open_.size())));
    }
    return script;
  }

 private:
  static constexpr std::string_view then = "then:";
  struct Open {
    const Phrase* phrase;
    std::size_t line;
  };

  // std::uniform_int_distribution is not the same everywhere.
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  const Phrase& any_phrase() {
    unsigned all = 0;
    for (const Phrase& phrase : phrases()) all += phrase.weight;
    unsigned at = below(all);
    for (const Phrase& phrase : phrases()) {
      if (at < phrase.weight) return phrase;
      at -= phrase.weight;
    }
    return phrases().front();
  }

  void advance(Script& script, unsigned which) {
    Open& open = open_[which];
    const auto& lines = open.phrase->lines;
    do {
      const Texts& texts = lines[open.line];
      script.steps.push_back(step_of(texts[below(static_cast<unsigned>(texts.size()))]));
    } while (++open.line < lines.size() && lines[open.line].front().starts_with(then));
    if (open.line == lines.size()) open_.erase(open_.begin() + which);
  }

  Step step_of(std::string_view line) {
    static constexpr std::array<std::pair<std::string_view, Step::Kind>, 6> kinds = {{
        {"use:", Step::Kind::use},
        {"prepare:", Step::Kind::prepare},
        {"execute:", Step::Kind::execute},
        {"close:", Step::Kind::close},
        {"reset:", Step::Kind::reset},
        {"change_user:", Step::Kind::change_user},
    }};
    if (line.starts_with(then)) line.remove_prefix(then.size());
    Step step;
    for (const auto& [word, kind] : kinds) {
      if (!line.starts_with(word)) continue;
      step.kind = kind;
      line.remove_prefix(word.size());
      break;
    }
    step.text = filled(line);
    if (step.kind == Step::Kind::execute) {
      const std::size_t space = step.text.find(' ');
      step.value = step.text.substr(0, space);
      step.text.erase(0, space + 1);
    }
    return step;
  }

  std::string filled(std::string_view text) {
    return replaced(with_prefix(prefix_, text), "{n}", [this] { return std::to_string(1 + below(8)); });
  }

  std::mt19937 random_;
  std::string prefix_;
  std::vector<Open> open_;
};

std::vector<std::string> with_prefix(std::string_view prefix, const Texts& texts) {
  std::vector<std::string> out;
  for (std::string_view text : texts) out.push_back(with_prefix(prefix, text));
  return out;
}

}  // namespace

std::string to_string(const Step& step) {
  switch (step.kind) {
    case Step::Kind::query:
      return step.text;
    case Step::Kind::use:
      return "use: " + step.text;
    case Step::Kind::prepare:
      return "prepare: " + step.text;
    case Step::Kind::execute:
      return "execute with " + step.value + ": " + step.text;
    case Step::Kind::close:
      return "close: " + step.text;
    case Step::Kind::reset:
      return "reset connection";
    case Step::Kind::change_user:
      return "change user, schema '" + step.text + "'";
  }
  return {};
}

std::string to_string(const Script& script) {
  std::string out = script.deprecate_eof ? "  (DEPRECATE_EOF)\n" : "  (classic EOF)\n";
  for (const Step& step : script.steps) out += "  " + to_string(step) + "\n";
  return out;
}

Script make_script(std::uint32_t seed, std::string_view prefix) { return Maker(seed, prefix).make(); }

std::vector<std::string> definitions(std::string_view prefix) {
  return with_prefix(
      prefix,
      {
          "CREATE TABLE {p}_t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, w VARCHAR(20)) ENGINE=InnoDB",
          "CREATE TABLE {p}_u (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB",
          "CREATE TABLE {p}_g (n INT) ENGINE=InnoDB",
          "CREATE VIEW {p}_view AS SELECT id, v FROM {p}_t",
          "CREATE SEQUENCE {p}_s",
          "CREATE FUNCTION {p}_setv(n INT) RETURNS INT BEGIN SET @v = n; RETURN n; END",
          "CREATE FUNCTION {p}_zone() RETURNS INT BEGIN SET time_zone = '+07:00'; RETURN 1; END",
          "CREATE FUNCTION {p}_lock() RETURNS INT BEGIN RETURN GET_LOCK('{p}_l', 0); END",
          "CREATE FUNCTION {p}_temp() RETURNS INT BEGIN CREATE OR REPLACE TEMPORARY TABLE tmp (n INT); RETURN 1; END",
          "CREATE TRIGGER {p}_trigger BEFORE INSERT ON {p}_g FOR EACH ROW SET @v = NEW.n",
          "CREATE PROCEDURE {p}_call(n INT) BEGIN SET @v = n; INSERT INTO {p}_t (v) VALUES (n); SELECT n; END",
      });
}

std::vector<std::string> fresh_data(std::string_view prefix) {
  return with_prefix(prefix, {
                                 "DROP TABLE IF EXISTS {p}_x",
                                 "DELETE FROM {p}_t",
                                 "ALTER TABLE {p}_t AUTO_INCREMENT = 1",
                                 "DELETE FROM {p}_u",
                                 "DELETE FROM {p}_g",
                                 "INSERT INTO {p}_t (v, w) VALUES (10, 'first'), (20, 'second')",
                             });
}

std::vector<std::string> data_questions(std::string_view prefix) {
  return with_prefix(prefix, {
                                 "SELECT GROUP_CONCAT(CONCAT_WS('/', id, v, w) ORDER BY id) FROM {p}_t",
                                 "SELECT GROUP_CONCAT(CONCAT_WS('/', id, n) ORDER BY id) FROM {p}_u",
                                 "SELECT CONCAT_WS('/', COUNT(*), SUM(n)) FROM {p}_g",
                                 "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '{p}_x'",
                             });
}

Script newcomer() {
  Script script;
  for (const char* text : {
           "SELECT @v, @w, @@autocommit, @@tx_isolation, @@tx_read_only, LAST_INSERT_ID()",
           "SELECT @@sql_mode, @@time_zone, @@sql_select_limit, @@foreign_key_checks, @@unique_checks, DATABASE()",
           "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection",
           "SELECT @@group_concat_max_len, @@lock_wait_timeout, @@sql_auto_is_null, @@div_precision_increment",
           "SELECT @@max_statement_time, @@sql_safe_updates, @@lc_time_names, @@default_week_format, @@completion_type",
           "SELECT * FROM tmp",
           "EXECUTE p",
           "HANDLER h CLOSE",
           "SELECT IS_FREE_LOCK('a_l'), IS_FREE_LOCK('b_l'), IS_FREE_LOCK('a_m'), IS_FREE_LOCK('b_m')",
           "INSERT INTO c_t VALUES (1)",
           "DELETE FROM c_t",
           "SET autocommit = 0",
           "ROLLBACK TO s",
           "ROLLBACK",
       }) {
    script.steps.push_back({Step::Kind::query, text, {}});
  }
  return script;
}

}  // namespace sluice::test
