// Ends what a server still runs for a client that is gone. Closing the connection is not enough: a server that waits
// for a lock, sleeps or computes does not look at its socket, and keeps the transaction and its locks until it is done.
// Any account may end its own connections, so the KILL goes over another connection of the same user.
// Source: MariaDB knowledge base, "KILL [CONNECTION | QUERY]"; MySQL manual, "KILL Statement".
//
// Flow: `start()`; it stands first in the pool's line, says KILL, gives its connection back and calls `over`. It ends
// by itself after `deadline_ms`, whatever happens.
#pragma once

#include <cstdint>
#include <functional>

#include "proxy/backend_errand.hpp"
#include "proxy/pool.hpp"

namespace sluice::proxy {

class ServerKill final : private PoolWaiter, private BackendErrand, private io::TimerHandler {
 public:
  enum class What : std::uint8_t { connection, query };

  // `over` is called once, and may not destroy this before the turn ends.
  ServerKill(io::Loop& loop, Pool& pool, const Backend& victim, What what, std::function<void(ServerKill&)> over);
  ~ServerKill();
  ServerKill(const ServerKill&) = delete;
  ServerKill& operator=(const ServerKill&) = delete;

  void start(std::uint32_t deadline_ms);
  [[nodiscard]] const Pool& pool() const { return pool_; }

 private:
  void on_backend_granted(Backend& backend) override;
  void on_backend_denied(std::uint16_t /*code*/, std::string_view /*sqlstate*/, std::string_view /*text*/) override;
  void on_wanted_back() override {}

  void on_prepared(Backend& backend) override;
  void on_prepare_refused(Backend& backend, const protocol::ErrPacket& error) override;
  void on_backend_lost(Backend& /*backend*/, std::string_view /*why*/) override;

  void on_timer(io::TimerId timer) override;
  void finish();

  io::Loop& loop_;
  Pool& pool_;
  std::string statement_;
  CarriedState state_;
  std::function<void(ServerKill&)> over_;
  Backend* backend_ = nullptr;
  io::TimerId deadline_;
};

}  // namespace sluice::proxy
