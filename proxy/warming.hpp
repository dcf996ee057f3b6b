// Brings a fresh connection to where another one of a pool is: session state, and the statements prepared on it. For
// the server that is about to lead, before anybody waits: what clients would have to wait for later is done by then.
//
// Flow: `Warming(backend, WarmPattern(like), owner)`, `start()`; the owner hears `on_warm` once, perhaps at once,
// unless the backend is lost first, which its pool hears. A statement that can't be prepared is left out.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/backend_errand.hpp"

namespace sluice::proxy {

struct WarmPattern {
  explicit WarmPattern(const Backend& like) : state(like.state), statements(like.statements.texts()) {}

  CarriedState state;
  std::vector<StatementTextPtr> statements;
};

using WarmPatterns = std::map<IdentityPtr, std::vector<WarmPattern>>;

class Warming;

class WarmingOwner {
 public:
  // `usable`: the backend may be given to sessions; else nobody knows what state it is in. It has no user any more, and
  // the Warming may be destroyed.
  virtual void on_warm(Warming& warming, bool usable) = 0;

 protected:
  ~WarmingOwner() = default;
};

class Warming final : private BackendErrand {
 public:
  Warming(Backend& backend, WarmPattern pattern, WarmingOwner& owner)
      : backend_(backend), pattern_(std::move(pattern)), owner_(owner) {}
  Warming(const Warming&) = delete;
  Warming& operator=(const Warming&) = delete;
  ~Warming() = default;

  void start();
  [[nodiscard]] Backend& backend() { return backend_; }

 private:
  void next();
  [[nodiscard]] bool prepare(const StatementTextPtr& text);
  void end(bool usable);

  void on_prepared(Backend& backend) override;
  void on_prepare_refused(Backend& backend, const protocol::ErrPacket& error) override;
  void on_backend_lost(Backend& backend, std::string_view why) override;

  Backend& backend_;
  WarmPattern pattern_;
  WarmingOwner& owner_;
  std::size_t next_ = 0;  // of the pattern's statements
};

}  // namespace sluice::proxy
