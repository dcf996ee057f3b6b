// One connection of MariaDB Connector/C, driven by its non-blocking calls from an io_context. It never blocks.
//
// Flow: `connect(target, timeout, done)`; then any number of `query(sql, timeout, done)` with `tables()` in `done`; in
// between `watch(on_readable)` tells when the server says something unasked, which means that the connection ends;
// `close()`. One operation at a time. `done` is called from the io_context, never from inside these functions, and not
// after `close()`. After an error the connection is good for `close()` only, unless it was a statement that the server
// refused (is_refusal()).
//
// Connector/C owns the socket and closes it when it likes, so what the io_context watches is a duplicate of the
// descriptor: whichever is closed first, the other stays what it was. A call that is given up half-way is resumed with
// MYSQL_WAIT_TIMEOUT until it ends, because its state (a socket that connects, for one) lives on a stack of its own
// that mysql_close() knows nothing of.
//
// With TLS, one thing blocks: the driver's handshake. Its waits are bounded by the connection's timeout, and a server
// that hangs before its greeting is never waited for. Afterwards the socket is made non-blocking behind the driver's
// back, which its own non-blocking TLS reads count on and its connect does not leave behind (seen in 3.3.20).
//
// Source: MariaDB Knowledge Base, "Using the Non-blocking Library", "Non-blocking API Reference".
#pragma once

#include <mysql.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/monitor/driver_error.hpp"
#include "failover/probe_script.hpp"

namespace sluice::failover {

struct ConnectTarget {
  std::string host;  // a numeric address: names would be resolved by a blocking call; empty: unix_path
  std::uint16_t port = 0;
  std::string unix_path;
  std::string user;
  std::string password;
  bool tls = false;  // encrypted; the certificate is not verified
};

class DriverConnection : public std::enable_shared_from_this<DriverConnection> {
 public:
  using Done = std::function<void(const DriverError&)>;

  explicit DriverConnection(boost::asio::io_context& io);
  ~DriverConnection();
  DriverConnection(const DriverConnection&) = delete;
  DriverConnection& operator=(const DriverConnection&) = delete;

  void connect(ConnectTarget target, std::chrono::milliseconds timeout, Done done);
  // One or several statements in one text; one table for each.
  void query(std::string sql, std::chrono::milliseconds timeout, Done done);
  void watch(std::function<void()> on_readable);
  void close();

  [[nodiscard]] const std::vector<ResultTable>& tables() const { return tables_; }
  [[nodiscard]] std::string server_version() const;         // as the driver tells it, without "5.5.5-"
  [[nodiscard]] std::uint64_t server_capabilities() const;  // protocol::Capabilities, as greeted

 private:
  enum class Call { none, connect, query, fetch_row, next_result };

  void begin(Call call, std::chrono::milliseconds timeout, Done done);
  void set_options();
  // Begins the call, or goes on with it after what it waited for. Returns what the driver waits for now
  // (MYSQL_WAIT_…), 0: the call has ended.
  int drive(std::optional<int> events = std::nullopt);
  int start_connect();
  void run(int waits_for);
  // After a call has ended: true, the next one is set in call_; false, the operation has ended.
  bool next_call();
  bool end(DriverError error);  // false
  bool open_result();
  bool keep_row();
  void keep_columns();
  void wait(int waits_for);
  [[nodiscard]] bool is_ready(int event);
  bool watch_socket();
  void bound_blocking_calls(int socket) const;
  void leave_blocking_mode();
  void finish(DriverError error);
  void fail_timed_out(std::chrono::milliseconds timeout);
  void give_up_call();
  [[nodiscard]] DriverError driver_error() const;
  [[nodiscard]] static DriverError own_error(std::string text);

  boost::asio::io_context& io_;
  boost::asio::posix::stream_descriptor descriptor_;  // the duplicate
  boost::asio::steady_timer deadline_;
  int watched_socket_ = -1;  // the driver's descriptor that descriptor_ is a duplicate of
  ConnectTarget target_;
  std::chrono::milliseconds connect_timeout_{0};
  std::string sql_;
  Done done_;
  MYSQL* mysql_ = nullptr;
  MYSQL_RES* result_ = nullptr;
  Call call_ = Call::none;
  bool suspended_ = false;
  // What the calls give back.
  MYSQL* connected_ = nullptr;
  int status_ = 0;
  MYSQL_ROW row_ = nullptr;

  std::vector<ResultTable> tables_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t operation_ = 0;  // counts up: a handler of an earlier operation or wait does nothing
  std::uint64_t wait_ = 0;
};

}  // namespace sluice::failover
