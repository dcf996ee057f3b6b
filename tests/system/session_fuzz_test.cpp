// Many sessions on few server connections, each with state of its own, in random order: what a session reads is what it
// knows itself, never another session's state. Failures print the seed; SLUICE_TEST_SEED runs one again, and
// SLUICE_TEST_SECONDS goes on for longer than the steps that everyone takes.
#include <cstdlib>
#include <future>
#include <iostream>
#include <random>

#include "support/sizes.hpp"
#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

constexpr unsigned schemas = 4;
constexpr unsigned threads = 64;
constexpr unsigned steps_each = sized(150U, 40U);

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text != nullptr ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

// One client and all that it knows of itself.
class Player {
 public:
  Player(unsigned number, std::uint32_t seed, SqlAddress address)
      : name_(std::to_string(number)), random_(seed + number * 7919U), address_(std::move(address)) {
    connect();
  }

  // One random step; what is wrong, or "".
  std::string step() {
    try {
      switch (pick(20)) {
        case 0:
          return use_schema();
        case 1:
          return set("time_zone", time_zone_, "+0" + std::to_string(pick(10)) + ":00");
        case 2:
          return set("sql_mode", sql_mode_, pick(2) == 0 ? "ANSI_QUOTES" : "NO_BACKSLASH_ESCAPES");
        case 3:
          return names();
        case 4:
          return lock_wait();
        case 5:
        case 6:
          return write();
        case 7:
          return transaction();
        case 8:
          return user_variable();
        case 9:
          return temporary_table();
        case 10:
          return last_insert_id();
        case 11:
        case 12:
          return prepared();
        case 13:
          return isolation();
        case 14:
          return failure();
        case 15:
          return start_anew();
        default:
          return look();
      }
    } catch (const SqlError& error) {
      return "error " + std::to_string(error.code()) + ": " + error.what();
    }
  }

  [[nodiscard]] const std::string& trace() const { return trace_; }
  [[nodiscard]] unsigned statements() const { return statements_; }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  static std::string schema(unsigned number) { return "fuzz" + std::to_string(number); }

  void connect() {
    statements_of_.clear();
    schema_ = pick(schemas);
    address_.schema = schema(schema_);
    sql_ = std::make_unique<Sql>(address_);
    const Rows now = sql_->query("SELECT @@sql_mode, @@time_zone, @@lock_wait_timeout, @@tx_isolation");
    sql_mode_ = now.at(0).at(0).value_or("");
    time_zone_ = now.at(0).at(1).value_or("");
    lock_wait_ = now.at(0).at(2).value_or("");
    isolation_ = now.at(0).at(3).value_or("");
    charset_ = "utf8mb4";
    variable_.reset();
    temporary_ = 0;
  }

  Rows run(const std::string& statement) {
    trace_ += "  " + statement + "\n";
    if (trace_.size() > 4000) trace_.erase(0, trace_.find('\n', 1000) + 1);
    ++statements_;
    return sql_->query(statement);
  }
  std::string expect(const std::string& statement, const Rows& wanted) {
    const Rows got = run(statement);
    if (got == wanted) return {};
    std::ostringstream text;
    text << statement << "\n got " << Outcome{.rows = got} << " instead of " << Outcome{.rows = wanted};
    return text.str();
  }

  std::string use_schema() {
    schema_ = pick(schemas);
    if (pick(2) == 0) {
      run("USE " + schema(schema_));
    } else if (mysql_select_db(sql_->raw(), schema(schema_).c_str()) != 0) {
      return mysql_error(sql_->raw());
    }
    // Each schema's table `here` holds the schema's number.
    return expect("SELECT DATABASE(), n FROM here", {{schema(schema_), std::to_string(schema_)}});
  }

  std::string set(const std::string& name, std::string& known, const std::string& value) {
    run("SET " + std::string(pick(2) == 0 ? "SESSION " : "") + name + " = '" + value + "'");
    known = value;
    return look();
  }

