// Errant transactions: what a replica has that did not come from its leader. Promoted, it would give them to all. Pure.
//
// Flow: `const auto errant = find_errant(input, holdings(input));`, one set for each server; empty: none.
#pragma once

#include <vector>

#include "failover/election.hpp"

namespace sluice::failover {

// What each server has once it has applied what it received. A MariaDB server restored from a backup has what the
// leader has before that, too. Not known: nothing.
[[nodiscard]] std::vector<protocol::GtidSet> holdings(const ElectionInput& input);

// Beyond the leader's last known set a replica may have what the leader wrote after it was read, so the writer decides:
//
//   the leader wrote it                      never errant
//   another server of the cluster wrote it   errant, unless a server has it that does not follow the writer: then it
//                                            came through the leader
//   a server outside of the cluster did      errant if the leader is known to have nothing from there, and no server
//                                            has it that does not follow this one
//
// Without a leader nothing is errant: nobody can tell. Those who follow an errant writer are as errant as it is. If the
// leader's set is final nothing has come through it that it does not have: no witness helps.
[[nodiscard]] std::vector<protocol::GtidSet> find_errant(const ElectionInput& input,
                                                         const std::vector<protocol::GtidSet>& holdings);

}  // namespace sluice::failover
