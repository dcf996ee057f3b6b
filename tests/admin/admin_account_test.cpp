#include "admin/admin_account.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace sluice::admin {
namespace {

class AdminAccountTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-account-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    config_.proxy.state_dir = dir_ + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
  Config config_;
};

TEST_F(AdminAccountTest, AConfiguredPasswordIsTaken) {
  config_.admin.secret.password = "given";
  const auto account = make_admin_account(config_);
  ASSERT_TRUE(account);
  EXPECT_EQ(account->password, "given");
  EXPECT_FALSE(std::filesystem::exists(config_.proxy.state_dir)) << "nothing is written";
}

TEST_F(AdminAccountTest, OneIsMadeOnceAndOnlyItsOwnerReadsIt) {
  const auto first = make_admin_account(config_);
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(first->password.size(), 30U);
  EXPECT_EQ(first->made_file, admin_password_file(config_));
  struct stat info{};
  ASSERT_EQ(stat(first->made_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  const auto second = make_admin_account(config_);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->password, first->password);
  EXPECT_EQ(second->made_file, "");
  EXPECT_EQ(read_admin_account(config_)->password, first->password);
}

TEST_F(AdminAccountTest, ReadingNeverMakesOne) {
  const auto account = read_admin_account(config_);
  ASSERT_FALSE(account);
  EXPECT_NE(account.error().find("admin.password: No such file"), std::string::npos) << account.error();
  EXPECT_FALSE(std::filesystem::exists(config_.proxy.state_dir));
}

}  // namespace
}  // namespace sluice::admin