  std::string lock_wait() {
    lock_wait_ = std::to_string(1000 + pick(1000));
    run("SET lock_wait_timeout = " + lock_wait_);
    return look();
  }

  std::string names() {
    charset_ = pick(2) == 0 ? "latin1" : "utf8mb4";
    run("SET NAMES " + charset_);
    return expect("SELECT @@character_set_client, @@character_set_results", {{charset_, charset_}});
  }

  std::string isolation() {
    isolation_ = pick(2) == 0 ? "READ-COMMITTED" : "REPEATABLE-READ";
    run("SET SESSION TRANSACTION ISOLATION LEVEL " +
        std::string(isolation_ == "READ-COMMITTED" ? "READ COMMITTED" : "REPEATABLE READ"));
    return look();
  }

  std::string look() {
    return expect(
        "SELECT DATABASE(), @@time_zone, @@sql_mode, @@character_set_client, @@tx_isolation, @@lock_wait_timeout",
        {{schema(schema_), time_zone_, sql_mode_, charset_, isolation_, lock_wait_}});
  }

  std::string write() {
    const std::string value = std::to_string(++written_[schema_]);
    run("REPLACE INTO t VALUES (" + name_ + ", " + value + ")");
    return expect("SELECT v FROM t WHERE id = " + name_, {{value}});
  }

  std::string transaction() {
    const unsigned before = written_[schema_];
    run(pick(2) == 0 ? "BEGIN" : "START TRANSACTION");
    std::string problem = write();
    if (problem.empty() && pick(2) == 0) problem = look();
    const bool commit = pick(2) == 0;
    run(commit ? "COMMIT" : "ROLLBACK");
    if (!commit) written_[schema_] = before;
    if (!problem.empty()) return problem;
    const Rows wanted = written_[schema_] == 0 ? Rows{} : Rows{{std::to_string(written_[schema_])}};
    return expect("SELECT v FROM t WHERE id = " + name_, wanted);
  }

  std::string user_variable() {
    if (pick(2) == 0) {
      variable_ = name_ + "-" + std::to_string(pick(1000));
      run("SET @mine = '" + *variable_ + "'");
    }
    return expect("SELECT @mine", {{variable_}});
  }

  std::string temporary_table() {
    if (temporary_ == 0) run("CREATE TEMPORARY TABLE fuzz0.mine (n INT)");
    temporary_ = 1 + pick(1000);
    run("DELETE FROM fuzz0.mine");
    run("INSERT INTO fuzz0.mine VALUES (" + std::to_string(temporary_) + ")");
    return expect("SELECT n FROM fuzz0.mine", {{std::to_string(temporary_)}});
  }

  std::string last_insert_id() {
    run("INSERT INTO numbers (who) VALUES (" + name_ + ")");
    const auto id = std::to_string(mysql_insert_id(sql_->raw()));
    if (pick(2) == 0) run("SELECT n FROM here");
    if (std::string problem = expect("SELECT LAST_INSERT_ID()", {{id}}); !problem.empty()) return problem;
    return expect("SELECT who FROM numbers WHERE id = LAST_INSERT_ID()", {{name_}});
  }

  std::string prepared() {
    // Prepared in the schema of that moment, and bound to it.
    auto& statement = statements_of_[schema_];
    if (!statement) statement = std::make_unique<Prepared>(*sql_, "SELECT n + ?, '" + name_ + "' FROM here");
    const unsigned any = pick(1000);
    trace_ += "  execute in schema " + std::to_string(schema_) + "\n";
    ++statements_;
    const Rows wanted{{std::to_string(schema_ + any), name_}};
    return statement->run({std::to_string(any)}) == wanted ? "" : "a prepared statement gave another one's rows";
  }

  std::string failure() {
    for (const char* statement : {"SELEC", "SELECT * FROM missing", "INSERT INTO here VALUES ('x', 'y', 'z')"}) {
      if (outcome_of(*sql_, statement).code == 0) return std::string(statement) + " did not fail";
    }
    return look();
  }

