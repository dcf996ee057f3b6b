// How far each replica is known to be, as a moment: "every write that the leader acknowledged before this moment is on
// the replica". A session that wrote earlier may read there. It needs no GTID per write, so it serves servers and
// clients that can't track them. Pure.
//
// Flow: `note(server, is_leader, position, asked_ms)` for each probe; the result is the replica's new moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace sluice::failover {

class Freshness {
 public:
  // `asked_ms`: when the question was sent (steady clock): the leader's answer has every write acknowledged before it.
  void note_leader(std::size_t server, const std::string& position, std::uint64_t asked_ms);
  // The moment up to which the replica has everything; nullopt: nothing new is known.
  [[nodiscard]] std::optional<std::uint64_t> note_replica(const std::string& position) const;

 private:
  struct Mark {
    std::string position;
    std::uint64_t asked_ms = 0;  // the last time that the leader was at this position
  };
  static constexpr std::size_t marks_max = 64;  // at two probes a second, half a minute of lag can still be told

  std::deque<Mark> marks_;  // oldest first
  std::optional<std::size_t> leader_;
};

}  // namespace sluice::failover
