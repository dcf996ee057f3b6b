// Lines of text for what is known when a leader is elected, and for what came of it: the notation of
// testdata/election.txt.
//
// Flow: `parse_election({"lost A loss=any", "A 0-1-100", "B 0-1-99"})`; `describe(input, elect(input))`.
//
// The first line: `lost A` or `planned A`, the leader (`?`: nobody knows); `final`, `acks=N`, `unseen=N`, `wanted=B`,
// `loss=none|any|N`. Then a line for each server: its name, what it has executed (`?` not known, `none`), and
//   relay=SET  what it has received (without: what it has executed; `relay=?`: not known)
//   <B         a source; `<-`: none; without: the leader
//   v=5.6      its version (without: 10.11; MySQL's sets: 5.6)
//   id=N       its server id (without: A is 1, B is 2, …)
//   down io sql stopped nolog noupdates full semi restarted out ignored maintenance delay=S filters=TEXT pref=N mysql
// `io`, `sql`: this thread is not running; `stopped`: neither, and not since before the leader was lost. In MySQL's
// sets a UUID is one letter: `a:1-5` was written by A.
#pragma once

#include <string>
#include <vector>

#include "failover/election.hpp"

namespace sluice::failover::testing {

// UUIDs of one letter written out, and the other way round.
[[nodiscard]] std::string spelled(const std::string& text);
[[nodiscard]] std::string shortened(std::string text);

[[nodiscard]] ElectionInput parse_election(const std::vector<std::string>& lines);
[[nodiscard]] std::string describe(const ElectionInput& input, const Election& election);

}  // namespace sluice::failover::testing
