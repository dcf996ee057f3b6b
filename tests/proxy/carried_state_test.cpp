#include "proxy/carried_state.hpp"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

struct Spec {
  std::string schema = {};
  bool autocommit = true;
  std::vector<router::Assignment> sets = {};
};

CarriedState state_of(const Spec& spec) {
  CarriedState state;
  state.schema = spec.schema;
  state.autocommit = spec.autocommit;
  for (const auto& set : spec.sets) state.assign(set);
  return state;
}

std::string text_of(const std::optional<StateSteps>& steps) {
  if (!steps) return "impossible";
  std::string text;
  const std::string use = steps->schema ? "USE " + *steps->schema : std::string();
  const std::string none;
  for (const auto& part :
       {steps->schema_first ? use : none, steps->set_names, steps->sets, steps->schema_first ? none : use}) {
    if (part.empty()) continue;
    if (!text.empty()) text += "; ";
    text += part;
  }
  return text;
}

struct Case {
  Spec from;
  Spec to;
  const char* steps;
};

const LogonState logon{"'utf8mb4'", "NULL", "'utf8mb4_bin'", true, true};
#define SLUICE_HANDSHAKE \
  "character_set_client='utf8mb4', character_set_results=NULL, collation_connection='utf8mb4_bin'"

TEST(CarriedState, Steps) {
  const std::vector<Case> cases = {
      {{}, {}, ""},
      {{"a"}, {"a"}, ""},
      {{"a"}, {"b"}, "USE b"},
      {{""}, {"b"}, "USE b"},
      {{"a"}, {""}, "impossible"},
      {{"", true}, {"", false}, "SET autocommit=0"},
      {{"", false}, {"", true}, "SET autocommit=1"},
      {{"", true, {{"x", "1"}}}, {}, "SET x=DEFAULT"},
      {{}, {"", true, {{"x", "1"}, {"y", "'2'"}}}, "SET x=1, y='2'"},
      {{"", true, {{"x", "1"}}}, {"", true, {{"x", "2"}}}, "SET x=2"},
      {{"", true, {{"x", "1"}}}, {"", true, {{"y", "2"}}}, "SET x=DEFAULT, y=2"},
      {{"", true, {{"x", "1"}, {"y", "2"}}}, {"", true, {{"x", "1"}, {"y", "2"}}}, ""},
      {{"", true, {{"x", "1"}, {"x", "DEFAULT"}}}, {}, "SET x=DEFAULT"},
      {{}, {"", true, {{"names", "utf8mb4"}}}, "SET NAMES utf8mb4"},
      {{"", true, {{"names", "latin1"}}}, {"", true, {{"names", "utf8mb4"}}}, "SET NAMES utf8mb4"},
      {{"", true, {{"names", "latin1"}}}, {}, "SET " SLUICE_HANDSHAKE},
      {{"", true, {{"character_set_client", "DEFAULT"}}}, {}, "SET " SLUICE_HANDSHAKE},
      // What is said goes on top of it.
      {{"", true, {{"names", "latin1"}}},
       {"", true, {{"character_set_results", "utf8"}}},
       "SET " SLUICE_HANDSHAKE ", character_set_results=utf8"},
      {{"", true, {{"character_set_connection", "utf8"}}},
       {"", true, {{"collation_connection", "latin1_bin"}}},
       "SET " SLUICE_HANDSHAKE ", collation_connection=latin1_bin"},
      {{}, {"", true, {{"collation_connection", "latin1_bin"}}}, "SET collation_connection=latin1_bin"},
      // The same of both: nothing to say.
      {{"", true, {{"names", "latin1"}, {"x", "1"}}}, {"", true, {{"names", "latin1"}, {"x", "2"}}}, "SET x=2"},
      {{"", true, {{"names", "latin1"}, {"sql_mode", "'ANSI'"}}},
       {"b", false, {{"x", "1"}}},
       "SET " SLUICE_HANDSHAKE ", sql_mode=DEFAULT, x=1, autocommit=0; USE b"},
      {{"", true, {{"character_set_results", "NULL"}}}, {"", true, {{"names", "utf8"}}}, "SET NAMES utf8"},
      {{"", true, {{"names", "utf8"}}},
       {"", true, {{"names", "utf8"}, {"character_set_results", "NULL"}}},
       "SET NAMES utf8; SET character_set_results=NULL"},
      // Said after the other one, SET NAMES takes it back.
      {{"", true, {{"character_set_results", "NULL"}, {"names", "utf8"}}}, {"", true, {{"names", "utf8"}}}, ""},
      // SET CHARACTER SET takes the collation from the schema: it is said again there, and for another schema anew.
      {{"a", true, {}},
       {"b", true, {{"collation_connection", "@@collation_database"}}},
       "USE b; SET collation_connection=@@collation_database"},
      {{"a", true, {{"collation_connection", "@@collation_database"}}},
       {"b", true, {{"collation_connection", "@@collation_database"}}},
       "USE b; SET " SLUICE_HANDSHAKE ", collation_connection=@@collation_database"},
      {{"a", true, {{"collation_connection", "@@collation_database"}}}, {"b"}, "SET " SLUICE_HANDSHAKE "; USE b"},
      {{"a", true, {{"x", "1"}}},
       {"b", false, {{"names", "utf8"}, {"sql_mode", "'ANSI'"}}},
       "SET NAMES utf8; SET x=DEFAULT, sql_mode='ANSI', autocommit=0; USE b"},
  };
  for (const auto& c : cases) {
    const CarriedState from = state_of(c.from);
    const CarriedState to = state_of(c.to);
    LogonValues values;  // all as they are globally
    for (const char* name : {"x", "y", "sql_mode"}) values.learn(name, {"1", "1"});
    const auto steps = steps_to(from, to, &logon, values);
    EXPECT_EQ(text_of(steps), c.steps);
    if (steps) {
      EXPECT_EQ(steps->none(), from.same_as(to)) << c.steps;
    }
  }
}

