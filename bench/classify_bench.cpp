// How long it takes to classify a statement, and to compute its digest: prints nanoseconds per statement.
//
// Build and run:
//   g++ -std=c++20 -O2 -I. bench/classify_bench.cpp router/*.cpp -o ./classify_bench && ./classify_bench
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "router/classify.hpp"
#include "router/digest.hpp"

namespace {

using sluice::router::Dialect;

// Best of several runs: the others met a busy machine.
template <typename F>
double nanoseconds_per_call(F&& call, int calls) {
  double best = 1e18;
  for (int run = 0; run < 7; ++run) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

// Keeps the optimizer from dropping a result.
volatile std::uint64_t sink;

void measure(const char* name, std::string_view sql, int calls) {
  const Dialect dialect;
  const double classify = nanoseconds_per_call(
      [&] { sink = static_cast<std::uint64_t>(sluice::router::classify(sql, dialect).kind); }, calls);
  const double digest = nanoseconds_per_call([&] { sink = sluice::router::digest(sql, dialect); }, calls);
  std::printf("%-24s %9zu bytes  classify %12.0f ns  digest %12.0f ns\n", name, sql.size(), classify, digest);
}

}  // namespace

int main() {
  measure("point select", "SELECT c FROM sbtest1 WHERE id=50234", 200'000);
  measure("range select", "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 50234 AND 50333 ORDER BY c", 200'000);
  measure("sum", "SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN 50234 AND 50333", 200'000);
  measure("update", "UPDATE sbtest1 SET k=k+1 WHERE id=50234", 200'000);
  measure("insert",
          "INSERT INTO sbtest1 (id, k, c, pad) VALUES (5, 4, '" + std::string(119, '7') + "', '" +
              std::string(59, '8') + "')",
          200'000);
  measure("BEGIN", "BEGIN", 200'000);
  measure("SET NAMES", "SET NAMES utf8mb4", 200'000);
  measure("driver's first query",
          "SELECT @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS "
          "character_set_client, @@sql_mode AS sql_mode, @@wait_timeout AS wait_timeout",
          50'000);
  std::string rows = "INSERT INTO t VALUES (1,'abc')";
  while (rows.size() < (std::size_t{1} << 20U)) rows += ",(123456,'some text of a row','2024-01-01 00:00:00')";
  measure("insert of 1 MiB", rows, 20);
  measure("blob of 1 MiB", "INSERT INTO t VALUES ('" + std::string(std::size_t{1} << 20U, 'x') + "')", 20);
  return 0;
}
