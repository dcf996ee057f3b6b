// Classifications as one line of text, and the golden file of statements that is written in it.
//
// Flow: `for (const Example& e : read_examples(path)) EXPECT_EQ(describe(classify(e.sql, e.dialect)), e.expected);`
#pragma once

#include <string>
#include <vector>

#include "router/classify.hpp"

namespace sluice::router {

// "select leader pin=user_lock (calls GET_LOCK())"
[[nodiscard]] std::string describe(const Classification& c);

struct Example {
  int line = 0;
  std::string dialect_name;
  Dialect dialect;
  std::string sql;
  std::string expected;
};

// The file's format is told at its top.
[[nodiscard]] std::vector<Example> read_examples(const std::string& path);

}  // namespace sluice::router
