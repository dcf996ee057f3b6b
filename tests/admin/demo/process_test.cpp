// Starting, naming and ending processes, and leaving alone those that are not ours.
#include "admin/demo/process.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/wait.hpp"
#include "support/temp_folder.hpp"
#include "support/time.hpp"

namespace sluice::demo {
namespace {

using namespace std::chrono_literals;

class Process : public testing::Test {
 protected:
  SpawnOptions shell(const std::string& script) {
    SpawnOptions options;
    options.argv = {"sh", "-c", script};
    options.output = folder_.path() / "output";
    options.pid_file = folder_.path() / "pid";
    options.lifetime = Lifetime::with_parent;
    return options;
  }
  test::TempFolder folder_{"process"};
};

TEST_F(Process, ItsPidFileNamesItAndItsEndIsTold) {
  SpawnOptions options = shell("echo \"$WORD\"; exit 3");
  options.environment = {"WORD=hello"};
  const ProcessId id = spawn(options);
  EXPECT_EQ(read_pid_file(options.pid_file), id);
  const auto end = await_exit(id, test::hang_limit);
  ASSERT_TRUE(end && end->known);
  EXPECT_EQ(end->code, 3);
  EXPECT_EQ(read_file(options.output), "hello\n");
  EXPECT_FALSE(is_running(id));
}

TEST_F(Process, IsEndedByASignal) {
  const ProcessId id = spawn(shell("exec sleep 3600"));
  EXPECT_TRUE(is_running(id));
  EXPECT_FALSE(await_exit(id, 0ms));
  EXPECT_TRUE(send_signal(id, SIGTERM));
  const auto end = await_exit(id, test::hang_limit);
  ASSERT_TRUE(end && end->known);
  EXPECT_EQ(end->signal, SIGTERM);
  EXPECT_FALSE(send_signal(id, SIGTERM));
}

TEST_F(Process, AnotherProcessWithARecycledPidIsLeftAlone) {
  const ProcessId id = spawn(shell("exec sleep 3600"));
  const ProcessId earlier{id.pid, id.start_time - 1};  // who had this pid before
  EXPECT_FALSE(is_running(earlier));
  EXPECT_FALSE(send_signal(earlier, SIGKILL));
  EXPECT_TRUE(await_exit(earlier, 0ms));  // it is gone
  EXPECT_TRUE(is_running(id));
  send_signal(id, SIGKILL);
  EXPECT_TRUE(await_exit(id, test::hang_limit));
}

TEST_F(Process, APidFileFromBeforeARebootNamesNobody) {
  const fs::path file = folder_.path() / "pid";
  const auto self = identify(::getpid());
  ASSERT_TRUE(self);
  write_pid_file(file, *self);
  EXPECT_EQ(read_pid_file(file), self);
  const std::string text = *read_file(file);
  write_file(file, text.substr(0, text.rfind(' ')) + " another-boot\n", 0644);
  EXPECT_FALSE(read_pid_file(file));
  write_file(file, "garbage\n", 0644);
  EXPECT_FALSE(read_pid_file(file));
}

TEST_F(Process, AProgramThatIsNotThereIsAnErrorAndLeavesNoPidFile) {
  SpawnOptions options = shell("");
  options.argv = {"/nonexistent/program"};
  EXPECT_THROW(static_cast<void>(spawn(options)), DemoError);
  EXPECT_FALSE(fs::exists(options.pid_file));
}

TEST_F(Process, DiesWithItsParent) {
  SpawnOptions options = shell("exec sleep 3600");
  const pid_t parent = ::fork();
  if (parent == 0) {
    static_cast<void>(spawn(options));
    ::pause();
    ::_exit(0);
  }
  ASSERT_TRUE(await([&] { return read_pid_file(options.pid_file).has_value(); }, test::hang_limit));
  const ProcessId child = *read_pid_file(options.pid_file);
  ASSERT_TRUE(
      await([&] { return read_file("/proc/" + std::to_string(child.pid) + "/comm") == "sleep\n"; }, test::hang_limit));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(await_exit(child, test::hang_limit));
}

TEST_F(Process, IsStoppedWhenEachOfItsThreadsIs) {
  const ProcessId id = spawn(shell("exec sleep 3600"));
  EXPECT_FALSE(is_stopped(id));
  EXPECT_TRUE(send_signal(id, SIGSTOP));
  EXPECT_TRUE(await([&] { return is_stopped(id); }, test::hang_limit));
  EXPECT_TRUE(send_signal(id, SIGCONT));
  EXPECT_TRUE(await([&] { return !is_stopped(id); }, test::hang_limit));
  EXPECT_TRUE(send_signal(id, SIGKILL));
  EXPECT_TRUE(await_exit(id, test::hang_limit).has_value());
  EXPECT_FALSE(is_stopped(id));
}

TEST_F(Process, DetachedOutlivesItsParent) {
  SpawnOptions options = shell("exec sleep 3600");
  options.lifetime = Lifetime::detached;
  const pid_t parent = ::fork();
  if (parent == 0) {
    static_cast<void>(spawn(options));
    ::_exit(0);
  }
  ::waitpid(parent, nullptr, 0);
  const auto child = read_pid_file(options.pid_file);
  ASSERT_TRUE(child);
  EXPECT_TRUE(is_running(*child));
  EXPECT_TRUE(send_signal(*child, SIGKILL));
  EXPECT_TRUE(await_exit(*child, test::hang_limit));
}

TEST_F(Process, InheritsNoDescriptor) {
  const UniqueFd mine(::dup(2));  // without close-on-exec, as a caller's pipe might be
  const ProcessId id = spawn(shell("ls /proc/self/fd | wc -l"));
  ASSERT_TRUE(await_exit(id, test::hang_limit));
  const auto count = read_file(folder_.path() / "output");
  EXPECT_EQ(count, "4\n");  // 0, 1, 2 and the folder that ls reads
}

// As when `demo up` is killed while a tool works: the tool is a script, and only the script dies with us.
TEST_F(Process, ALockThatItKeepsIsHeldUntilItsLastChildHasEnded) {
  SpawnOptions options = shell("sleep 3600 & echo $! > \"$CHILD.new\"; mv \"$CHILD.new\" \"$CHILD\"; wait");
  const fs::path child_file = folder_.path() / "child";
  options.environment = {"CHILD=" + child_file.string()};
  auto lock = std::make_unique<FolderLock>(folder_.path(), 0ms);
  options.keep_open = lock->descriptor();
  const ProcessId script = spawn(options);
  ASSERT_TRUE(await([&] { return fs::exists(child_file); }, test::hang_limit));
  const auto child = identify(std::stoi(read_file(child_file).value_or("0")));
  ASSERT_TRUE(child);

  lock.reset();
  EXPECT_TRUE(send_signal(script, SIGKILL));
  ASSERT_TRUE(await_exit(script, test::hang_limit));
  EXPECT_THROW(FolderLock(folder_.path(), 0ms), DemoError);
  EXPECT_TRUE(send_signal(*child, SIGKILL));
  EXPECT_NO_THROW(FolderLock(folder_.path(), test::hang_limit));
}

}  // namespace
}  // namespace sluice::demo
