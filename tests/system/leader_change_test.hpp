// Changes of leader through the binary: how the tests ask for one, and what they look at afterwards.
//
// Flow: `class MyTest : public LeaderChangeTest {}`; `start(patient());`, `switch_to(1)`, `last_change("reason")`.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "system/system_test.hpp"
#include "system/writers.hpp"

namespace sluice::test {

class LeaderChangeTest : public SystemTest {
 protected:
  explicit LeaderChangeTest(Flavour flavour = Flavour::mariadb, unsigned nodes = 3);

  // The account that replicas log on with, as a line of [[cluster]].
  [[nodiscard]] std::string replication() const;
  [[nodiscard]] Settings patient(const std::string& hook = {}, const std::string& drain_max = {}) const;
  [[nodiscard]] std::string leader_name() const { return admin_value("SELECT leader FROM clusters"); }
  void await_leads(std::size_t node);
  [[nodiscard]] Outcome switch_to(std::size_t node) const;
  [[nodiscard]] std::string last_change(const std::string& column) const;
  // Servers that take writes: there must be one.
  [[nodiscard]] std::set<std::size_t> writable();
  // Every server but that has the same rows: all that were acknowledged, and none that nobody wrote.
  void expect_nothing_lost(const Writers& writers, std::optional<std::size_t> left_out = {});
};

}  // namespace sluice::test
