// Prepared statements: their texts shared by a worker, their ids at clients and at servers.
#include <gtest/gtest.h>

#include "proxy/backend_statements.hpp"
#include "proxy/client_statements.hpp"
#include "proxy/refused_reads.hpp"
#include "proxy/statement_text.hpp"

namespace sluice::proxy {
namespace {

CarriedState in_schema(const std::string& schema, const std::vector<router::Assignment>& sets = {}) {
  CarriedState state;
  state.schema = schema;
  for (const auto& set : sets) state.assign(set);
  return state;
}

TEST(StatementTexts, EqualOnesAreOneObject) {
  StatementTexts texts;
  const auto one = texts.intern("SELECT a", in_schema("s"), {});
  EXPECT_EQ(texts.intern("SELECT a", in_schema("s"), {}), one);
  EXPECT_EQ(texts.intern("SELECT a", in_schema("s", {{"max_statement_time", "1"}}), {}), one);
  EXPECT_TRUE(one->effect.replica_safe);
  EXPECT_EQ(texts.size(), 1U);
}

TEST(StatementTexts, WhatIsReadOtherwiseIsAnother) {
  StatementTexts texts;
  const std::vector<StatementTextPtr> all = {
      texts.intern("SELECT 1", in_schema("s"), {}),
      texts.intern("SELECT 2", in_schema("s"), {}),
      texts.intern("SELECT 1", in_schema("t"), {}),
      texts.intern("1SELECT 1", in_schema(""), {}),
      texts.intern("SELECT 1", in_schema("s", {{"sql_mode", "'ANSI'"}}), {}),
      texts.intern("SELECT 1", in_schema("s", {{"names", "latin1"}}), {}),
      texts.intern("SELECT 1", in_schema("s", {{"collation_connection", "utf8_bin"}}), {}),
      texts.intern("SELECT 1", in_schema("s"), {.ansi_quotes = true}),
      texts.intern("SELECT 1", in_schema("s"), {.no_backslash_escapes = true}),
      texts.intern("SELECT 1", in_schema("s"), {.ascii_safe = false}),
      texts.intern("SELECT 1", in_schema("s"), {.utf8 = true}),
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(all[i], all[k]) << i << " " << k;
  }
  EXPECT_EQ(all[4]->settings, (std::vector<router::Assignment>{{"sql_mode", "'ANSI'"}}));
}

TEST(StatementTexts, OnesThatNobodyHoldsAreForgotten) {
  StatementTexts texts;
  const auto kept = texts.intern("SELECT 'kept'", in_schema("s"), {});
  for (int i = 0; i < 10'000; ++i) static_cast<void>(texts.intern("SELECT " + std::to_string(i), in_schema("s"), {}));
  EXPECT_LE(texts.size(), 1024U);
  EXPECT_EQ(texts.intern("SELECT 'kept'", in_schema("s"), {}), kept);
}

TEST(StatementTexts, MadeOnesAreNotShared) {
  StatementTexts texts;
  const auto shared = texts.intern("SELECT 1", in_schema("s"), {});
  EXPECT_NE(StatementTexts::make("SELECT 1", in_schema("s"), {}), shared);
  EXPECT_EQ(texts.intern("SELECT 1", in_schema("s"), {}), shared);
}

TEST(BackendStatements, TheLeastRecentlyUsedGoes) {
  StatementTexts texts;
  std::vector<StatementTextPtr> all;
  for (int i = 0; i < 4; ++i) all.push_back(texts.intern("SELECT " + std::to_string(i), {}, {}));
  BackendStatements statements;
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(statements.add(all[i], 10 + i, 3).empty());
  ASSERT_NE(statements.find(all[0].get()), nullptr);  // used: now 1 is the oldest
  EXPECT_EQ(statements.add(all[3], 13, 3), (std::vector<std::uint32_t>{11}));
  EXPECT_EQ(statements.find(all[1].get()), nullptr);
  EXPECT_EQ(statements.find(all[0].get())->id, 10U);
  EXPECT_EQ(statements.size(), 3U);
}

TEST(BackendStatements, ATwinReplacesTheOlder) {
  StatementTexts texts;
  const auto text = texts.intern("SELECT ?", {}, {});
  BackendStatements statements;
  EXPECT_TRUE(statements.add(text, 5, 10).empty());
  EXPECT_TRUE(statements.find(text.get())->never_bound());
  statements.find(text.get())->bound_types = protocol::ByteBuffer{1, 0};
  EXPECT_FALSE(statements.find(text.get())->never_bound());
  statements.find(text.get())->bound_types.reset();
  EXPECT_FALSE(statements.find(text.get())->never_bound());
  EXPECT_EQ(statements.add(text, 6, 10), (std::vector<std::uint32_t>{5}));
  EXPECT_EQ(statements.find(text.get())->id, 6U);
  EXPECT_TRUE(statements.find(text.get())->never_bound());
  EXPECT_EQ(statements.size(), 1U);
}

TEST(BackendStatements, ARemovedOneIsNotFound) {
  StatementTexts texts;
  const auto one = texts.intern("SELECT 1", {}, {});
  const auto two = texts.intern("SELECT 2", {}, {});
  BackendStatements statements;
  EXPECT_TRUE(statements.add(one, 5, 2).empty());
  EXPECT_TRUE(statements.add(two, 6, 2).empty());
  EXPECT_EQ(statements.remove(one.get()), 5U);
  EXPECT_EQ(statements.remove(one.get()), std::nullopt);
  EXPECT_EQ(statements.find(one.get()), nullptr);
  EXPECT_EQ(statements.find(two.get())->id, 6U);
  EXPECT_TRUE(statements.add(one, 7, 2).empty());
  EXPECT_EQ(statements.size(), 2U);
}

TEST(ClientStatements, IdsAreGivenOnceAndAreNeverZero) {
  StatementTexts texts;
  const auto text = texts.intern("SELECT ?", {}, {});
  ClientStatements statements;
  EXPECT_EQ(statements.next_id(), 1U);
  statements.add({.text = text, .params = 1, .types = {}});
  EXPECT_EQ(statements.next_id(), 2U);
  EXPECT_TRUE(statements.holds(text.get()));
  EXPECT_EQ(statements.text_bytes(), 8U);
  EXPECT_NE(statements.find(1), nullptr);
  EXPECT_EQ(statements.find(0), nullptr);
  EXPECT_EQ(statements.find(2), nullptr);
  statements.remove(7);
  statements.remove(1);
  EXPECT_EQ(statements.find(1), nullptr);
  EXPECT_FALSE(statements.holds(text.get()));
  EXPECT_EQ(statements.text_bytes(), 0U);
  EXPECT_EQ(statements.next_id(), 2U);
}

TEST(ClientStatements, TheLastOneIsTheOnePreparedLast) {
  StatementTexts texts;
  ClientStatements statements;
  EXPECT_EQ(statements.last_id(), 0U);
  statements.add({.text = texts.intern("SELECT 1", {}, {}), .types = {}});
  statements.add({.text = texts.intern("SELECT 2", {}, {}), .types = {}});
  EXPECT_EQ(statements.last_id(), 2U);
  statements.remove(1);
  EXPECT_EQ(statements.last_id(), 2U);
  statements.remove(2);
  EXPECT_EQ(statements.last_id(), 0U) << "not the one before it";
  statements.add({.text = texts.intern("SELECT 3", {}, {}), .types = {}});
  EXPECT_EQ(statements.last_id(), 3U);
  statements.forget_last();
  EXPECT_EQ(statements.last_id(), 0U);
  EXPECT_NE(statements.find(3), nullptr);
}

TEST(RefusedReads, TheOldestIsForgotten) {
  RefusedReads shapes;
  EXPECT_TRUE(shapes.empty());
  for (const router::Digest shape : {1U, 2U, 1U, 3U}) shapes.add(shape, 2);
  EXPECT_FALSE(shapes.contains(1));
  EXPECT_TRUE(shapes.contains(2) && shapes.contains(3));
}

TEST(ClientStatements, WhatIsOpenIsKnown) {
  StatementTexts texts;
  ClientStatements statements;
  statements.add({.text = texts.intern("SELECT 1", {}, {}), .types = {}});
  statements.add({.text = texts.intern("SELECT 2", {}, {}), .types = {}});
  EXPECT_TRUE(statements.nothing_open());
  statements.set_cursor(*statements.find(2), true);
  statements.set_cursor(*statements.find(2), true);
  statements.set_long_data(*statements.find(2), true);
  statements.set_long_data(*statements.find(2), false);
  EXPECT_FALSE(statements.nothing_open());
  statements.forget_open();
  EXPECT_TRUE(statements.nothing_open());
  statements.set_long_data(*statements.find(1), true);
  EXPECT_FALSE(statements.nothing_open());
  statements.set_long_data(*statements.find(1), false);
  EXPECT_TRUE(statements.nothing_open());
  statements.set_long_data(*statements.find(1), true);
  statements.remove(1);
  EXPECT_TRUE(statements.nothing_open());
  statements.clear();
  EXPECT_EQ(statements.size(), 0U);
}

}  // namespace
}  // namespace sluice::proxy
