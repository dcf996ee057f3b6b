// The data plane as the control thread sees it: N workers, each a thread with its own event loop, listeners, sessions
// and pools. Everything here may be called from the control thread only; callbacks come from worker threads.
//
// Flow: `Proxy::create(options, snapshot)` binds and starts; `publish` at every change; `report` for the admin tables;
// `drain` at SIGTERM, then destroy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/auth.hpp"
#include "protocol/result.hpp"
#include "proxy/backend_login.hpp"
#include "proxy/io/endpoint.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/limits.hpp"
#include "proxy/report.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::tls {
class TlsContext;
}

namespace sluice::proxy {

struct ProxyOptions {
  std::vector<io::Endpoint> listen;
  std::uint32_t workers = 0;  // 0: one per core
  io::Backend io = io::Backend::automatic;
  Limits limits;
  std::shared_ptr<const tls::TlsContext> client_tls;   // empty: TLS is not offered to clients
  std::shared_ptr<const tls::TlsContext> backend_tls;  // used unless backend_tls_mode is off
  BackendTls backend_tls_mode = BackendTls::off;
  bool require_tls = false;                        // clients must use TLS (unix sockets excepted)
  std::shared_ptr<const protocol::ServerRsa> rsa;  // empty: no RSA exchange for caching_sha2_password
  protocol::ClientRsa backend_rsa;
  std::string server_version_fallback = "5.7.0-sluice";  // greeting text until a leader was seen
  std::function<void(Event)> on_event;                   // called on worker threads; must be quick and thread-safe
  // A server refused, reset or fell silent: the monitor should look now. Called on worker threads.
  std::function<void(std::uint32_t cluster, std::uint32_t server)> on_suspect;
};

class Proxy {
 public:
  // The error says which step failed: "cannot listen on 127.0.0.1:6033: address already in use".
  static Result<std::unique_ptr<Proxy>, std::string> create(ProxyOptions options, SnapshotPtr snapshot);
  ~Proxy();  // closes everything at once and joins the workers
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Where it listens (ports 0 resolved) and which event loop runs, with the reason.
  [[nodiscard]] const std::vector<io::Endpoint>& listening() const;
  [[nodiscard]] io::Backend backend() const;
  [[nodiscard]] std::string backend_reason() const;
  [[nodiscard]] std::uint32_t workers() const;

  void publish(SnapshotPtr snapshot);

  // Gathers rows from all workers; `done` is called once, on the last worker's thread. Not called after destruction.
  void report(std::function<void(Report)> done);

  // Before a change of leader: opens as many connections to `server` as there are to `like`. `done` is called once, on
  // a worker's thread, when they are open or can't be; never after destruction.
  void warm(std::uint32_t cluster, std::uint32_t like, std::uint32_t server, const std::function<void()>& done);

  // A planned change of leader, in this order: `settle`, `hold`, `publish` the snapshot with the new leader, `release`,
  // `cut`. What the gate lets through and what waits is told in gate.hpp. `done` is called once, on a worker's thread:
  // when it is done, at the end of the budget, or when a later order takes the place of this one; never after
  // destruction.
  using GateDone = std::function<void(bool ok, std::string what)>;

  // What would open a transaction, or anything else that lasts, waits from now on until `release`; single statements
  // go on. ok: none is open on the leader. Else `what` tells what still is after `budget_ms`.
  void settle(std::uint32_t cluster, std::uint32_t budget_ms, GateDone done);
  // Closes the cluster's gate in every worker; it stays closed, come what may, until `release`. ok: nothing is open on
  // the leader. Else `what` tells what still is after `budget_ms`.
  void hold(std::uint32_t cluster, std::uint32_t budget_ms, GateDone done);
  // Sessions lose what ties them to `server`, and writes in flight there are ended: each is told as if the server was
  // lost. Idle connections to it are closed; reads and what is merely kept go on. Not ok: `what` may still run there.
  void cut(std::uint32_t cluster, std::uint32_t server, GateDone done);
  // Opens the gate; `done` when it is open in every worker. Who waited leaves in the turns after that, paced. Nothing
  // if it is open already.
  void release(std::uint32_t cluster, const std::function<void()>& done);

  // KILL: ends the session with this id.
  void kill(std::uint32_t session);

  // Stops accepting, ends sessions as soon as they are between transactions, the rest at limits.drain_max_ms; then
  // calls `done` on a worker thread.
  void drain(std::function<void()> done);

 private:
  class Impl;
  explicit Proxy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::proxy
