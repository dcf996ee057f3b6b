#include "protocol/gtid_set.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::protocol {
namespace {

// "a:1-5" for the UUID aaaaaaaa-…, and back.
const std::string a = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
const std::string b = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb";

std::string spelled(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_name = i + 1 < text.size() && text[i + 1] == ':' && (i == 0 || text[i - 1] == ',');
    result += is_name && text[i] == 'a' ? a : is_name && text[i] == 'b' ? b : std::string(1, text[i]);
  }
  return result;
}

std::string shortened(std::string text) {
  for (const auto& uuid : {a, b}) {
    for (auto at = text.find(uuid); at != std::string::npos; at = text.find(uuid))
      text.replace(at, uuid.size(), uuid, 0, 1);
  }
  return text;
}

GtidSet set(const std::string& text) {
  const auto parsed = GtidSet::parse(spelled(text));
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(GtidSet());
}

std::string parsed(const std::string& text) {
  const auto result = GtidSet::parse(spelled(text));
  return result ? shortened(result->to_string()) : "none";
}

struct ParseCase {
  const char* text;
  const char* expected;
};

TEST(GtidSet, ReadsBothNotationsAndNothingElse) {
  const ParseCase cases[] = {
      {"", ""},
      {" \n", ""},
      {"0-1-100", "0-1-100"},
      {"1-1-5,0-2-105 , 0-1-100", "0-1-100,0-2-105,1-1-5"},
      {"10-1-1,9-1-1", "9-1-1,10-1-1"},
      {"0-1-5,0-1-9", "0-1-9"},
      {"0-1-0", ""},
      {"0-4294967295-18446744073709551615", "0-4294967295-18446744073709551615"},
      {"0-1-18446744073709551616", "none"},
      {"0-4294967296-1", "none"},
      {"4294967296-1-1", "none"},
      {"0-1", "none"},
      {"0-1-", "none"},
      {"0-1-2-3", "none"},
      {"0--1-2", "none"},
      {"0-+1-2", "none"},
      {"0-1-101..105", "none"},
      {"0-1-5,", "none"},
      {",0-1-5", "none"},
      {"garbage", "none"},
      {"a:1-5:7", "a:1-5:7"},
      {"b:3,a:7:1-5", "a:1-5:7,b:3"},
      {"a:1-3:4-9:2-5", "a:1-9"},
      {"a:1-3,a:5", "a:1-3:5"},
      {"AAAAAAAA-aaaa-AAAA-aaaa-AAAAaaaaAAAA:1", "a:1"},
      {"a:1-5,\nb:1-2", "none"},  // as spelled() leaves it: "\nb" is no UUID
      {" aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa : 1 - 5 : 7 ,\n bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb:2", "a:1-5:7,b:2"},
      {"a:1-2:import:4-5:Other_2:6", "a:1-2,a:import:4-5,a:other_2:6"},
      {"a:import:4", "a:import:4"},
      {"a:import", "none"},
      {"a:import:other:1", "none"},
      {"a:1:import", "none"},
      {"a:2import:1", "none"},
      {"a:a23456789012345678901234567890123:1", "none"},
      {"a:9223372036854775807", "a:9223372036854775807"},
      {"a:9223372036854775808", "none"},
      {"a:0", "none"},
      {"a:0-3", "none"},
      {"a:5-1", "none"},
      {"a:1-2-3", "none"},
      {"a:1:", "none"},
      {"a:", "none"},
      {"a::1", "none"},
      {":1", "none"},
      {"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaa:1", "none"},
      {"aaaaaaaa-aaaa-aaaa-aaaaaaaaaaaaaaaaa:1", "none"},
      {"gaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1", "none"},
      {"0-1-5,a:1-3", "none"},
      {"a:1-3,0-1-5", "none"},
  };
  for (const auto& it : cases) EXPECT_EQ(parsed(it.text), it.expected) << it.text;
}

