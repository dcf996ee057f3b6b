// failover/workflows/hook_runner with real executables: shell scripts in a folder of the test.
#include "failover/workflows/hook_runner.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

#include "support/temp_folder.hpp"
#include "support/time.hpp"

namespace sluice::failover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class HookRunnerTest : public ::testing::Test {
 protected:
  ~HookRunnerTest() override {
    errno = 0;
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
    EXPECT_EQ(errno, ECHILD);
  }

  HookCall script(const std::string& text) {
    HookCall call;
    call.executable = (folder_.path() / "hook").string();
    std::ofstream(call.executable) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(call.executable, fs::perms::owner_all);
    return call;
  }
  HookResult run(const HookCall& call, std::chrono::milliseconds budget = test::hang_limit - 60s) {
    std::optional<HookResult> found;
    hooks_.run(call, budget, [&](const HookResult& result) { found = result; });
    io_.restart();
    io_.run_for(test::hang_limit);
    EXPECT_TRUE(found);
    return found.value_or(HookResult{});
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    std::string text;
    std::getline(std::ifstream(folder_.path() / name), text, '\0');
    return text;
  }

  test::TempFolder folder_{"hook"};
  boost::asio::io_context io_;
  HookRunner hooks_{io_};
};

TEST_F(HookRunnerTest, TellsTheHookWhatHappens) {
  auto call = script("echo \"$1|$SLUICE_CLUSTER|$SLUICE_OLD_LEADER|$SLUICE_NEW_LEADER|$SLUICE_EPOCH|$SLUICE_PHASE\"");
  call.arguments = {"two words"};
  call.cluster = "main";
  call.old_leader = "db1:3306";
  call.new_leader = "db2:3306";
  call.epoch = 8;
  call.phase = "before";
  const auto result = run(call);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.output, "two words|main|db1:3306|db2:3306|8|before\n");
}

TEST_F(HookRunnerTest, TellsHowItFailed) {
  auto result = run(script("echo no; echo really no >&2; exit 3"));
  EXPECT_EQ(result.error, "it ended with exit code 3");
  EXPECT_EQ(result.output, "no\nreally no\n");
  result = run(script("kill -TERM $$"));
  EXPECT_EQ(result.error, "it was ended by signal 15");
  HookCall none;
  none.executable = (folder_.path() / "none").string();
  EXPECT_EQ(run(none).error, "it cannot be run: No such file or directory");
}

TEST_F(HookRunnerTest, OneThatHangsIsKilledWithWhatItStarted) {
  const auto call = script("sleep 1000 & echo $! > \"$(dirname \"$0\")/child\"; echo begun; wait");
  const auto budget = test::scaled(1000ms);  // it has begun by then
  std::optional<HookResult> found;
  hooks_.run(call, budget, [&](const HookResult& result) { found = result; });
  io_.run_for(test::hang_limit);
  ASSERT_TRUE(found);
  EXPECT_TRUE(contains(found->error, "longer than " + std::to_string(budget.count()) + " ms")) << found->error;
  EXPECT_EQ(found->output, "begun\n");
  const auto child = std::stoi(file("child"));
  const auto ended = [&] {
    std::string state;
    std::getline(std::ifstream("/proc/" + std::to_string(child) + "/stat"), state);
    return state.empty() || contains(state, ") Z");
  };
  EXPECT_TRUE(test::await(ended)) << "what it started still runs";
}

TEST_F(HookRunnerTest, OfAFloodTheEndIsKept) {
  const auto result = run(script("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo the end"));
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.output.size(), hook_output_max);
  EXPECT_TRUE(result.output.ends_with("x\nthe end\n"));
}

TEST_F(HookRunnerTest, AFloodThatNeverEndsIsBounded) {
  const auto result = run(script("exec yes"), 500ms);
  EXPECT_TRUE(contains(result.error, "longer than")) << result.error;
  EXPECT_LE(result.output.size(), hook_output_max);
}

TEST_F(HookRunnerTest, WhatItLeavesInTheBackgroundIsNotWaitedFor) {
  const auto result = run(script("sleep 1000 & echo $! > \"$(dirname \"$0\")/child\"; echo done"));
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.output, "done\n");
  EXPECT_EQ(::kill(std::stoi(file("child")), SIGKILL), 0) << "it goes on";
}

TEST_F(HookRunnerTest, NoDescriptorAndNoSignalMaskOfOursReachesIt) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, on purpose
  ASSERT_GE(leaky, 0);
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  sigset_t all;
  sigset_t saved;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &saved);
  const auto result =
      run(script("grep '^SigBlk' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0"));
  const auto piped = run(script("kill -PIPE $$"));
  ::pthread_sigmask(SIG_SETMASK, &saved, nullptr);
  ::signal(SIGPIPE, before);
  ::close(leaky);
  EXPECT_EQ(result.error, "");
  // 3 is the folder that is listed.
  EXPECT_EQ(result.output, "SigBlk:\t0000000000000000\n0 1 2 3 /dev/null\n");
  EXPECT_EQ(piped.error, "it was ended by signal 13");
}

TEST_F(HookRunnerTest, ANewOneEndsTheOneThatRuns) {
  std::optional<HookResult> first;
  hooks_.run(script("sleep 1000"), test::hang_limit, [&](const HookResult& result) { first = result; });
  EXPECT_EQ(run(script("echo second")).output, "second\n");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->error, "given up for another hook");
}

TEST_F(HookRunnerTest, AHookThatNobodyWaitsForIsEndedAndReaped) {
  {
    HookRunner gone(io_);
    gone.run(script("sleep 1000"), test::hang_limit, [](const HookResult&) { ADD_FAILURE() << "called"; });
  }
  io_.run_for(test::hang_limit);
}

}  // namespace
}  // namespace sluice::failover
