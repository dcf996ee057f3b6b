// sluice is killed with SIGKILL at each statement of a switchover that changes something on a server: before it arrives
// there, and when it was carried out and nobody heard of it. Started again, it ends what it finds.
#include <csignal>
#include <future>
#include <iostream>

#include "support/sizes.hpp"
#include "system/leader_change_test.hpp"
#include "system/withholding_relay.hpp"

namespace sluice::test {
namespace {

using Part = Withholding::Part;

class KilledSwitchoverTest : public LeaderChangeTest {
 protected:
  explicit KilledSwitchoverTest(Flavour flavour = Flavour::mariadb, unsigned nodes = 3)
      : LeaderChangeTest(flavour, nodes) {
    for (const auto& node : cluster_->nodes()) {
      links_.push_back(std::make_unique<WithholdingRelay>(withholding_, node.port()));
      config_.server_ports.push_back(links_.back()->port());
    }
  }

  // The servers follow each other by their own ports again.
  ~KilledSwitchoverTest() override {
    cluster_->promote(1);
    cluster_->promote(0);
  }

  void at_each_statement() {
    for (const auto part : {Part::statement, Part::answer}) {
      std::size_t nth = part == Part::answer ? 0 : sized(0, 1);
      while (!HasFatalFailure() && killed_at(part, nth)) nth += sized(1, 4);
      EXPECT_GE(nth, 8U);
    }
  }

 private:
  // False: the switchover has no such statement, and came to its end.
  bool killed_at(Part part, std::size_t nth) {
    SCOPED_TRACE(std::string(part == Part::statement ? "before statement " : "after statement ") + std::to_string(nth));
    begin(nth * 2 + (part == Part::answer ? 1 : 0));
    Writers writers(client_address(), 2);
    writers.await_more(5);
    withholding_.arm(part, nth);
    auto change = std::async(std::launch::async, [&] { return switch_to(1); });
    using namespace std::chrono_literals;
    EXPECT_TRUE(await([&] { return withholding_.reached() || change.wait_for(0s) == std::future_status::ready; }));
    const auto reached = withholding_.reached();
    if (!reached) {
      withholding_.disarm();
      EXPECT_EQ(change.get().code, 0U);
      writers.stop();
      EXPECT_EQ(proxy_->terminate(), 0);
      proxy_.reset();
      return false;
    }
    EXPECT_LE(writable().size(), 1U) << *reached;
    proxy_->signal(SIGKILL);
    EXPECT_EQ(proxy_->await_end(), 128 + SIGKILL);
    EXPECT_NE(change.get().code, 0U);
    end_well(writers, (part == Part::statement ? "before " : "after  ") + *reached);
    return true;
  }

  void begin(std::size_t number) {
    cluster_.reset();
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
    config_.folder = folder_.path() / std::to_string(number);
    std::filesystem::create_directory(config_.folder);
    start(patient());
  }

  // One server leads, all follow it, clients write, and what was acknowledged is there.
  void end_well(Writers& writers, const std::string& killed) {
    launch(patient());
    await_that("one leads", [&] {
      const auto found = writable();
      return found.size() == 1 && leader_name() == server_name(*found.begin());
    });
    await_healthy();
    writers.await_more(10);
    writers.stop();
    expect_nothing_lost(writers);
    EXPECT_EQ(admin_value("SELECT SUM(state <> 'open') FROM gates"), "0");
    std::cout << killed.substr(0, killed.find(", MASTER_USER")) << "\n    -> "
              << (leader_name() == server_name(0) ? "the old one" : "the new one") << " leads; history: "
              << admin_value("SELECT GROUP_CONCAT(kind || ' ' || state || ': ' || reason) FROM history") << "\n";
    EXPECT_EQ(proxy_->terminate(), 0) << proxy_->log();
    proxy_.reset();
  }

  Withholding withholding_{std::string(demo::manager_user)};
  std::vector<std::unique_ptr<WithholdingRelay>> links_;
};

TEST_P(KilledSwitchoverTest, AtEachStatementOfTheManager) { at_each_statement(); }

class Mysql56KilledSwitchoverTest : public KilledSwitchoverTest {
 protected:
  Mysql56KilledSwitchoverTest() : KilledSwitchoverTest(Flavour::mysql56, 2) {}
};

TEST_P(Mysql56KilledSwitchoverTest, AtEachStatementOfTheManager) { at_each_statement(); }

INSTANTIATE_TEST_SUITE_P(Loops, KilledSwitchoverTest, on_one_loop(), loop_name);
INSTANTIATE_TEST_SUITE_P(Loops, Mysql56KilledSwitchoverTest, on_one_loop(), loop_name);

}  // namespace
}  // namespace sluice::test