TEST(GtidSet, KeepsABoundedNumberOfRanges) {
  std::string mysql = a;
  std::string mariadb;
  for (std::size_t i = 0; i < GtidSet::ranges_max; ++i) {
    mysql += ":" + std::to_string(2 * i + 1);
    mariadb += (i == 0 ? "0-" : ",0-") + std::to_string(i) + "-7";
  }
  ASSERT_TRUE(GtidSet::parse(mysql));
  EXPECT_EQ(GtidSet::parse(mysql)->count(), GtidSet::ranges_max);
  EXPECT_FALSE(GtidSet::parse(mysql + ":1"));
  EXPECT_TRUE(GtidSet::parse(mariadb));
  EXPECT_FALSE(GtidSet::parse(mariadb + ",1-1-1"));
}

struct PairCase {
  const char* have;
  const char* other;
  GtidOrder order;
  const char* minus;
  const char* plus;
};

TEST(GtidSet, ComparesSubtractsAndAdds) {
  const PairCase cases[] = {
      {"", "", GtidOrder::equal, "", ""},
      {"0-1-5", "", GtidOrder::ahead, "0-1-5", "0-1-5"},
      {"", "0-1-5", GtidOrder::behind, "", "0-1-5"},
      {"0-1-5", "0-1-5", GtidOrder::equal, "", "0-1-5"},
      {"0-1-105", "0-1-100", GtidOrder::ahead, "0-1-101..105", "0-1-105"},
      {"0-1-101", "0-1-100", GtidOrder::ahead, "0-1-101..101", "0-1-101"},
      {"0-1-10", "0-1-9,0-2-3", GtidOrder::diverged, "0-1-10..10", "0-1-10,0-2-3"},
      {"0-1-101", "0-2-101", GtidOrder::diverged, "0-1-101", "0-1-101,0-2-101"},
      {"0-1-5,1-1-7", "0-1-5", GtidOrder::ahead, "1-1-7", "0-1-5,1-1-7"},
      {"0-1-5,1-1-7", "0-1-6", GtidOrder::diverged, "1-1-7", "0-1-6,1-1-7"},
      {"a:1-5", "a:1-5", GtidOrder::equal, "", "a:1-5"},
      {"a:1-5", "a:1-3:4-5", GtidOrder::equal, "", "a:1-5"},
      {"a:1-9", "a:3:5-6", GtidOrder::ahead, "a:1-2:4:7-9", "a:1-9"},
      {"a:3:5-6", "a:1-9", GtidOrder::behind, "", "a:1-9"},
      {"a:1-3:7-9", "a:2-8", GtidOrder::diverged, "a:1:9", "a:1-9"},
      {"a:1-5,b:1", "a:1-7", GtidOrder::diverged, "b:1", "a:1-7,b:1"},
      {"a:1-5", "a:tag:1-5", GtidOrder::diverged, "a:1-5", "a:1-5,a:tag:1-5"},
      {"b:1-5", "a:1-5,b:2", GtidOrder::diverged, "b:1:3-5", "a:1-5,b:1-5"},
      {"0-1-5", "a:1-5", GtidOrder::diverged, "0-1-5", "a:1-5,0-1-5"},
  };
  for (const auto& it : cases) {
    const auto have = set(it.have);
    const auto other = set(it.other);
    EXPECT_EQ(compare(have, other), it.order) << it.have << " / " << it.other;
    EXPECT_EQ(shortened(have.minus(other).to_string()), it.minus) << it.have << " / " << it.other;
    EXPECT_EQ(shortened(have.plus(other).to_string()), it.plus) << it.have << " / " << it.other;
    EXPECT_EQ(have.contains(other), it.order == GtidOrder::equal || it.order == GtidOrder::ahead) << it.have;
  }
}

TEST(GtidSet, CountsWithoutOverflow) {
  EXPECT_EQ(GtidSet().count(), 0U);
  EXPECT_EQ(set("a:1-5:7,b:2").count(), 7U);
  EXPECT_EQ(set("0-1-105").minus(set("0-1-100")).count(), 5U);
  EXPECT_EQ(set("0-1-18446744073709551615").count(), 18446744073709551615U);
  EXPECT_EQ(set("0-1-18446744073709551615,0-2-1").count(), 18446744073709551615U);
}

TEST(GtidSet, ShowsSomeRangesAndHowManyAreLeftOut) {
  EXPECT_EQ(shortened(set("a:1:3:5:7").to_string(2)), "a:1:3 and 2 more");
  EXPECT_EQ(set("0-1-5,0-2-6").to_string(2), "0-1-5,0-2-6");
}

