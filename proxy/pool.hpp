// The connections of one worker to one server for one user: idle ones, busy ones, and the sessions that wait for one.
//
// Flow: a session calls `acquire`; it gets a backend at once, or waits in line until `on_backend_granted` (or
// `on_backend_denied`). `release` gives it back; `keep` lets the session have it until somebody else needs it. A
// connection is only given to a session whose identity it has and whose state it can be brought to; if there is none
// and the limit is reached, the oldest idle one makes room.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/backend.hpp"
#include "proxy/warming.hpp"

namespace sluice::proxy {

// A session that wants a connection. Its fields may not change while it waits.
class PoolWaiter {
 public:
  virtual void on_backend_granted(Backend& backend) = 0;
  // code 0: the server could not be reached (the text says why); else the server's own answer to logging on.
  virtual void on_backend_denied(std::uint16_t code, std::string_view sqlstate, std::string_view text) = 0;
  // Others need the connection that it keeps (`Pool::keep`): it must release it soon.
  virtual void on_wanted_back() = 0;

  IdentityPtr wanted_identity;
  const CarriedState* wanted_state = nullptr;
  std::uint64_t logged_on_at = 0;  // as PoolHost::global_changes() counts: no older connection will do
  std::uint32_t session = 0;
  // Only this connection will do, and only if nobody had it since (diagnostics of the last statement). May dangle: it
  // is compared, never followed.
  const Backend* only = nullptr;
  bool urgent = false;  // stands before all who are not, and may be one over the limit

  // The pool's own: where it stands in line, or among those that keep a connection. Never both.
  std::list<PoolWaiter*>::iterator place;
  bool in_line = false;
  bool kept = false;
  std::uint64_t kept_since_ms = 0;
  std::uint32_t passed_by = 0;  // others who were given connections that it can't use while it stood first

 protected:
  ~PoolWaiter() = default;
};

class PoolHost {
 public:
  [[nodiscard]] virtual io::Loop& loop() = 0;
  virtual void bury(std::unique_ptr<Backend> backend) = 0;  // destroys it when no call is on its way any more
  virtual void on_pool_trouble(std::uint32_t cluster, std::uint32_t server, std::string_view kind,
                               std::string_view text, bool suspect) = 0;
  virtual void count_opened() = 0;
  // Counts up with each change of a server's global settings that is known to us.
  [[nodiscard]] virtual std::uint64_t global_changes() const = 0;

 protected:
  ~PoolHost() = default;
};

struct PoolKey {
  std::uint32_t cluster = 0;
  std::uint32_t server = 0;
  std::string user;
  auto operator<=>(const PoolKey&) const = default;
};

class Pool final : private BackendOwner, private WarmingOwner, private io::TimerHandler {
 public:
  // `age_max_ms`: older ones are not used again; 0: they are.
  Pool(PoolHost& host, PoolKey key, BackendOptions options, std::uint32_t limit, std::uint32_t idle_max_ms,
       std::uint32_t age_max_ms);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A connection at once, or nullptr: the waiter stands in line. With `only`, nullptr means that it isn't to be had,
  // and the waiter does not stand in line.
  [[nodiscard]] Backend* acquire(PoolWaiter& waiter);
  void cancel(PoolWaiter& waiter);
  // The waiter keeps the connection that it was given, though it has no need of it now, until `on_wanted_back`: when
  // others wait, or after the time that idle ones are kept. False: others wait already.
  [[nodiscard]] bool keep(PoolWaiter& waiter);
  void unkeep(PoolWaiter& waiter);
  // Gives it back for others. One that is tainted is closed.
  void release(Backend& backend);
  // Closes it and lets it go; somebody else may get a new one in its place.
  void discard(Backend& backend);

  void close_idle();
  // The connection that is this thread of the server is given to nobody any more, and closed by whoever has it;
  // nullptr: there is none.
  const Backend* withdraw(std::uint64_t thread_id);

  // Opens connections, until there are as many of each identity as `other` has, or as the limit allows, and brings
  // these and the idle ones to where those of `other` are (proxy/warming.hpp). `done`, perhaps at once: none is on its
  // way any more.
  void warm_like(const Pool& other, std::function<void()> done);

  void set_endpoint(const io::Endpoint& endpoint);

  [[nodiscard]] const PoolKey& key() const { return key_; }
  // What its server gives a logon with that collation; nullptr: not known yet, or not any more.
  [[nodiscard]] LogonStatePtr logon(std::uint8_t collation) const {
    return logons_at_ == host_.global_changes() ? logons_.find(collation) : nullptr;
  }
  [[nodiscard]] std::uint32_t connecting() const { return connecting_; }
  [[nodiscard]] std::uint32_t idle() const { return static_cast<std::uint32_t>(idle_.size()); }
  [[nodiscard]] std::uint32_t kept() const { return static_cast<std::uint32_t>(kept_.size()); }
  [[nodiscard]] std::uint32_t total() const { return static_cast<std::uint32_t>(all_.size()); }
  [[nodiscard]] std::uint32_t waiting() const { return static_cast<std::uint32_t>(waiters_.size()); }
  [[nodiscard]] std::uint32_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t statements() const { return statements_; }

 private:
  void on_backend_ready(Backend& backend) override;
  void on_backend_failed(Backend& backend, std::uint16_t code, std::string_view sqlstate,
                         std::string_view text) override;
  void on_backend_lost(Backend& backend, std::string_view why, bool in_use) override;
  [[nodiscard]] const SetNames& set_names() const override { return set_names_; }
  void on_logon(const Backend& backend, LogonStatePtr logon) override;
  void on_timer(io::TimerId timer) override;
  void on_warm(Warming& warming, bool usable) override;

  [[nodiscard]] bool too_old(const Backend& backend) const;
  [[nodiscard]] Backend* pick(const PoolWaiter& waiter);
  [[nodiscard]] Backend* pick_only(const PoolWaiter& waiter);
  Backend* take_idle(std::size_t index);
  void serve();  // hands idle connections to whoever waits
  [[nodiscard]] bool made_way(PoolWaiter& first);
  void open_for_waiters();
  void note_settings(const Backend& backend);
  void warm_idle();
  [[nodiscard]] bool warm_opened(Backend& backend);
  void warm(Backend& backend, WarmPattern pattern);
  void replace(Backend& backend);
  void tell_warm();
  void call_back_oldest();
  void make_room();
  void start_idle_timer();
  void open(const IdentityPtr& identity);
  void remove(Backend& backend);
  void deny_all(std::uint16_t code, const std::string& sqlstate, const std::string& text, const IdentityPtr& identity);

  PoolHost& host_;
  PoolKey key_;
  BackendOptions options_;
  LogonStates logons_;
  SetNames set_names_;
  std::uint64_t logons_at_ = 0;  // as PoolHost::global_changes() counts
  std::uint32_t limit_;
  std::uint32_t idle_max_ms_;
  std::uint32_t age_max_ms_;
  std::vector<std::unique_ptr<Backend>> all_;
  std::vector<Backend*> idle_;  // the most recently used last
  std::list<PoolWaiter*> waiters_;
  std::list<PoolWaiter*> kept_;  // who keeps a connection without need, the longest first
  std::uint32_t connecting_ = 0;
  WarmPatterns for_opened_;  // those that are on their way
  WarmPatterns for_idle_;
  std::list<Warming> warming_;
  bool warming_idle_ = false;
  std::vector<std::function<void()>> on_warm_;
  bool serving_ = false;  // `serve` is running further up the stack
  std::uint64_t statements_ = 0;
  io::TimerId idle_timer_;
};

}  // namespace sluice::proxy
