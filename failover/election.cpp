#include "failover/election.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>

#include "failover/eligibility.hpp"
#include "failover/errant.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;

// What it would mean if this server took over.
struct Candidate {
  std::size_t server = 0;
  std::optional<std::size_t> source;  // it catches up from this one
  std::uint64_t to_catch_up = 0;      // from the source; planned: from the leader
  std::uint64_t to_apply = 0;         // of what it has received
  GtidSet in_the_end;
  GtidSet missing;  // what has to be there and is not, in the end
};

// Why nothing acknowledged is lost if all of `must_have` is there in the end. No words: more may be lost, whatever is.
struct Ground {
  std::string words;
  GtidSet must_have;
};

// How many transactions lead from one set to another on the same log. By domain: those of a writer that is new to
// `from` do not begin at the first number.
std::uint64_t distance(const GtidSet& from, const GtidSet& to) {
  return to.by_domain().minus(from.by_domain()).count();
}

class Electing {
 public:
  explicit Electing(const ElectionInput& input)
      : input_(input),
        servers_(input.servers),
        holdings_(holdings(input)),
        errant_(find_errant(input, holdings_)),
        eligibility_(input, holdings_, errant_) {
    for (std::size_t i = 0; i < servers_.size(); ++i) sound_.push_back(holdings_[i].minus(errant_[i]));
    ground_ = ground();
  }

