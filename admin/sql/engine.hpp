// Answers SELECT over the admin tables with SQLite: read only, in memory, and bounded in time, memory and rows, because
// it runs on the control thread, which has servers to watch.
//
// Flow: `SqlEngine engine(limits); auto answer = engine.run(state, sql);`
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/sql/statement.hpp"
#include "admin/state.hpp"
#include "protocol/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::admin {

struct ResultColumn {
  std::string name;
  bool integer = false;
};

struct ResultSet {
  std::vector<ResultColumn> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;  // nullopt: NULL
};

struct EngineLimits {
  std::uint32_t run_ms_max = 250;
  std::size_t result_bytes_max = 8U << 20;
  std::size_t heap_bytes_max = 64U << 20;  // of all SQLite in the process
};

class SqlEngine {
 public:
  explicit SqlEngine(const EngineLimits& limits);
  ~SqlEngine();
  SqlEngine(const SqlEngine&) = delete;
  SqlEngine& operator=(const SqlEngine&) = delete;

  // Runs one query that `understand` gave.
  [[nodiscard]] Result<ResultSet, SqlError> run(const AdminState& state, const AdminStatement& statement);

 private:
  struct Close {
    void operator()(sqlite3* db) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;

  void prepare_connection();
  [[nodiscard]] Result<ResultSet, SqlError> collect(sqlite3_stmt& statement);
  [[nodiscard]] SqlError last_error() const;
  static int on_progress(void* self);

  EngineLimits limits_;
  const AdminState* state_ = nullptr;
  std::chrono::steady_clock::time_point deadline_;
  bool too_slow_ = false;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace sluice::admin
