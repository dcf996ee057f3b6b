// failover/failover.hpp against servers, a gate and a record that fail in every way at every step: whatever happens,
// nothing that was acknowledged is lost, nothing is promoted that is not fenced off, and who leads is what was said.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "failover/failover.hpp"
#include "failover/fault_explorer.hpp"
#include "failover/fault_trial.hpp"
#include "failover/sound_server.hpp"
#include "support/sizes.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;
using State = Failover::State;
using Explorer = testing::FaultExplorer<Failover>;

constexpr std::size_t lost = 0;

// What is the case, beside the faults.
struct Setting {
  const char* name = "";
  bool leader_answers = false;
  std::uint32_t acks = 1;
  Loss loss = Loss::none;
  bool best_is_ignored = false;
  bool strangers_write = true;  // whoever takes writes gets some, not through this proxy
};

// A server as it is: what it has executed and received of the lost leader's, and wrote itself.
struct Server {
  int executed = 0;
  int received = 0;
  int own = 0;
  bool writable = false;
  bool receives = true;
  std::optional<std::size_t> source = lost;
};

constexpr int acknowledged = 104;

class World : public testing::FaultWorld {
 public:
  explicit World(const Setting& setting) : setting_(setting) {
    servers_ = {
        {106, 106, 0, true, false, std::nullopt}, {98, 104, 0, false, true, lost}, {100, 103, 0, false, true, lost}};
  }

  [[nodiscard]] bool answers(const Action& action) const override {
    const bool of_gate = action.act == Act::hold || action.act == Act::cut || action.act == Act::release;
    const bool of_record = action.act == Act::record || action.act == Act::depose;
    return of_gate || of_record || action.server != lost || setting_.leader_answers;
  }

  Outcome take_effect(const Action& action) override {
    auto& server = servers_[action.server];
    Outcome outcome;
    outcome.id = action.id;
    outcome.ok = true;
    switch (action.act) {
      case Act::depose:
        recorded_ = {action.epoch, std::nullopt};
        break;
      case Act::record:
        recorded_ = {action.epoch, action.server};
        break;
      case Act::hold:
        gate_.reset();
        break;
      case Act::cut:
        cut_ = true;
        break;
      case Act::freeze:
        server.writable = false;
        break;
      case Act::stop_io:
      case Act::start_io:
        server.receives = action.act == Act::start_io;
        break;
      case Act::apply_relay_log:
        server.executed = server.received;
        break;
      case Act::follow:
        follow(server, action.source);
        break;
      case Act::await_position:
        outcome.ok = server.executed >= std::stoi(action.position.substr(action.position.rfind('-') + 1));
        break;
      case Act::promote:
      case Act::thaw:
        promote(action);
        break;
      case Act::release:
        release(action);
        break;
      default:
        break;
    }
    outcome.position = outcome.executed = text_of(server, server.executed);
    outcome.received = text_of(server, server.received);
    for (auto& any : servers_) any.own += setting_.strangers_write && any.writable && &any != servers_.data();
    return outcome;
  }

