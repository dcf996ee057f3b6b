#include "proxy/tls/private_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/tls/temp_dir.hpp"

namespace sluice::tls {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

TEST(WriteFile, ReplacesTheFileAndLeavesNothingElse) {
  const testing::TempDir dir;
  ASSERT_EQ(write_file(dir.file("a"), "old", 0600), std::nullopt);
  ASSERT_EQ(write_file(dir.file("a"), "new", 0600), std::nullopt);
  EXPECT_EQ(testing::read_file(dir.file("a")), "new");
  EXPECT_EQ(mode_of(dir.file("a")), 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(WriteFile, DoesNotKeepTheModeOfALeftOver) {
  const testing::TempDir dir;
  std::ofstream(dir.file("a.new")) << "half";
  ::chmod(dir.file("a.new").c_str(), 0666);
  ASSERT_EQ(write_file(dir.file("a"), "secret", 0600), std::nullopt);
  EXPECT_EQ(mode_of(dir.file("a")), 0600U);
}

TEST(WriteFile, NamesThePathThatFails) {
  const testing::TempDir dir;
  const auto error = write_file(dir.file("absent/a"), "x", 0600);
  ASSERT_TRUE(error.has_value());
  EXPECT_NE(error->find("absent/a"), std::string::npos) << *error;
  EXPECT_NE(error->find("No such file"), std::string::npos) << *error;
}

TEST(DirectoryLock, IsHeldUntilItsEnd) {
  const testing::TempDir dir;
  const int other = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY);
  {
    const auto lock = DirectoryLock::take(dir.path());
    ASSERT_TRUE(lock.ok()) << lock.error();
    EXPECT_NE(::flock(other, LOCK_EX | LOCK_NB), 0);
  }
  EXPECT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
  ::close(other);
}

TEST(DirectoryLock, NamesTheFolderThatIsNotThere) {
  const testing::TempDir dir;
  const auto lock = DirectoryLock::take(dir.file("absent"));
  ASSERT_FALSE(lock.ok());
  EXPECT_NE(lock.error().find("absent: No such file"), std::string::npos) << lock.error();
}

}  // namespace
}  // namespace sluice::tls
