// Worker: who gives way when its network memory is short.
//
// Results queued for clients that don't take them are bounded for each client (limits.client_queue_max), but a thousand
// such clients (a frozen host is enough) hold all of limits.worker_memory_max; then nobody could be read from any more.
#include <algorithm>

#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

constexpr std::uint32_t look_again_ms = 100;
constexpr std::uint64_t stalled_ms = 1'000;  // whoever took most of its queue since is only slow

}  // namespace

// From three quarters on: the last one is for those who are served while the others are found and ended.
bool Worker::memory_short() const { return loop_->memory_held() > limits().worker_memory_max / 4 * 3; }

void Worker::relieve_memory() {
  if (memory_short() && !relief_.valid()) relief_ = loop_->start_timer(look_again_ms, *this);
}

void Worker::shed_stalled_clients() {
  if (!memory_short()) return;
  struct Stalled {
    std::uint64_t since_ms;
    std::uint32_t id;
  };
  std::vector<Stalled> stalled;
  for (const auto& [id, session] : sessions_) {
    const auto since = session->stalled_since_ms();
    if (since && *since + stalled_ms <= loop_->now_ms()) stalled.push_back({*since, id});
  }
  std::sort(stalled.begin(), stalled.end(), [](const auto& a, const auto& b) { return a.since_ms < b.since_ms; });
  // What the kernel is sending is released later: what was queued counts as free.
  const std::size_t target = limits().worker_memory_max / 2;
  std::size_t held = loop_->memory_held();
  for (const Stalled& one : stalled) {
    if (held <= target) return;
    Session* session = find(one.id);
    if (session == nullptr) continue;
    held -= std::min(held, session->queued_bytes());
    ++counters_.clients_shed;
    session->shed(loop_->now_ms() - one.since_ms);
  }
}

}  // namespace sluice::proxy
