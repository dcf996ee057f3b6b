// Pool: what is done beforehand, for those who will come when this server leads.
#include <algorithm>
#include <utility>

#include "proxy/pool.hpp"

namespace sluice::proxy {
namespace {

WarmPattern take_last(std::vector<WarmPattern>& patterns) {
  WarmPattern last = std::move(patterns.back());
  patterns.pop_back();
  return last;
}

}  // namespace

void Pool::warm_like(const Pool& other, std::function<void()> done) {
  on_warm_.push_back(std::move(done));
  WarmPatterns patterns;
  for (const auto& backend : other.all_) patterns[backend->identity()].emplace_back(*backend);
  std::map<IdentityPtr, std::size_t> have;
  for (const auto& backend : all_) ++have[backend->identity()];
  // What is left of `like` is for those that are there.
  for (auto& [identity, like] : patterns) {
    while (like.size() > have[identity] && all_.size() < limit_) {
      for_opened_[identity].push_back(take_last(like));
      open(identity);
    }
  }
  for_idle_ = std::move(patterns);
  warm_idle();
}

// A few at a time: the others answer what comes meanwhile. Those that were warmed, or used, stand behind the others.
void Pool::warm_idle() {
  constexpr std::size_t at_a_time = 4;
  if (std::exchange(warming_idle_, true)) return;  // further up the stack
  const auto cold = [&](const Backend* backend) {
    return !backend->tainted && !for_idle_[backend->identity()].empty();
  };
  while (warming_.size() < at_a_time) {
    const auto it = std::find_if(idle_.begin(), idle_.end(), cold);
    if (it == idle_.end()) break;
    Backend& backend = **it;
    idle_.erase(it);
    warm(backend, take_last(for_idle_[backend.identity()]));
  }
  warming_idle_ = false;
  tell_warm();
}

bool Pool::warm_opened(Backend& backend) {
  auto& like = for_opened_[backend.identity()];
  if (like.empty()) return false;
  warm(backend, take_last(like));
  return true;
}

void Pool::warm(Backend& backend, WarmPattern pattern) {
  warming_.emplace_back(backend, std::move(pattern), static_cast<WarmingOwner&>(*this));
  warming_.back().start();
}

void Pool::on_warm(Warming& warming, bool usable) {
  Backend& backend = warming.backend();
  warming_.remove_if([&](const Warming& one) { return &one == &warming; });
  const bool ours = std::any_of(all_.begin(), all_.end(), [&](const auto& one) { return one.get() == &backend; });
  if (ours) usable ? release(backend) : replace(backend);
  warm_idle();
}

// By one that is only logged on: that, too, is something that nobody has to wait for later.
void Pool::replace(Backend& backend) {
  const IdentityPtr identity = backend.identity();
  discard(backend);
  if (all_.size() < limit_) open(identity);
}

void Pool::tell_warm() {
  if (connecting_ > 0 || !warming_.empty() || warming_idle_) return;
  for_opened_.clear();
  for_idle_.clear();
  for (const auto& done : std::exchange(on_warm_, {})) done();
}

}  // namespace sluice::proxy
