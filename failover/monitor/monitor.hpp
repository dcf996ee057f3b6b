// Watches the servers of one cluster: asks each at an interval, over MariaDB Connector/C's non-blocking calls driven
// from the control thread's io_context, and reports each new judgement. It never writes, and never blocks the thread
// (but for the driver's TLS handshake: monitor/driver_connection.hpp).
//
// Flow: `Monitor m(io, options, on_state); m.start();` … `m.stop()`. `on_state` is called on the io_context's thread
// for the first judgement of all servers and then whenever anything that is shown or routed on has changed. As soon as
// the leader is lost, all others are asked: their view of it tells a dead one from one that only we can't see.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

struct MonitoredServer {
  std::string name;  // shown and kept, "127.0.0.1:21001"
  std::string host;  // empty: unix_path
  std::uint16_t port = 3306;
  std::string unix_path;
};

struct MonitorOptions {
  std::string cluster;
  std::vector<MonitoredServer> servers;
  std::string user;
  std::string password;  // never logged
  std::uint32_t interval_ms = 500;
  std::uint32_t connect_timeout_ms = 1000;
  std::uint32_t probe_timeout_ms = 1000;  // an answer that takes longer counts as unreachable
  bool tls =
      false;  // encrypt from the start; a server that insists on TLS gets it anyway (certificates aren't verified)
  JudgeOptions judge;
  std::string last_leader;  // who led when this process was last there, by its record; empty: not known
  // Called for a replica whenever it is known to have newer writes: see failover/freshness.hpp. May be empty.
  std::function<void(std::size_t server, std::uint64_t has_writes_until_ms)> on_fresh;
  // Called with the result of every probe, before it is judged, and also while nothing is judged. `asked`: when the
  // probe began; what the server says was so after that. Must not destroy the monitor. May be empty.
  std::function<void(std::size_t server, const ServerObservation&, std::chrono::steady_clock::time_point asked)>
      on_observation;
};

class Monitor {
 public:
  using OnState = std::function<void(const ClusterState&)>;

  // `on_state` may call anything here but must not destroy the monitor. The process must ignore SIGPIPE (TLS writes).
  Monitor(boost::asio::io_context& io, MonitorOptions options, OnState on_state);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void start();
  void stop();
  // Probes this server now instead of at the next interval: the data path saw a reset or a refusal. Bounded: at most
  // one such probe per 50 ms and server; one that comes too early is put off, not dropped.
  void probe_soon(std::size_t server);
  [[nodiscard]] const ClusterState& state() const;

  // While the leader is being changed on purpose, what is seen half-way is not judged: `state()` stays as it is, but
  // for `lead()`, until `resume()`. Then every server is asked anew before it is judged; `judged` is called once that
  // is done.
  void pause();
  void lead(std::size_t server, std::string reason);  // it has been made the leader; `on_state` is called
  void lead_none(std::string reason);                 // it is not certain who leads; `on_state` is called
  void resume(std::function<void()> judged);
  // As lead() and lead_none(), and from now on it is so by a record: nobody else is judged to lead.
  void appoint(std::size_t server, std::string reason);
  void appoint_none(std::string reason);
  // A replica that gets no reads from now on, and why; an empty `why` takes it back.
  void set_aside(std::size_t server, const std::string& why);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::failover
