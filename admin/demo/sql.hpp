// A blocking SQL connection for provisioning, the demo's commands and the tests: MariaDB Connector/C with an owner.
//
// Flow: `Sql sql(address); sql.exec("CREATE …"); auto rows = sql.query("SELECT …");`. Errors are SqlError, with the
// server's number. Never used on the data path.
#pragma once

#include <mysql.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::demo {

struct SqlAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string socket;  // when not empty: used instead of host and port
  std::string user;
  std::string password;
  std::string schema;
};

class SqlError : public std::runtime_error {
 public:
  SqlError(unsigned code, std::string state, const std::string& text)
      : std::runtime_error(text), code_(code), state_(std::move(state)) {}
  [[nodiscard]] unsigned code() const { return code_; }  // the server's (1045, …) or the client library's (2003, …)
  [[nodiscard]] const std::string& state() const { return state_; }

 private:
  unsigned code_;
  std::string state_;
};

using Row = std::vector<std::optional<std::string>>;  // nullopt: NULL
using Rows = std::vector<Row>;
using Record = std::map<std::string, std::string, std::less<>>;  // column name to text; NULL is ""

class Sql {
 public:
  // Connects; `answer_bound` (whole seconds) bounds the connection and each answer. Throws SqlError.
  explicit Sql(const SqlAddress& address, std::chrono::seconds answer_bound = std::chrono::seconds{30});

  // Rows of the first resultset; further results of a multi-statement or CALL are read and checked, not kept.
  Rows query(std::string_view statement);
  void exec(std::string_view statement) { query(statement); }
  std::vector<Record> records(std::string_view statement);
  // First column of the first row; "" when there is none or it is NULL.
  std::string value(std::string_view statement);

  [[nodiscard]] std::string quoted(std::string_view text);  // 'text', escaped for this connection
  [[nodiscard]] MYSQL* raw() { return connection_.get(); }

 private:
  struct Close {
    void operator()(MYSQL* connection) const { mysql_close(connection); }
  };
  struct Free {
    void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
  };
  using Result = std::unique_ptr<MYSQL_RES, Free>;

  Result run(std::string_view statement);
  void skip_further_results();
  [[noreturn]] void fail() const;

  std::unique_ptr<MYSQL, Close> connection_;
};

}  // namespace sluice::demo
