#include "failover/errant.hpp"

#include <cstddef>

namespace sluice::failover {
namespace {

using protocol::GtidSet;

// Which servers get from `origin` without getting it through the leader.
std::vector<bool> followers_of(std::size_t origin, const ElectionInput& input) {
  std::vector<bool> follows(input.servers.size(), false);
  follows[origin] = true;
  for (bool spread = true; spread;) {
    spread = false;
    for (std::size_t i = 0; i < input.servers.size(); ++i) {
      if (follows[i] || i == input.leader) continue;
      for (const auto source : input.servers[i].sources) follows[i] = follows[i] || follows[source];
      spread = spread || follows[i];
    }
  }
  return follows;
}

class ErrantSearch {
 public:
  ErrantSearch(const ElectionInput& input, const std::vector<GtidSet>& holdings) : input_(input), holdings_(holdings) {
    for (std::size_t i = 0; i < input.servers.size(); ++i) followers_.push_back(followers_of(i, input));
  }

  [[nodiscard]] GtidSet of(std::size_t i) const {
    GtidSet rest = holdings_[i];
    GtidSet errant;
    rest = rest.minus(holdings_[*input_.leader]);
    rest = rest.minus(written_by(*input_.leader, rest));
    for (std::size_t writer = 0; writer < input_.servers.size(); ++writer) {
      const GtidSet own = written_by(writer, rest);
      rest = rest.minus(own);
      if (!own.empty()) errant = errant.plus(without_witness(own, writer));
    }
    if (input_.servers[*input_.leader].executed) {
      const GtidSet strange = rest.minus(rest.of_sources_in(holdings_[*input_.leader]));
      if (!strange.empty()) errant = errant.plus(without_witness(strange, i));
    }
    return errant;
  }

 private:
  [[nodiscard]] GtidSet written_by(std::size_t writer, const GtidSet& set) const {
    return set.written_by(input_.servers[writer].server_id, input_.servers[writer].server_uuid);
  }

  // The part of `set` that nobody has but `origin` and its followers.
  [[nodiscard]] GtidSet without_witness(GtidSet set, std::size_t origin) const {
    if (input_.leader_set_final) return set;
    for (std::size_t i = 0; i < input_.servers.size(); ++i) {
      if (!followers_[origin][i]) set = set.minus(holdings_[i]);
    }
    return set;
  }

  const ElectionInput& input_;
  const std::vector<GtidSet>& holdings_;
  std::vector<std::vector<bool>> followers_;  // of each server
};

}  // namespace

std::vector<GtidSet> holdings(const ElectionInput& input) {
  std::vector<GtidSet> all;
  all.reserve(input.servers.size());
  for (const auto& server : input.servers) {
    all.push_back(server.executed ? server.executed->plus(server.received.value_or(GtidSet())) : GtidSet());
  }
  if (!input.leader) return all;
  const GtidSet log = all[*input.leader];
  for (auto& set : all) set = set.with_history(log);
  return all;
}

std::vector<GtidSet> find_errant(const ElectionInput& input, const std::vector<GtidSet>& holdings) {
  const ErrantSearch search(input, holdings);
  std::vector<GtidSet> errant(input.servers.size());
  for (std::size_t i = 0; i < input.servers.size(); ++i) {
    if (input.leader && i != input.leader) errant[i] = search.of(i);
  }
  return errant;
}

}  // namespace sluice::failover
