// A golden file: the cases and all that is expected of them, in one text that a reviewer can read.
//
// Flow: `match_golden_file("judge.txt", replay)`; `replay` reads the cases and writes the file as it ought to be. With
// SLUICE_REWRITE_TESTDATA set, the file is rewritten instead, and the test fails so that nobody takes it for a check.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

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

}  // namespace sluice::failover
