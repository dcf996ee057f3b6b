#include "system/writers.hpp"

#include <chrono>
#include <optional>

#include "support/time.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

// Between two writes, so that a server that was away has not more to catch up with than a busy machine can.
constexpr std::chrono::milliseconds pace{2};
constexpr std::uint64_t ids_per_writer = 1'000'000;

void write(Sql& sql, const std::set<std::uint64_t>& rows) {
  if (rows.size() > 1) sql.exec("BEGIN");
  for (const auto id : rows) sql.exec("INSERT INTO t VALUES (" + std::to_string(id) + ")");
  if (rows.size() > 1) sql.exec("COMMIT");
}

}  // namespace

Writers::Writers(const SqlAddress& address, unsigned count) {
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this, address, i] { run(address, i); });
}

void Writers::stop() {
  stopping_ = true;
  stopped_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Writers::await_more(std::uint64_t statements) {
  const auto wanted = written_ + statements;
  await_that("writes go on", [&] { return written_ >= wanted; });
}

void Writers::run(const SqlAddress& address, unsigned number) {
  std::optional<Sql> sql;
  for (std::uint64_t id = number * ids_per_writer; !stopping_; id += 2) {
    std::set<std::uint64_t> rows = {id};
    if (number % 2 == 1) rows.insert(id + 1);
    try {
      if (!sql) sql.emplace(address, hang_limit);
      write(*sql, rows);
      ++written_;
      std::unique_lock lock(mutex_);
      acknowledged_.merge(rows);
      stopped_.wait_for(lock, pace, [&] { return stopping_.load(); });
    } catch (const SqlError& error) {
      const std::lock_guard lock(mutex_);
      unknown_.merge(rows);
      errors_.push_back(std::to_string(error.code()) + " " + error.what());
      if (error.code() < 2000 || error.code() >= 3000) continue;  // the connection goes on
      ++connections_lost_;
      sql.reset();
    }
  }
}

}  // namespace sluice::test
