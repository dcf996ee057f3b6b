// A golden file: the cases and all that is expected of them, in one text that a reviewer can read.
//
// Flow: `match_golden_file("judge.txt", replay)`; `replay` reads the cases and writes the file as it ought to be. With
// SLUICE_REWRITE_TESTDATA set, the file is rewritten instead, and the test fails so that nobody takes it for a check.
//
// Where each block of lines that begin with ">" is a case, `match_golden_blocks("election.txt", answer)`: `answer` is
// given the block's lines, and says all that stands below it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace sluice::failover {

inline void match_golden_file(const std::string& name, const std::function<std::string(std::istream&)>& replay) {
  const std::string path = std::string(SLUICE_TESTDATA) + "/" + name;
  std::ifstream file(path);
  std::stringstream expected;
  expected << file.rdbuf();
  ASSERT_FALSE(expected.str().empty()) << path;
  const auto actual = replay(expected);
  if (std::getenv("SLUICE_REWRITE_TESTDATA") != nullptr) {
    std::ofstream(path) << actual;
    FAIL() << "rewritten: " << path;
  }
  EXPECT_EQ(actual, expected.str());
}

inline void match_golden_blocks(const std::string& name,
                                const std::function<std::string(const std::vector<std::string>&)>& answer) {
  match_golden_file(name, [&](std::istream& in) {
    std::string out;
    std::vector<std::string> block;
    const auto answer_block = [&] {
      if (!block.empty()) out += answer(block);
      block.clear();
    };
    for (std::string line; std::getline(in, line);) {
      const bool given = line.starts_with("> ");
      if (!given) answer_block();
      if (given) block.push_back(line.substr(2));
      if (given || line.empty() || line.starts_with("case ") || line.starts_with("#")) out += line + "\n";
    }
    answer_block();
    return out;
  });
}

}  // namespace sluice::failover
