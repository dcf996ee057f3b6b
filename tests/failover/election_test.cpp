// failover/election.hpp against testdata/election.txt: each block of lines that begin with ">" is what is known, and
// below it stands the whole expected election.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what elect() says; then read the difference.
#include "failover/election.hpp"

#include <gtest/gtest.h>

#include "failover/election_notation.hpp"
#include "failover/golden_file.hpp"

namespace sluice::failover {
namespace {

using testing::describe;
using testing::parse_election;

TEST(Elect, MatchesTheGoldenFile) {
  match_golden_blocks("election.txt", [](const auto& lines) {
    const auto input = parse_election(lines);
    return describe(input, elect(input));
  });
}

}  // namespace
}  // namespace sluice::failover