TEST(CarriedState, AnUnknownLogonCanOnlyBeLeft) {
  const CarriedState plain;
  const CarriedState named = state_of({"", true, {{"names", "latin1"}}});
  const CarriedState part = state_of({"", true, {{"character_set_results", "NULL"}}});
  const CarriedState other = state_of({"", true, {{"x", "1"}}});
  EXPECT_EQ(text_of(steps_to(plain, named, nullptr, {})), "SET NAMES latin1");
  EXPECT_EQ(text_of(steps_to(plain, part, nullptr, {})), "SET character_set_results=NULL");
  EXPECT_EQ(text_of(steps_to(part, named, nullptr, {})), "SET NAMES latin1");
  EXPECT_EQ(text_of(steps_to(named, plain, nullptr, {})), "impossible");
  EXPECT_EQ(text_of(steps_to(named, part, nullptr, {})), "impossible");
  EXPECT_EQ(text_of(steps_to(part, other, nullptr, {})), "impossible");
  EXPECT_EQ(text_of(steps_to(part, part, nullptr, {})), "");
}

TEST(CarriedState, WhatALogonGaveIsSaidAgain) {
  LogonValues values;
  values.learn("time_zone", {"+03:00", "SYSTEM"});
  values.learn("x", {"1", "1"});
  values.learn("y", {});
  values.learn("never", {"\x01\xff'", "1"});
  EXPECT_EQ(values.before("x"), "DEFAULT");
  EXPECT_EQ(values.before("time_zone"), "'+03:00'");
  EXPECT_EQ(values.before("z"), std::nullopt);
  const CarriedState plain;
  const CarriedState set = state_of({"", true, {{"time_zone", "DEFAULT"}, {"x", "2"}, {"y", "3"}}});
  EXPECT_EQ(text_of(steps_to(plain, set, &logon, values)), "SET time_zone=DEFAULT, x=2, y=3");
  EXPECT_EQ(text_of(steps_to(set, plain, &logon, values)), "SET time_zone='+03:00', x=DEFAULT, y=DEFAULT");
  const CarriedState unasked = state_of({"", true, {{"z", "4"}}});
  EXPECT_EQ(text_of(steps_to(plain, unasked, &logon, values)), "SET z=4");
  EXPECT_EQ(text_of(steps_to(unasked, plain, &logon, values)), "impossible");
  const CarriedState lost = state_of({"", true, {{"never", "2"}}});
  EXPECT_EQ(text_of(steps_to(lost, plain, &logon, values)), "impossible");
  EXPECT_EQ(text_of(steps_to(lost, lost, &logon, values)), "");
}

TEST(CarriedState, TheOrderOfCharacterSetsMatters) {
  const CarriedState one = state_of({"", true, {{"character_set_connection", "utf8"}, {"collation_connection", "x"}}});
  const CarriedState two = state_of({"", true, {{"collation_connection", "x"}, {"character_set_connection", "utf8"}}});
  EXPECT_FALSE(one.same_as(two));
  EXPECT_NE(one.fingerprint(), two.fingerprint());
}

TEST(CarriedState, ParseSettingsAreTakenAndPutBack) {
  CarriedState state = state_of({"a", true, {{"x", "1"}, {"sql_mode", "'ANSI'"}, {"names", "latin1"}}});
  const auto settings = state.parse_settings();
  EXPECT_EQ(settings, (std::vector<router::Assignment>{{"sql_mode", "'ANSI'"}, {"names", "latin1"}}));
  CarriedState other = state_of({"b", true, {{"names", "utf8"}, {"y", "2"}, {"old_mode", "''"}}});
  other.replace_parse_settings(settings);
  EXPECT_EQ(other.parse_settings(), settings);
  EXPECT_EQ(other.variables().front(), (router::Assignment{"y", "2"}));
  EXPECT_TRUE(other.same_as(state_of({"b", true, {{"y", "2"}, {"sql_mode", "'ANSI'"}, {"names", "latin1"}}})));
}

}  // namespace
}  // namespace sluice::proxy
