// The workflows of one cluster on an io_context of the test: actors for its servers, and actions run to their outcome.
//
// Flow: `WorkflowRun run(cluster); auto outcome = run.perform(run.freeze(0));`
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/workflows/server_actor.hpp"
#include "support/test_cluster.hpp"

namespace sluice::failover::testing {

using namespace std::chrono_literals;

// No action takes as long; shorter than `run_until` waits, so that one that hangs still tells why.
inline constexpr std::chrono::milliseconds ample = test::hang_limit - 60s;

class WorkflowRun {
 public:
  explicit WorkflowRun(test::TestCluster& cluster, bool with_account = true) : cluster_(cluster) {
    ServerActorOptions options;
    for (const auto& node : cluster->nodes()) {
      const auto name = "127.0.0.1:" + std::to_string(node.port());
      options.members.push_back({{name, "127.0.0.1", node.port(), ""}, node.server_id()});
    }
    // It has what privileges_to_act() names, and no more.
    options.user = demo::manager_user;
    options.password = cluster->passwords().manager;
    if (with_account)
      options.replication = {std::string(demo::replication_user), cluster->passwords().replication, false};
    for (options.own = 0; options.own < options.members.size(); ++options.own)
      actors_.push_back(std::make_shared<ServerActor>(io_, options));
  }
  ~WorkflowRun() {
    for (const auto& actor : actors_) actor->stop();
    io_.restart();
    io_.run_for(test::hang_limit);
  }
  WorkflowRun(const WorkflowRun&) = delete;
  WorkflowRun& operator=(const WorkflowRun&) = delete;

  [[nodiscard]] static Action make(Act act, std::size_t server, std::chrono::milliseconds budget = ample) {
    Action action;
    action.id = 1;
    action.act = act;
    action.server = server;
    action.budget = budget;
    return action;
  }
  [[nodiscard]] static Action make_follow(std::size_t server, std::size_t source,
                                          std::chrono::milliseconds budget = ample) {
    Action action = make(Act::follow, server, budget);
    action.source = source;
    return action;
  }
  [[nodiscard]] static Action make_await(std::size_t server, std::string position,
                                         std::chrono::milliseconds budget = ample) {
    Action action = make(Act::await_position, server, budget);
    action.position = std::move(position);
    return action;
  }

  Outcome perform(const Action& action) {
    std::optional<Outcome> found;
    actors_[action.server]->perform(action, [&](const Outcome& outcome) {
      EXPECT_FALSE(found) << "answered twice";
      found = outcome;
    });
    run_until("an outcome of " + std::string(to_string(action.act)), [&] { return found.has_value(); });
    return found.value_or(Outcome{});
  }
  // Fails the test if it fails.
  Outcome must(const Action& action) {
    auto outcome = perform(action);
    EXPECT_TRUE(outcome.ok) << to_string(action.act) << " " << action.server << ": " << outcome.error;
    return outcome;
  }
  ServerCheck check(std::size_t server) {
    std::optional<ServerCheck> found;
    actors_[server]->check(ample, [&](const ServerCheck& check) { found = check; });
    run_until("an answer of the check", [&] { return found.has_value(); });
    return found.value_or(ServerCheck{"no answer", {}});
  }

  void run_until(const std::string& what, const std::function<bool()>& reached) {
    const auto bound = std::chrono::steady_clock::now() + test::hang_limit;
    io_.restart();
    while (!reached() && io_.run_one_until(bound) != 0) {
    }
    EXPECT_TRUE(reached()) << "not seen: " << what;
  }

  boost::asio::io_context& io() { return io_; }
  [[nodiscard]] const std::vector<std::shared_ptr<ServerActor>>& actors() const { return actors_; }
  [[nodiscard]] bool read_only(std::size_t server) {
    return cluster_.root(server).value("SELECT @@GLOBAL.read_only") == "1";
  }
  [[nodiscard]] std::string position(std::size_t server) {
    const bool mariadb = cluster_->flavour() == demo::Flavour::mariadb;
    auto text =
        cluster_.root(server).value(mariadb ? "SELECT @@GLOBAL.gtid_current_pos" : "SELECT @@GLOBAL.gtid_executed");
    std::erase(text, '\n');
    return text;
  }
  // So many connections of ours are at that server, the one of a lock that we hold included. A server shows one that
  // was closed for a moment longer.
  [[nodiscard]] bool await_connections(std::size_t server, unsigned count) {
    auto look = cluster_.root(server);
    return test::await([&] {
      return look.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '" +
                        std::string(demo::manager_user) + "'") == std::to_string(count);
    });
  }

 private:
  test::TestCluster& cluster_;
  boost::asio::io_context io_;
  std::vector<std::shared_ptr<ServerActor>> actors_;
};

}  // namespace sluice::failover::testing