TEST(GtidSet, TellsItsKind) {
  EXPECT_EQ(GtidSet().kind(), GtidKind::none);
  EXPECT_EQ(set("0-0-1").kind(), GtidKind::mariadb);
  EXPECT_EQ(set("a:1").kind(), GtidKind::mysql);
  EXPECT_EQ(set("a:1").plus(set("0-0-1")).kind(), GtidKind::mixed);
  EXPECT_EQ(set("a:1").minus(set("a:1-3")).kind(), GtidKind::none);
}

TEST(GtidSet, TellsWhoWroteWhat) {
  const auto mariadb = set("0-1-100,0-2-105,1-2-7");
  EXPECT_EQ(mariadb.written_by(2, "").to_string(), "0-2-105,1-2-7");
  EXPECT_EQ(mariadb.written_by(0, a).to_string(), "");
  const auto mysql = set("a:1-3:tag:9,b:5");
  EXPECT_EQ(shortened(mysql.written_by(1, a).to_string()), "a:1-3,a:tag:9");
  EXPECT_EQ(shortened(mysql.written_by(1, "BBBBBBBB-bbbb-bbbb-bbbb-bbbbbbbbbbbb").to_string()), "b:5");
  EXPECT_EQ(mysql.written_by(1, "").to_string(), "");
}

TEST(GtidSet, TellsWhichSourcesAnotherHasToo) {
  EXPECT_EQ(set("0-1-9,0-2-9,1-1-9").of_sources_in(set("0-2-3,1-1-50")).to_string(), "0-2-9,1-1-9");
  EXPECT_EQ(shortened(set("a:1:5,b:1").of_sources_in(set("a:3")).to_string()), "a:1:5");
  EXPECT_EQ(set("0-1-9").of_sources_in(GtidSet()).to_string(), "");
}

TEST(GtidSet, TheLastOfEachSource) {
  EXPECT_EQ(shortened(set("a:1-5:7-9,b:3").last_of_each_source().to_string()), "a:9,b:3");
  EXPECT_EQ(set("0-1-9,0-2-9").minus(set("0-1-9,0-2-9").last_of_each_source()).to_string(), "0-1-8,0-2-8");
  EXPECT_TRUE(GtidSet().last_of_each_source().empty());
}

TEST(GtidSet, ByDomainTheLastNumberCounts) {
  EXPECT_EQ(set("0-1-100,0-2-105,3-7-2").by_domain(), set("0-0-105,3-0-2"));
  EXPECT_EQ(set("a:1-5,b:2").by_domain(), set("a:1-5,b:2"));
}

struct HistoryCase {
  const char* name;
  const char* have;
  const char* log;
  const char* expected;
};

TEST(GtidSet, AServerRestoredFromABackupHasWhatItsBackupHad) {
  const HistoryCase cases[] = {
      {"logs what the second leader wrote since", "0-2-106", "0-1-100,0-2-106", "0-1-100,0-2-106"},
      {"behind the leader", "0-2-104", "0-1-100,0-2-106", "0-1-100,0-2-104"},
      {"older than the last change of leader", "0-2-90", "0-1-100,0-2-106", "0-1-90,0-2-90"},
      {"ahead of what is known of the leader", "0-2-110", "0-1-100,0-2-106", "0-1-100,0-2-110"},
      {"its own transaction tells nothing", "0-3-500", "0-1-100,0-2-106", "0-3-500"},
      {"nor does another domain", "1-2-500", "0-1-100,0-2-106", "1-2-500"},
      {"each domain by itself", "0-2-106,1-2-3", "0-1-100,0-2-106,1-1-2,1-2-9", "0-1-100,0-2-106,1-1-2,1-2-3"},
      {"nothing in common", "", "0-1-100", ""},
      {"mysql lists everything", "a:5", "a:1-9,b:1-3", "a:5"},
  };
  for (const auto& it : cases)
    EXPECT_EQ(shortened(set(it.have).with_history(set(it.log)).to_string()), it.expected) << it.name;
}

}  // namespace
}  // namespace sluice::protocol
