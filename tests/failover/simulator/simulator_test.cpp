// failover/simulator/: that it finds what it is there to find, and that what it once found stays mended. The many
// schedules are run by the test `simulate` (sluice_simulate).
#include <gtest/gtest.h>

#include "failover/simulator/simulation.hpp"

namespace sluice::failover::simulator {
namespace {

class PlantedBug : public ::testing::TestWithParam<std::size_t> {};

TEST_P(PlantedBug, IsCaught) {
  SimulationOptions options;
  options.canary = static_cast<Canary>(GetParam());
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    if (simulate(seed, options).breach) return;
  }
  ADD_FAILURE() << to_string(options.canary) << " goes unseen";
}

INSTANTIATE_TEST_SUITE_P(Canaries, PlantedBug, ::testing::Range(std::size_t{1}, canaries),
                         [](const auto& canary) { return to_string(static_cast<Canary>(canary.param)); });

TEST(Simulator, TheSameSeedIsTheSameSchedule) {
  SimulationOptions options;
  options.trace = true;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto once = simulate(seed, options);
    EXPECT_EQ(once.trace, simulate(seed, options).trace) << seed;
    EXPECT_NE(once.trace, simulate(seed + 1'000, options).trace) << seed;
  }
}

TEST(Simulator, AFailingScheduleIsShrunk) {
  SimulationOptions options;
  options.canary = Canary::relay_log_not_applied;
  std::uint64_t seed = 1;
  while (!simulate(seed, options).breach) ++seed;
  const auto less = shrink(seed, options);
  ASSERT_TRUE(less.only_faults);
  EXPECT_TRUE(simulate(seed, less).breach);
  for (std::size_t i = 0; i < less.only_faults->size(); ++i) {
    auto one_less = less;
    one_less.only_faults->erase(one_less.only_faults->begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(simulate(seed, one_less).breach) << i;
  }
}

TEST(Simulator, SchedulesAreNotIdle) {
  SimulationResult all;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto result = simulate(seed, {});
    all.acknowledged += result.acknowledged;
    all.failovers += result.failovers;
    all.switchovers += result.switchovers;
    all.releases += result.releases;
  }
  EXPECT_GT(all.acknowledged, 10'000U);
  EXPECT_GT(all.failovers, 200U);
  EXPECT_GT(all.switchovers, 50U);
  EXPECT_GT(all.releases, 300U);
}

// Each of these once broke something, in the code or in the simulator. Whoever adds an option to the swarm gives them
// other schedules: what they found is kept in testdata/supervisor.txt and testdata/failover.txt as well.
TEST(Simulator, SeedsThatOnceBroke) {
  for (const std::uint64_t seed : {43,     50,     58,     90,     328,    1423,   1720,   2164,   2900,  3573,  4135,
                                   5404,   8762,   14145,  20192,  20681,  30064,  33838,  43746,  58384, 69053, 101639,
                                   115052, 131583, 136991, 165838, 191551, 235093, 272558, 508870, 550216}) {
    const auto breach = simulate(seed, {}).breach;
    EXPECT_FALSE(breach) << seed << ": " << *breach;
  }
}

}  // namespace
}  // namespace sluice::failover::simulator
