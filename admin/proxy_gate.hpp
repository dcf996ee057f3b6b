// The gate that a change of leader closes and opens, carried out by the proxy and by what the control thread publishes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "failover/workflows/gate.hpp"
#include "proxy/proxy.hpp"

namespace sluice::admin {

class ProxyGate final : public failover::Gate {
 public:
  // Makes `server` the one that is routed to, under `epoch`, before the gate opens.
  using Publish = std::function<void(std::size_t server, std::uint64_t epoch)>;

  // All must outlive it, and `proxy` must be gone before `io`.
  ProxyGate(boost::asio::io_context& io, proxy::Proxy& proxy, std::uint32_t cluster, Publish publish)
      : io_(io), proxy_(proxy), cluster_(cluster), publish_(std::move(publish)) {}

  void hold(std::size_t server, bool settle, std::chrono::milliseconds budget, Done done) override;
  void cut(std::size_t server, std::chrono::milliseconds budget, Done done) override;
  void release(std::size_t server, std::uint64_t epoch, std::chrono::milliseconds budget, Done done) override;
  // Before a change: as many connections to `server` as there are to `like`.
  void warm(std::size_t like, std::size_t server, std::chrono::milliseconds budget, Done done);
  // Without a new leader: what waits goes on waiting, for one.
  void open();

 private:
  [[nodiscard]] proxy::Proxy::GateDone answer(Done done);

  boost::asio::io_context& io_;
  proxy::Proxy& proxy_;
  std::uint32_t cluster_;
  Publish publish_;
  std::uint64_t order_ = 0;  // counts orders: the second half of a hold is not for a gate that was opened meanwhile
};

}  // namespace sluice::admin
