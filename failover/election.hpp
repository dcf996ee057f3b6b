// Which replica takes over from a leader, and whether anything is lost by it. Pure; both GTID kinds.
//
// Flow: the caller stops the replicas' IO threads (unplanned), fills an `ElectionInput` and calls `elect()`. If
// `most_advanced` is set, the winner first catches up from it; then the winner is promoted. Without a winner nothing
// is promoted, and `reason` says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/topology.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {

// What is known of one server. Of one that does not answer: what its last answer said.
struct ElectionServer {
  std::string name;
  bool reachable = false;
  Flavour flavour = Flavour::unknown;
  std::uint32_t version = 0;  // 101119 for 10.11.19, see ServerKind
  std::uint32_t server_id = 0;
  std::string server_uuid;  // MySQL
  // MariaDB: gtid_binlog_state and gtid_slave_pos, a comma between; MySQL: gtid_executed. nullopt: not known.
  std::optional<protocol::GtidSet> executed;
  // What its relay log has, executed or not (MariaDB: Gtid_IO_Pos; MySQL: Retrieved_Gtid_Set). nullopt: not known.
  std::optional<protocol::GtidSet> received;
  bool binary_log = false;
  bool logs_replicated = false;  // log_slave_updates: others can fetch from it what it has replicated
  std::uint32_t delay_s = 0;     // configured delay
  std::string filters;           // every replication and binary log filter as text; must equal the leader's
  bool io_running = false;
  bool sql_running = false;
  bool stopped_before_loss = false;  // one of the two did not run while the leader still lived
  std::vector<std::size_t> sources;  // servers of this cluster that its channels name, whether they run or not
  // May have acknowledged transactions of the leader, at any time up to its loss: it is switched on, whether the server
  // was seen to replicate or not. In doubt, yes: one too many only makes it harder to prove that nothing is lost.
  bool semi_sync = false;
  // It, or its replication, was started anew since: a relay log that was not applied may be gone, and with it what it
  // had acknowledged (MariaDB deletes it when replication by GTID starts; relay_log_recovery does).
  bool restarted = false;
  std::uint64_t instance = 0;  // another one whenever it was started; 0: not known
  bool ignored = false;        // never to lead, says the configuration
  bool maintenance = false;
  bool disk_full = false;
  int preference = 0;  // higher goes first
  // In words that follow its name; empty: it is one of the cluster's, and may lead.
  std::string left_out;  // why nobody takes anything from it
  std::string barred;    // why it is not to lead, although the others may catch up from it
};

enum class Loss : std::uint8_t { none, bounded, any };

struct ElectionInput {
  std::vector<ElectionServer> servers;
  std::optional<std::size_t> leader;  // who led last; nullopt: nobody knows, and then there is no winner
  bool planned = false;               // the leader lives, and stays until the winner has everything
  // Unplanned only. The set of `servers[leader]` is all that it will ever have: frozen, or read after its end.
  bool leader_set_final = false;
  // Unplanned only: how many replicas had acknowledged each transaction before its client was told. 0: not known, not
  // asked for, or the leader may have stopped waiting for them before its end.
  std::uint32_t leader_acks = 0;
  // With leader_acks: what it had when that began. It may have been acknowledged without them, or to another leader.
  protocol::GtidSet leader_acks_from;
  // Unplanned only: how many transactions it may have committed after its set was read, by its rate until then.
  std::optional<std::uint64_t> leader_unseen;
  std::optional<std::size_t> wanted;  // by the operator: this one or none
  Loss loss = Loss::none;
  std::uint64_t loss_max = 0;  // transactions, for Loss::bounded
};

struct ElectionVerdict {
  bool eligible = false;
  std::string reason;  // always filled
};

struct Election {
  std::optional<std::size_t> winner;
  // Has all that the winner has, and more: when it has applied what it received, the winner catches up from it.
  std::optional<std::size_t> most_advanced;
  std::vector<ElectionVerdict> servers;  // as in the input
  bool proven = false;                   // nothing that was acknowledged is lost, given what is known
  std::string may_lose;                  // empty if proven; what promoting the winner (or the best) may lose
  std::string reason;
};

// The rules. A server is eligible unless one of these holds, the first of them being its reason:
//
//   the leader itself, ignored, in maintenance          a returning leader is rejoined, not elected
//   left out, barred                                    it strayed, or failed at what it was asked to do
//   does not answer; another flavour than the leader's  or a flavour, version, id or GTID set that is not known
//   the server id of another                            who wrote its transactions can't be told
//   not a replica in this cluster
//   no binary log, or not of what it replicates         nobody could follow it, or not from where they are
//   filters that differ from the leader's               it lacks rows that its GTIDs claim
//   disk full
//   errant transactions                                 errant.hpp: promoted, they would be everywhere
//   nothing executed where others have something        GTIDs are off, or it was never filled
//   it can't apply what it has received                 SQL thread stopped, relay log not applied
//   delayed on purpose
//   a lower release than the leader                     it may not know all that the leader wrote
//   unplanned: replication stopped while it lived       nobody looked after it; it lacks an unknown part
//   planned: replication does not run, or not from it   the rest never arrives
//   a newer release than another eligible server        that one could not follow it: sources must not be newer than
//                                                       their replicas (reference manual, "Replication Compatibility
//                                                       Between MySQL Versions"; MariaDB likewise)
//
// Each server counts with what it executed and received, all domains and UUIDs, without errant transactions. Of the
// eligible servers, the operator's wanted one; else, first come first:
//
//   planned      higher preference, fewer transactions behind the leader, order of the configuration
//   unplanned    least missing in the end, higher preference, least to catch up, least to apply, order
//
// A server to catch up from has everything that the winner has and more, and passes the rules down to "can't apply"
// (an ignored one will do, one in maintenance not; no newer release; a delayed one if it has applied everything).
//
//   nothing acknowledged is lost                       if the winner gets in the end
//   planned: the leader is there to be read            whatever the leader has
//   N acknowledgements for each transaction, and of    all that servers have which answer, and what the leader had when
//   those who may have given them fewer than N are     that began: what it has beyond that was not acknowledged
//   not seen, or were restarted
//   the leader's set is final                          all that anyone is known to have
//   else: never proven, the leader may have            (as above, as far as it goes)
//   acknowledged what nobody received
//
//   not proven, and the policy is       a winner if
//   none                                never
//   bounded                             what is known to be missing and what the leader may have committed unseen and
//                                       nobody received are together not more than loss_max; unknown is too many
//   any                                 always
[[nodiscard]] Election elect(const ElectionInput& input);

}  // namespace sluice::failover
