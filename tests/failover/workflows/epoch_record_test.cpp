// failover/workflows/epoch_record: the text, and the file that is either old or new.
#include "failover/workflows/epoch_record.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "failover/workflows/epoch_record_file.hpp"
#include "support/temp_folder.hpp"

namespace sluice::failover {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

EpochRecord example() {
  return {"main", 8, "db2:3306", "db1:3306", LeaderChange{"db1:3306", "db2:3306", "2026-01-31 12:00:03 UTC"}};
}

std::string why_not(const std::string& text) {
  std::string why;
  EXPECT_FALSE(parse_epoch_record(text, why)) << text;
  return why;
}

TEST(EpochRecord, SaysWhatItWasTold) {
  const EpochRecord deposed{"main", 8, "", "db1:3306", {}};
  for (auto record :
       {example(), deposed, EpochRecord{"a \"b\"\\\n\u00e9", 18'446'744'073'709'551'615ULL, "x", "", {}}}) {
    std::string why;
    const auto read = parse_epoch_record(format(record), why);
    ASSERT_TRUE(read) << why;
    EXPECT_EQ(*read, record);
  }
  EXPECT_EQ(format(example()),
            R"({"version":1,"cluster":"main","epoch":8,"leader":"db2:3306","previous_leader":"db1:3306",)"
            R"("change":{"from":"db1:3306","to":"db2:3306","since":"2026-01-31 12:00:03 UTC"}})"
            "\n");
}

TEST(EpochRecord, EveryTornTextIsRefused) {
  const auto text = format(example());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) EXPECT_FALSE(why_not(text.substr(0, size)).empty());
}

TEST(EpochRecord, SaysWhatIsWrong) {
  EXPECT_TRUE(contains(why_not("[]"), "no JSON object"));
  EXPECT_TRUE(contains(why_not("{}"), "\"version\" is missing"));
  // Nobody leads, and nobody was deposed: that is no record.
  EXPECT_TRUE(contains(why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"","previous_leader":""})"), "leader"));
  EXPECT_TRUE(contains(why_not(R"({"version":2,"cluster":"m","epoch":1,"leader":"a","previous_leader":""})"), "newer"));
  EXPECT_TRUE(contains(why_not(R"({"version":1,"cluster":"m","epoch":0,"leader":"a","previous_leader":""})"), "epoch"));
  EXPECT_TRUE(
      contains(why_not(R"({"version":1,"cluster":"m","epoch":-1,"leader":"a","previous_leader":""})"), "epoch"));
  EXPECT_TRUE(
      contains(why_not(R"({"version":1,"cluster":"m","epoch":1.5,"leader":"a","previous_leader":""})"), "epoch"));
  EXPECT_TRUE(contains(why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"","previous_leader":""})"), "leader"));
  EXPECT_TRUE(contains(why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"a"})"), "previous_leader"));
  EXPECT_TRUE(
      contains(why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"a","previous_leader":"","x":1})"), "know"));
  EXPECT_TRUE(contains(why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"a","previous_leader":"","change":1})"),
                       "change"));
  EXPECT_TRUE(contains(
      why_not(R"({"version":1,"cluster":"m","epoch":1,"leader":"a","previous_leader":"","change":{"from":"a"}})"),
      "to"));
  EXPECT_TRUE(contains(why_not(std::string(epoch_record_bytes_max + 1, ' ')), "longer"));
  EXPECT_TRUE(contains(why_not("[[[[[[]]]]]]"), "no JSON"));
}

class EpochRecordFile : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return epoch_record_path(folder_.path(), "main"); }
  void put(const std::string& text) const { std::ofstream(path()) << text; }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path()).rdbuf();
    return all.str();
  }

  test::TempFolder folder_{"epoch"};
};

TEST_F(EpochRecordFile, EachClusterHasItsOwn) {
  EXPECT_EQ(path().filename(), "epoch-main.json");
  EXPECT_EQ(epoch_record_path("s", "../a b"), "s/epoch-%2E%2E%2Fa%20b.json");
  EXPECT_NE(epoch_record_path("s", "a%20b"), epoch_record_path("s", "a b"));
}

TEST_F(EpochRecordFile, IsReadBack) {
  const auto none = read_epoch_record(path(), "main");
  EXPECT_FALSE(none.record);
  EXPECT_EQ(none.error, "") << "a file that is not there is no error";
  EXPECT_EQ(write_epoch_record(path(), example()), "");
  const auto read = read_epoch_record(path(), "main");
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.record, example());
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(EpochRecordFile, ATornOneIsNotUsedAndIsNamed) {
  put(format(example()).substr(0, 40));
  const auto read = read_epoch_record(path(), "main");
  EXPECT_FALSE(read.record);
  EXPECT_TRUE(contains(read.error, path().string())) << read.error;
}

TEST_F(EpochRecordFile, OneOfAnotherClusterIsNotUsed) {
  put(format(example()));
  const auto read = read_epoch_record(path(), "other");
  EXPECT_FALSE(read.record);
  EXPECT_TRUE(contains(read.error, "another cluster, 'main'")) << read.error;
}

TEST_F(EpochRecordFile, WhatCantBeReadIsAnError) {
  fs::create_directory(path());
  const auto read = read_epoch_record(path(), "main");
  EXPECT_FALSE(read.record);
  EXPECT_TRUE(contains(read.error, path().string())) << read.error;
}

TEST_F(EpochRecordFile, AWriteThatFailsLeavesTheOldOne) {
  ASSERT_EQ(write_epoch_record(path(), example()), "");
  auto next = example();
  next.epoch = 9;
  fs::create_directory(path().string() + ".new");  // in the place of the temporary file; root may write anywhere else
  const auto error = write_epoch_record(path(), next);
  EXPECT_TRUE(contains(error, path().string() + ".new")) << error;
  EXPECT_EQ(text(), format(example()));
}

TEST_F(EpochRecordFile, AFolderThatIsGoneIsAnError) {
  const auto gone = epoch_record_path(folder_.path() / "gone", "main");
  EXPECT_TRUE(contains(write_epoch_record(gone, example()), gone.string()));
}

TEST_F(EpochRecordFile, TheWriterKeepsTheOrder) {
  boost::asio::io_context io;
  std::vector<std::string> told;
  {
    RecordWriter writer(io, path());
    for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) {
      auto record = example();
      record.epoch = epoch;
      writer.write(record, [&told, epoch](const std::string& error) { told.push_back(std::to_string(epoch) + error); });
    }
    io.run();
  }
  ASSERT_EQ(told.size(), 20U);
  for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) EXPECT_EQ(told[epoch - 1], std::to_string(epoch));
  EXPECT_EQ(read_epoch_record(path(), "main").record->epoch, 20U);
}

TEST_F(EpochRecordFile, AWriterThatIsGoneCallsNobody) {
  boost::asio::io_context io;
  {
    RecordWriter writer(io, path());
    writer.write(example(), [](const std::string&) { ADD_FAILURE() << "called"; });
  }
  io.run();
  EXPECT_EQ(read_epoch_record(path(), "main").record, example()) << "but what was given is written";
}

}  // namespace
}  // namespace sluice::failover
