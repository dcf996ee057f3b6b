// Asks one server, again and again, over one connection that stays open.
//
// Flow: `start()`; `on_result(observation, when it was asked)` is called after each probe, from the io_context;
// `probe_soon()` asks before the interval is over; `stop()`, after which nothing is called.
//
// One probe: connect if need be, ask, tell. If the connection turns out to be cut, a second try is made at once, so
// that a server that is gone is known to be gone and one that only restarted is seen again. Between probes the
// connection is watched: a server that closes it (killed, shut down) is probed at once. Nothing else wakes up before
// the interval ends.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/monitor/driver_connection.hpp"
#include "failover/monitor/monitor.hpp"

namespace sluice::failover {

class ServerProbe : public std::enable_shared_from_this<ServerProbe> {
 public:
  using Clock = std::chrono::steady_clock;
  using OnResult = std::function<void(const ServerObservation&, Clock::time_point asked)>;

  ServerProbe(boost::asio::io_context& io, MonitoredServer server, const MonitorOptions& options, OnResult on_result);

  void start();
  void stop();
  void probe_soon();

 private:
  enum class Stage { stopped, idle, resolving, connecting, asking };

  void begin();
  void resolve();
  void connect(const std::string& address);
  void on_connected(const DriverError& error);
  void ask();
  void on_answer(const DriverError& error);
  void fail(const DriverError& error);
  bool try_tls(const DriverError& error);
  void drop_connection();
  void report_reachable();
  void report_unreachable(Probe how, std::string error);
  void rest();
  void schedule(Clock::time_point when);

  boost::asio::io_context& io_;
  MonitoredServer server_;
  std::string user_;
  std::string password_;
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds connect_timeout_;
  std::chrono::milliseconds probe_timeout_;
  OnResult on_result_;

  boost::asio::steady_timer next_probe_;
  boost::asio::steady_timer resolve_deadline_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<DriverConnection> connection_;  // null: none
  Stage stage_ = Stage::stopped;
  ServerKind kind_;
  ServerObservation observation_;  // the last one, told or about to be told
  Clock::time_point begun_;        // this probe, or the last one
  bool tried_twice_ = false;       // within this probe
  bool again_ = false;             // asked for while a probe was under way
  bool tls_ = false;
  struct Failure {
    Probe how = Probe::none;
    std::string error;
  };
  // The failure without TLS, while TLS is tried because of it; tried once until the server has been reached again.
  std::optional<Failure> plain_failure_;
  bool tls_tried_ = false;
  unsigned attempts_ = 0;  // connections tried: names with several addresses take turns
};

}  // namespace sluice::failover
