// A client that asks for much and takes nothing: memory stays bounded, others are answered, and in the end it gets
// every byte.
#include <sys/socket.h>

#include <fstream>
#include <iostream>

#include "support/sizes.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

constexpr std::uint64_t row_bytes = 64 * 1024;
constexpr std::uint64_t rows = sized(4096U, 1024U);  // 256 MiB in all; far more than all buffers, either way
// Network buffers of sluice while the result waits: client_queue_max (256 KiB), what the kernel had filled already, and
// the buffers that stand ready.
constexpr std::uint64_t buffers_max = 16U << 20U;
// What the process may grow by: room for the allocator and the other client's work, far less than the result.
// Sanitizers keep freed memory, so there only the buffers are looked at.
constexpr std::uint64_t growth_max_kib = sized(24U, 2048U) * 1024;

std::uint64_t resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (status >> word) {
    if (word == "VmRSS:") {
      std::uint64_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

std::string row_text(std::uint64_t number) {
  const std::string piece = std::to_string(1'000'000 + number) + ".";
  std::string text;
  while (text.size() < row_bytes) text += piece;
  return text.substr(0, row_bytes);
}

class SlowReaderTest : public SystemTest {};

TEST_P(SlowReaderTest, MemoryIsBoundedOthersAreAnsweredAndNoByteIsLost) {
  start();
  Sql other = client();
  for (int i = 0; i < 200; ++i) other.query("SELECT REPEAT('x', 1000)");  // as much memory as ordinary work takes
  const std::uint64_t before = resident_kib(proxy_->pid());
  ASSERT_GT(before, 0U);

  Sql slow = client();
  const std::string question = "SELECT SUBSTRING(REPEAT(CONCAT(1000000 + seq, '.'), " +
                               std::to_string(row_bytes / 8 + 1) + "), 1, " + std::to_string(row_bytes) +
                               ") FROM seq_0_to_" + std::to_string(rows - 1);
  ASSERT_EQ(mysql_send_query(slow.raw(), question.data(), question.size()), 0);
  // Nothing more comes from the server: it is paused.
  std::string last;
  int unchanged = 0;
  await_that("the flow stands still", [&] {
    other.query("SELECT REPEAT('x', 1000)");
    const std::string queued = admin_value("SELECT MAX(queued_bytes) FROM sessions");
    unchanged = queued == last && queued != "0" ? unchanged + 1 : 0;
    last = queued;
    return unchanged == 20;
  });
  std::uint64_t most = 0;
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(other.value("SELECT " + std::to_string(i)), std::to_string(i));
    most = std::max(most, resident_kib(proxy_->pid()));
  }
  EXPECT_LT(most, before + growth_max_kib);
  EXPECT_LT(count("buffer_bytes"), buffers_max);
  std::cout << "grew by " << most - std::min(most, before) << " KiB, buffers " << count("buffer_bytes") << " bytes\n";

  ASSERT_EQ(mysql_read_query_result(slow.raw()), 0) << mysql_error(slow.raw());
  MYSQL_RES* result = mysql_use_result(slow.raw());
  ASSERT_NE(result, nullptr);
  for (std::uint64_t number = 0; number < rows; ++number) {
    MYSQL_ROW row = mysql_fetch_row(result);
    ASSERT_NE(row, nullptr) << "row " << number << ": " << mysql_error(slow.raw());
    ASSERT_TRUE(std::string_view(row[0], mysql_fetch_lengths(result)[0]) == row_text(number)) << "row " << number;
    if (number % 256 == 0) most = std::max(most, resident_kib(proxy_->pid()));
  }
  EXPECT_EQ(mysql_fetch_row(result), nullptr);
  mysql_free_result(result);
  EXPECT_LT(most, before + growth_max_kib);
  EXPECT_EQ(slow.value("SELECT 1"), "1");
}

// It leaves without having read: its server connection is not given to anybody with the rest of the rows on it.
TEST_P(SlowReaderTest, LeavingInTheMiddleLeavesNothing) {
  start();
  {
    Sql slow = client();
    const std::string question = "SELECT REPEAT('x', 65536) FROM seq_1_to_4096";
    ASSERT_EQ(mysql_send_query(slow.raw(), question.data(), question.size()), 0);
    await_that("rows wait for it", [&] { return admin_value("SELECT MAX(queued_bytes) > 0 FROM sessions") == "1"; });
    ::shutdown(static_cast<int>(mysql_get_socket(slow.raw())), SHUT_RDWR);
  }
  await_that("it is gone", [&] { return admin_value("SELECT COUNT(*) FROM sessions") == "0"; });
  Sql next = client();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(next.value("SELECT " + std::to_string(i)), std::to_string(i));
  // The KILL for what the first one left running has a connection for itself.
  await_that("none is busy", [&] { return admin_value("SELECT SUM(busy) FROM pools") == "0"; });
}

// More than 16 MiB in one value: several packets each way.
TEST_P(SlowReaderTest, PacketsOverSixteenMebibytes) {
  cluster_.root(0).exec("SET GLOBAL max_allowed_packet = 67108864");
  start();
  Sql sql = client();
  constexpr std::size_t bytes = sized(40U << 20U, 17U << 20U);
  const std::string size = std::to_string(bytes);
  constexpr std::size_t sent = sized(20U << 20U, 17U << 20U);
  EXPECT_EQ(sql.value("SELECT LENGTH('" + std::string(sent, 'a') + "')"), std::to_string(sent));
  sql.exec("BEGIN");  // on the leader, whose packets may be that long
  EXPECT_EQ(sql.value("SELECT REPEAT('y', " + size + ")"), std::string(bytes, 'y'));
  sql.exec("COMMIT");
  EXPECT_EQ(sql.value("SELECT 1"), "1");
}

INSTANTIATE_TEST_SUITE_P(Loops, SlowReaderTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