  std::string start_anew() {
    trace_ += "  -- starts anew\n";
    switch (pick(2)) {
      case 0: {
        statements_of_.clear();
        schema_ = pick(schemas);
        if (mysql_change_user(sql_->raw(), address_.user.c_str(), address_.password.c_str(), schema(schema_).c_str()) !=
            0) {
          return mysql_error(sql_->raw());
        }
        const Rows now = run("SELECT @@sql_mode, @@time_zone, @@lock_wait_timeout, @@tx_isolation, @mine");
        sql_mode_ = now.at(0).at(0).value_or("");
        time_zone_ = now.at(0).at(1).value_or("");
        lock_wait_ = now.at(0).at(2).value_or("");
        isolation_ = now.at(0).at(3).value_or("");
        charset_ = "utf8mb4";
        variable_.reset();
        temporary_ = 0;
        if (now.at(0).at(4)) return "a user variable outlived COM_CHANGE_USER";
        return look();
      }
      default:
        connect();
        return look();
    }
  }

  std::string name_;
  std::mt19937 random_;
  SqlAddress address_;
  std::unique_ptr<Sql> sql_;
  std::map<unsigned, std::unique_ptr<Prepared>> statements_of_;
  std::map<unsigned, unsigned> written_;  // by schema: this player's row
  unsigned schema_ = 0;
  std::string sql_mode_;
  std::string time_zone_;
  std::string lock_wait_;
  std::string isolation_;
  std::string charset_;
  std::optional<std::string> variable_;
  unsigned temporary_ = 0;
  std::string trace_;
  unsigned statements_ = 0;
};

class SessionFuzzTest : public SystemTest {};

TEST_P(SessionFuzzTest, NoSessionSeesAnothersState) {
  Sql root = cluster_.root(0);
  for (unsigned i = 0; i < schemas; ++i) {
    const std::string schema = "fuzz" + std::to_string(i);
    root.exec("CREATE DATABASE " + schema + "; CREATE TABLE " + schema + ".here (n INT); INSERT INTO " + schema +
              ".here VALUES (" + std::to_string(i) + "); CREATE TABLE " + schema +
              ".t (id INT PRIMARY KEY, v INT); CREATE TABLE " + schema +
              ".numbers (id INT PRIMARY KEY AUTO_INCREMENT, who INT); GRANT ALL ON " + schema + ".* TO app@'%'");
  }
  cluster_->await_replicated();
  start({.limits = "backend_connections_max = 80"});
  const std::uint32_t seed = from_environment("SLUICE_TEST_SEED", std::random_device{}());
  const std::chrono::seconds longer{from_environment("SLUICE_TEST_SECONDS", 0)};
  std::cout << "seed " << seed << '\n';
  SCOPED_TRACE("run again with SLUICE_TEST_SEED=" + std::to_string(seed));

  std::atomic<bool> wrong{false};
  const auto end = std::chrono::steady_clock::now() + longer;
  std::vector<std::future<unsigned>> players;
  for (unsigned number = 0; number < threads; ++number) {
    players.push_back(std::async(std::launch::async, [&, number] {
      Player player(number, seed, client_address());
      for (unsigned step = 0; !wrong && (step < steps_each || std::chrono::steady_clock::now() < end); ++step) {
        const std::string problem = player.step();
        if (problem.empty()) continue;
        wrong = true;
        ADD_FAILURE() << "player " << number << ": " << problem << "\nits last statements:\n" << player.trace();
      }
      return player.statements();
    }));
  }
  unsigned statements = 0;
  for (auto& player : players) statements += player.get();
  std::cout << statements << " statements\n";
  EXPECT_GT(statements, threads);
  EXPECT_GT(count("state_switches"), 0U);
  EXPECT_EQ(count("protocol_errors"), 0U);
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM pools WHERE connecting + busy + idle > \"limit\""), "0");
}

INSTANTIATE_TEST_SUITE_P(Loops, SessionFuzzTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
