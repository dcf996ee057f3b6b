// failover/election.hpp against testdata/election.txt: each block of lines that begin with ">" is what is known, and
// below it stands the whole expected election.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what elect() says; then read the difference.
#include "failover/election.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "failover/election_notation.hpp"
#include "failover/golden_file.hpp"

namespace sluice::failover {
namespace {

using testing::describe;
using testing::parse_election;

// The file with every expected election replaced by the actual one.
std::string replay(std::istream& in) {
  std::string out;
  std::vector<std::string> known;
  const auto decide = [&] {
    if (known.empty()) return;
    const auto input = parse_election(known);
    out += describe(input, elect(input));
    known.clear();
  };
  for (std::string line; std::getline(in, line);) {
    const bool given = line.starts_with("> ");
    if (!given) decide();
    if (given) known.push_back(line.substr(2));
    if (given || line.empty() || line.starts_with("case ") || line.starts_with("#")) out += line + "\n";
  }
  decide();
  return out;
}

TEST(Elect, MatchesTheGoldenFile) { match_golden_file("election.txt", replay); }

}  // namespace
}  // namespace sluice::failover