  Election run() {
    Election election;
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const auto& bar = eligibility_.what_bars(i);
      election.servers.push_back({bar.empty(), bar});
      if (!bar.empty()) continue;
      candidates.push_back(candidate(i));
      election.servers[i].reason = describe(candidates.back());
    }
    if (auto why = what_forbids(); !why.empty()) {
      election.reason = "no winner: " + why;
    } else if (const auto best = choose(candidates); !best) {
      election.reason = "no winner: " + why_none(election);
    } else {
      decide(*best, candidates.size(), election);
    }
    return election;
  }

 private:
  [[nodiscard]] const std::string& name(std::size_t i) const { return servers_[i].name; }
  [[nodiscard]] bool leader_set_known() const { return input_.leader && servers_[*input_.leader].executed; }
  [[nodiscard]] const GtidSet& leader_set() const { return holdings_[*input_.leader]; }

  [[nodiscard]] std::string what_forbids() const {
    if (!input_.leader) return "nobody knows who led, so what is errant and what is lost can't be told";
    if (!input_.planned) return {};
    if (!servers_[*input_.leader].reachable) return "the leader " + name(*input_.leader) + " does not answer";
    if (!leader_set_known()) return "the leader " + name(*input_.leader) + " does not tell which GTIDs it has";
    return {};
  }

  // Everything that the servers have which can be asked (`answering`), or all that ever told what they have.
  [[nodiscard]] GtidSet held(bool answering) const {
    GtidSet all;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (i == input_.leader ? !answering : servers_[i].reachable || !answering) all = all.plus(sound_[i]);
    }
    return all;
  }

  [[nodiscard]] Ground ground() const {
    if (input_.planned) return {"the leader stays until all that it has is there", {}};
    std::uint32_t acknowledging = 0;
    std::uint32_t unseen = 0;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!servers_[i].semi_sync || i == input_.leader) continue;
      ++acknowledging;
      const bool told = servers_[i].reachable && servers_[i].executed && servers_[i].received;
      if (!told || servers_[i].restarted) ++unseen;
    }
    if (input_.leader_acks > 0 && acknowledging >= input_.leader_acks && unseen < input_.leader_acks)
      return {"each transaction was acknowledged by " + std::to_string(input_.leader_acks) + " of " +
                  std::to_string(acknowledging) + " semi-synchronous replicas, and " +
                  (unseen == 0 ? "all of them answer"
                               : "all but " + std::to_string(unseen) + " of them answer and were not restarted"),
              held(true).plus(input_.leader_acks_from)};
    if (input_.leader_set_final && leader_set_known())
      return {"all that " + name(*input_.leader) + " has is known", held(false)};
    return {{}, held(false)};
  }

  [[nodiscard]] Candidate candidate(std::size_t i) const {
    Candidate result;
    result.server = i;
    result.to_apply = distance(*servers_[i].executed, holdings_[i]);
    if (input_.planned) {
      if (leader_set_known()) result.to_catch_up = distance(sound_[i], leader_set());
      return result;
    }
    result.source = source_for(i);
    result.in_the_end = sound_[result.source.value_or(i)];
    result.to_catch_up = distance(sound_[i], result.in_the_end);
    result.missing = ground_.must_have.minus(result.in_the_end);
    return result;
  }

  // Of those which have all that server i has, and more: the one with which least is missing in the end.
  [[nodiscard]] std::optional<std::size_t> source_for(std::size_t i) const {
    std::optional<std::size_t> best;
    auto least = ground_.must_have.minus(sound_[i]).count();
    for (std::size_t other = 0; other < servers_.size(); ++other) {
      if (other == i || !eligibility_.what_bars_as_source(other).empty()) continue;
      if (release_of(servers_[other]) > release_of(servers_[i])) continue;
      const auto missing = ground_.must_have.minus(sound_[other]).count();
      if (missing >= least || !sound_[other].contains(sound_[i])) continue;
      least = missing;
      best = other;
    }
    return best;
  }

  [[nodiscard]] std::string describe(const Candidate& candidate) const {
    std::string text = "can lead";
    if (candidate.to_apply > 0) text += "; has " + transactions(candidate.to_apply) + " to apply from its relay log";
    const auto source = input_.planned ? input_.leader : candidate.source;
    if (candidate.to_catch_up > 0) text += "; is " + transactions(candidate.to_catch_up) + " behind " + name(*source);
    if (!candidate.missing.empty()) text += "; would never get " + shown(candidate.missing);
    return text;
  }

  [[nodiscard]] const Candidate* choose(const std::vector<Candidate>& candidates) const {
    const auto rank = [&](const Candidate& c) {
      return std::make_tuple(c.missing.count(), -std::int64_t{servers_[c.server].preference}, c.to_catch_up,
                             c.to_apply);
    };
    const Candidate* best = nullptr;
    for (const auto& candidate : candidates) {
      if (input_.wanted && candidate.server != *input_.wanted) continue;
      if (best == nullptr || rank(candidate) < rank(*best)) best = &candidate;
    }
    return best;
  }

  [[nodiscard]] std::string why_none(const Election& election) const {
    if (input_.wanted) return name(*input_.wanted) + " " + election.servers[*input_.wanted].reason;
    std::string text = "no server can take over";
    for (std::size_t i = 0; i < servers_.size(); ++i)
      text += (i == 0 ? ": " : "; ") + name(i) + " " + election.servers[i].reason;
    return text;
  }

  void decide(const Candidate& best, std::size_t candidates, Election& election) const {
    election.proven = !ground_.words.empty() && best.missing.empty();
    if (!election.proven) election.may_lose = may_lose(best);
    if (auto why = election.proven ? std::string() : what_policy_forbids(best); !why.empty()) {
      election.reason = "no winner: " + name(best.server) + " would be the best, but " + why;
      return;
    }
    election.winner = best.server;
    election.most_advanced = best.source;
    election.reason = name(best.server) + " takes over: " + why_this(candidates);
    if (best.source) election.reason += ", after it has caught up from " + name(*best.source);
    election.reason += election.proven ? "; nothing acknowledged is lost: " + ground_.words + unacknowledged(best)
                                       : "; something may be lost, as the loss policy allows";
  }

  [[nodiscard]] std::string why_this(std::size_t candidates) const {
    if (input_.wanted) return "the operator wants it";
    if (candidates == 1) return "it is the only one that can";
    return "the best of " + std::to_string(candidates) + " that can";
  }

  // What the leader has beyond all acknowledgements: it comes to light again when the leader does.
  [[nodiscard]] std::string unacknowledged(const Candidate& best) const {
    if (input_.planned || !leader_set_known()) return {};
    const GtidSet rest = leader_set().minus(best.in_the_end);
    return rest.empty() ? std::string() : "; " + name(*input_.leader) + " has what nobody acknowledged: " + shown(rest);
  }

  // How many the leader may have committed after it was read which are not there in the end; nullopt: can't be told.
  [[nodiscard]] std::optional<std::uint64_t> unseen(const Candidate& best) const {
    if (!ground_.words.empty()) return 0;
    if (!leader_set_known() || !input_.leader_unseen) return std::nullopt;
    const auto beyond = distance(leader_set(), best.in_the_end);
    return *input_.leader_unseen - std::min(*input_.leader_unseen, beyond);
  }

  [[nodiscard]] std::string may_lose(const Candidate& best) const {
    std::string text = best.missing.to_string();
    if (!best.missing.empty()) {
      const auto least = distance(best.in_the_end, best.in_the_end.plus(best.missing));
      const auto most = best.missing.count();
      text += " (" + (least == most ? "" : std::to_string(least) + " to ") + transactions(most) + ")";
    }
    if (!ground_.words.empty()) return text;
    const auto more = unseen(best);
    const std::string leader = input_.leader ? name(*input_.leader) : "the leader";
    if (!text.empty()) text += ", and ";
    if (!leader_set_known()) return text + "whatever only " + leader + " had";
    text += "what only " + leader + " had beyond " + shown(best.in_the_end.plus(best.missing).plus(leader_set()));
    return text + (more ? ", about " + transactions(*more) : ", of unknown extent");
  }

  [[nodiscard]] std::string what_policy_forbids(const Candidate& best) const {
    if (input_.loss == Loss::any) return {};
    const std::string loss = ground_.words.empty() ? "it is not proven that nothing is lost" : "something is lost";
    if (input_.loss == Loss::none) return loss + ", and the loss policy is none";
    const auto more = unseen(best);
    if (!more) return loss + ", and how much can't be told: the loss policy allows " + transactions(input_.loss_max);
    const auto missing = best.missing.count();
    if (missing <= input_.loss_max && *more <= input_.loss_max - missing) return {};
    return loss + ", and it may be more than the " + transactions(input_.loss_max) + " that the loss policy allows";
  }

  const ElectionInput& input_;
  const std::vector<ElectionServer>& servers_;
  const std::vector<GtidSet> holdings_;
  const std::vector<GtidSet> errant_;
  std::vector<GtidSet> sound_;  // without errant transactions
  const Eligibility eligibility_;
  Ground ground_;
};

}  // namespace

Election elect(const ElectionInput& input) {
  assert(!input.leader || *input.leader < input.servers.size());
  assert(!input.wanted || *input.wanted < input.servers.size());
  assert(std::all_of(input.servers.begin(), input.servers.end(), [&](const ElectionServer& server) {
    const auto is_server = [&](std::size_t source) { return source < input.servers.size(); };
    return std::all_of(server.sources.begin(), server.sources.end(), is_server);
  }));
  return Electing(input).run();
}

}  // namespace sluice::failover
