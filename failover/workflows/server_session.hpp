// One connection to a server of a cluster as the workflows use it: logged on, its number in the server's process list
// known, so that what runs on it can be ended from outside, and every wait bounded by the deadline of whoever asks.
//
// Flow: `open(deadline, opened)`; then any number of `ask(sql, deadline, answered)`, one at a time; `close()`, after
// which nothing is called. Nothing is called from inside these functions.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/monitor/driver_connection.hpp"
#include "failover/monitor/monitor.hpp"
#include "failover/workflows/server_statements.hpp"

namespace sluice::failover {

struct Login {
  MonitoredServer server;
  std::string user;
  std::string password;  // never logged
  bool tls = false;      // from the start; a server that insists on TLS gets it anyway
};

class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Opened = std::function<void(const std::string& error)>;  // empty: it is open
  using Answered = std::function<void(const DriverError& error, const std::vector<ResultTable>& tables)>;

  ServerSession(boost::asio::io_context& io, Login login);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  void open(TimePoint deadline, Opened opened);
  // After a refusal of the server (a statement that it did not like) more may be asked; after any other error not.
  void ask(std::string sql, TimePoint deadline, Answered answered);
  void close();

  [[nodiscard]] const ServerKind& kind() const { return kind_; }
  [[nodiscard]] const ConnectionId& id() const { return id_; }  // 0: it never got so far as to be told anything
  // A statement was sent, and its end was not seen: it may still run, and so may what the connection holds.
  [[nodiscard]] bool in_doubt() const { return asking_ || lost_; }
  // An error in words, with the number and, where one is known, the remedy.
  [[nodiscard]] std::string explain(const DriverError& error) const;

 private:
  void resolve();
  void connect(const std::string& address);
  void on_connected(const DriverError& error);
  void identify();
  void opened(const std::string& error);
  [[nodiscard]] std::chrono::milliseconds left() const;

  boost::asio::io_context& io_;
  Login login_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer resolve_deadline_;
  std::shared_ptr<DriverConnection> connection_;
  TimePoint deadline_;
  Opened opened_;
  ServerKind kind_;
  ConnectionId id_;
  std::string address_;
  bool tls_tried_ = false;
  bool asking_ = false;
  bool lost_ = false;
};

}  // namespace sluice::failover
