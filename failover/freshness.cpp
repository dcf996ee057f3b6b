#include "failover/freshness.hpp"

#include "failover/position.hpp"

namespace sluice::failover {

void Freshness::note_leader(std::size_t server, const std::string& position, std::uint64_t asked_ms) {
  if (leader_ != server) {
    // What was acknowledged by another leader may be missing here: nothing noted before holds any more.
    marks_.clear();
    leader_ = server;
  }
  if (position.empty()) return;
  if (!marks_.empty() && marks_.back().position == position) {
    marks_.back().asked_ms = asked_ms;
    return;
  }
  marks_.push_back({position, asked_ms});
  if (marks_.size() > marks_max) marks_.pop_front();
}

std::optional<std::uint64_t> Freshness::note_replica(const std::string& position) const {
  for (auto mark = marks_.rbegin(); mark != marks_.rend(); ++mark) {
    if (position_contains(position, mark->position)) return mark->asked_ms;
  }
  return std::nullopt;
}

}  // namespace sluice::failover