  void check_end(const Failover& failover) const {
    const auto leader = failover.leader();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!servers_[i].writable || i == leader) continue;
      const auto& known = failover.unfrozen();
      EXPECT_NE(std::find(known.begin(), known.end(), i), known.end()) << "takes writes, and nobody knows: " << i;
    }
    switch (failover.state()) {
      case State::done:
      case State::reinstated:
        EXPECT_EQ(gate_, leader);
        EXPECT_TRUE(servers_[*leader].writable);
        EXPECT_EQ(recorded_, (Record{failover.last_epoch(), leader}));
        for (std::size_t i = 1; i < servers_.size(); ++i) {
          const auto& known = failover.strays();
          if (i != leader && (servers_[i].source != leader || !servers_[i].receives)) {
            EXPECT_NE(std::find(known.begin(), known.end(), i), known.end()) << "does not follow: " << i;
          }
        }
        break;
      case State::stuck:
        EXPECT_TRUE(servers_[*leader].writable);
        break;
      case State::failed:
      case State::refused:
        EXPECT_TRUE(!gate_ || gate_ == lost);
        break;
      case State::running:
        break;
    }
  }

 private:
  using Record = std::pair<std::uint64_t, std::optional<std::size_t>>;

  static std::string text_of(const Server& server, int last) {
    auto text = "0-1-" + std::to_string(last);
    if (server.own > 0) text += ",1-9-" + std::to_string(server.own);
    return text;
  }

  void follow(Server& server, std::size_t source) {
    server.writable = false;
    server.receives = true;
    server.source = source;
    EXPECT_LE(server.executed, servers_[source].executed) << "has what its source lacks";
    EXPECT_EQ(server.own, 0) << "a server with transactions of its own follows";
    server.executed = server.received = servers_[source].executed;
  }

  void promote(const Action& action) {
    auto& server = servers_[action.server];
    EXPECT_TRUE(cut_ && !gate_) << "promoted before the lost leader was cut off";
    EXPECT_GE(recorded_.first, 8U) << "promoted before the lost leader was deposed";
    EXPECT_EQ(recorded_.second, action.server) << "not what was recorded";
    if (setting_.loss == Loss::none) {
      EXPECT_GE(server.executed, acknowledged) << "promoted without all that was acknowledged";
    }
    EXPECT_EQ(server.own, 0);
    server.writable = true;
    server.source.reset();
  }

  void release(const Action& action) {
    EXPECT_TRUE(servers_[action.server].writable) << "clients are sent to a server that takes no writes";
    EXPECT_TRUE(led_.emplace(action.epoch, action.server).second) << "two releases under one epoch";
    EXPECT_EQ(recorded_, (Record{action.epoch, action.server})) << "not what was recorded";
    gate_ = action.server;
  }

  const Setting& setting_;
  std::vector<Server> servers_;
  std::optional<std::size_t> gate_ = lost;
  bool cut_ = false;
  Record recorded_{7, lost};
  std::map<std::uint64_t, std::size_t> led_{{7, lost}};
};

FailoverPlan make_plan(const Setting& setting) {
  FailoverPlan plan;
  plan.epoch = 8;
  plan.known.leader = lost;
  plan.known.leader_acks = setting.acks;
  plan.known.loss = setting.loss;
  for (std::size_t i = 0; i < 3; ++i) {
    auto server = testing::sound_server(i, Flavour::mariadb);
    server.executed = server.received = GtidSet::parse("0-1-" + std::to_string(i == 0 ? 105 : 98));
    server.reachable = i > 0;
    server.semi_sync = i > 0;
    server.ignored = i == 1 && setting.best_is_ignored;
    if (i > 0) server.sources = {lost};
    plan.known.servers.push_back(server);
  }
  return plan;
}

Explorer::Run runner(const Setting& setting) {
  return [&setting](const testing::Faults& faults) -> Explorer::End {
    World world(setting);
    const testing::FaultTrial<Failover> trial(make_plan(setting), world, faults);
    world.check_end(trial.workflow());
    return {trial.workflow().state(), trial.actions()};
  };
}

constexpr std::array settings = {
    Setting{"semi-synchronous, the leader is gone"},
    Setting{"semi-synchronous, the leader can be frozen", true},
    Setting{"semi-synchronous, the best one can't lead", false, 1, Loss::none, true},
    Setting{"asynchronous, the leader can be frozen", true, 0},
    Setting{"asynchronous, any loss is allowed", false, 0, Loss::any},
};

TEST(FailoverFaults, NothingLostAndAlwaysATrueEnd) {
  Explorer explorer;
  for (const auto& setting : settings) {
    SCOPED_TRACE(setting.name);
    explorer.explore(runner(setting), test::sized<std::size_t>(3, 2));
  }
  EXPECT_GT(explorer.runs(), test::sized(50'000, 500));
  for (const auto state : {State::done, State::reinstated, State::failed, State::stuck})
    EXPECT_GE(explorer.ends(state), 5) << static_cast<int>(state);
}

// Who leads after one fault, by the step at which it happens, when the leader is gone: another replica takes over from
// one that fails, as long as everything that was acknowledged is there.
TEST(FailoverFaults, OneFaultLeavesALeader) {
  Setting setting = settings[0];
  setting.strangers_write = false;
  const std::vector<State> expected = {
      State::failed,  // depose
      State::failed,  // hold
      State::failed,  // cut
      State::done,    // freeze: the leader is gone anyway
      State::failed,  // stop_io: who may have acknowledged does not answer
      State::failed,  // stop_io
      State::done,    // apply_relay_log: the other one gets it from there, as it was only late
      State::failed,  // record
      State::done,    // promote: the other one does
      State::stuck,   // release
      State::done,    // stop_io: the other one is rejoined later
      State::done};   // follow
  Explorer::check_single_faults(runner(setting), expected);
}

}  // namespace
}  // namespace sluice::failover
