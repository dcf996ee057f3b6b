// The golden table: every statement of statements.txt, and what holds for all of them.
#include <gtest/gtest.h>

#include "router/classification_text.hpp"

namespace sluice::router {
namespace {

const std::vector<Example>& examples() {
  static const std::vector<Example> all = read_examples(SLUICE_STATEMENTS);
  return all;
}

TEST(ClassifyTable, HasItsStatements) { ASSERT_GT(examples().size(), 400U); }

TEST(ClassifyTable, EveryStatementIsAsWritten) {
  for (const Example& e : examples()) {
    EXPECT_EQ(describe(classify(e.sql, e.dialect)), e.expected)
        << "statements.txt:" << e.line << " (" << e.dialect_name << "): " << e.sql;
  }
}

TEST(ClassifyTable, LeaderAlwaysHasAReasonAndAReplicaNeverHasAPin) {
  for (const Example& e : examples()) {
    const Classification c = classify(e.sql, e.dialect);
    EXPECT_EQ(c.reason.empty(), c.replica_safe) << e.sql;
    if (c.replica_safe) {
      EXPECT_FALSE(any(c.pin)) << e.sql;
      EXPECT_FALSE(c.needs.diagnostics || c.needs.last_insert_id) << e.sql;
    }
  }
}

TEST(ClassifyTable, EveryPrefixHasAnAnswer) {
  for (const Example& e : examples()) {
    for (std::size_t size = 0; size <= e.sql.size(); ++size) {
      // A copy of just that size, so that a sanitizer sees a byte read behind it.
      const std::vector<char> prefix(e.sql.begin(), e.sql.begin() + static_cast<std::ptrdiff_t>(size));
      const Classification c = classify({prefix.data(), prefix.size()}, e.dialect);
      EXPECT_EQ(c.reason.empty(), c.replica_safe);
    }
  }
}

}  // namespace
}  // namespace sluice::router
