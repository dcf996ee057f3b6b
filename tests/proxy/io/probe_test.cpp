// Which loop runs, and what is said about it: with io_uring as it is, and denied by a real seccomp filter as container
// profiles do (seccomp(2)). The filter stays for the life of a process, so each case runs in a child.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstddef>

#include "proxy/io/loop_harness.hpp"
#include "proxy/io/uring_probe.hpp"

namespace sluice::io {
namespace {

bool deny(unsigned syscall_number, unsigned error) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syscall_number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

struct Told {
  std::string automatic;  // reason of the loop that runs
  std::string forced;     // error when io_uring is insisted on
};

Told create_both() {
  Told told;
  if (auto loop = Loop::create({}); loop) told.automatic = (*loop)->reason();
  LoopOptions insist;
  insist.backend = Backend::io_uring;
  if (auto loop = Loop::create(insist); !loop) told.forced = loop.error().what;
  return told;
}

// What a child with that system call denied is told.
Told told_when_denied(unsigned syscall_number, unsigned error) {
  std::array<int, 2> pipe_fds{};
  EXPECT_EQ(::pipe2(pipe_fds.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!deny(syscall_number, error)) ::_exit(1);
    const Told told = create_both();
    const std::string text = told.automatic + "\n" + told.forced;
    ::_exit(::write(pipe_fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 2);
  }
  ::close(pipe_fds[1]);
  std::string text;
  std::array<char, 4096> chunk{};
  ssize_t n = 0;
  while ((n = ::read(pipe_fds[0], chunk.data(), chunk.size())) > 0)
    text.append(chunk.data(), static_cast<std::size_t>(n));
  ::close(pipe_fds[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const std::size_t line = text.find('\n');
  return {text.substr(0, line), text.substr(line + 1)};
}

TEST(ProbeTest, SaysThatIoUringRuns) {
  const UringProbe probe = probe_uring();
  ASSERT_TRUE(probe.usable()) << probe.reason;
  auto loop = Loop::create({});
  ASSERT_TRUE(loop.ok());
  EXPECT_EQ((*loop)->backend(), Backend::io_uring);
  EXPECT_EQ((*loop)->reason(), "io_uring: " + probe.reason);
  EXPECT_NE(probe.reason.find("has all that is needed"), std::string::npos);
}

TEST(ProbeTest, TakesEpollIfAskedTo) {
  LoopOptions options;
  options.backend = Backend::epoll;
  auto loop = Loop::create(options);
  ASSERT_TRUE(loop.ok());
  EXPECT_EQ((*loop)->backend(), Backend::epoll);
  EXPECT_EQ((*loop)->reason(), "epoll: asked for by configuration");
}

TEST(ProbeTest, FallsBackWhereAContainerProfileDenies) {
  const Told told = told_when_denied(SYS_io_uring_setup, EPERM);
  const std::string refused =
      "io_uring_setup was denied (EPERM), as container profiles and kernel.io_uring_disabled do";
  EXPECT_EQ(told.automatic, "epoll: " + refused);
  EXPECT_EQ(told.forced, refused);
}

TEST(ProbeTest, FallsBackWhereTheKernelHasNone) {
  const Told told = told_when_denied(SYS_io_uring_setup, ENOSYS);
  EXPECT_EQ(told.automatic,
            "epoll: io_uring_setup is not there (ENOSYS): a kernel without io_uring, or a container profile");
}

TEST(ProbeTest, FallsBackWhereTheKernelIsTooOld) {
  const Told told = told_when_denied(SYS_io_uring_setup, EINVAL);
  EXPECT_TRUE(told.automatic.starts_with("epoll: io_uring_setup doesn't know what is needed (EINVAL): kernel "));
  EXPECT_TRUE(told.automatic.ends_with(", 6.1 is the oldest that does"));
}

TEST(ProbeTest, NoticesThatLaterCallsAreDenied) {
  EXPECT_EQ(told_when_denied(SYS_io_uring_register, EPERM).automatic,
            "epoll: io_uring_register of a buffer ring was denied (EPERM), as container profiles and "
            "kernel.io_uring_disabled do");
  EXPECT_EQ(told_when_denied(SYS_io_uring_enter, EPERM).automatic,
            "epoll: io_uring_enter with a multishot receive was denied (EPERM), as container profiles and "
            "kernel.io_uring_disabled do");
}

}  // namespace
}  // namespace sluice::io
