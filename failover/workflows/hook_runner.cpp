#include "failover/workflows/hook_runner.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::failover {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

std::vector<std::string> environment_of(const HookCall& call) {
  std::vector<std::string> variables = {
      "SLUICE_CLUSTER=" + call.cluster,       "SLUICE_OLD_LEADER=" + call.old_leader,
      "SLUICE_NEW_LEADER=" + call.new_leader, "SLUICE_EPOCH=" + std::to_string(call.epoch),
      "SLUICE_PHASE=" + call.phase,
  };
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (!text.starts_with("SLUICE_")) variables.push_back(text);
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  found.reserve(texts.size() + 1);
  for (auto& text : texts) found.push_back(text.data());
  found.push_back(nullptr);
  return found;
}

// Attributes of the child: no signal blocked or ignored, its own group, our descriptors closed.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&files_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // 0 or an errno.
  int spawn(const HookCall& call, pid_t& pid) {
    std::vector<std::string> arguments = {call.executable};
    arguments.insert(arguments.end(), call.arguments.begin(), call.arguments.end());
    auto environment = environment_of(call);
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    return ::posix_spawn(&pid, call.executable.c_str(), &files_, &attributes_, argv.data(), envp.data());
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

std::string describe(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED)
    return info.si_status == 0 ? std::string() : "it ended with exit code " + std::to_string(info.si_status);
  return "it was ended by signal " + std::to_string(info.si_status);
}

}  // namespace

// Lives as long as its process: its own handlers keep it, so that a killed process is reaped even if nobody waits for
// what it said.
class HookRunner::Process : public std::enable_shared_from_this<Process> {
 public:
  Process(asio::io_context& io, Done done)
      : io_(io), output_(io), process_(io), deadline_(io), done_(std::move(done)) {}
  ~Process() {
    if (pid_ > 0) kill_and_reap();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start(const HookCall& call, std::chrono::milliseconds budget) {
    if (const auto error = spawn(call); !error.empty()) return tell(error);
    read();
    process_.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->on_end();
    });
    deadline_.expires_after(budget);
    deadline_.async_wait([weak = weak_from_this(), budget](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self)
        self->give_up("it was killed because it took longer than " + std::to_string(budget.count()) + " ms");
    });
  }

  // The process ends soon after; what is told is told now.
  void give_up(const std::string& why) {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
    tell(why);
  }
  void forget() { done_ = nullptr; }

 private:
  std::string spawn(const HookCall& call) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return std::string("no pipe for its output: ") + std::strerror(errno);
    output_.assign(ends[0]);
    output_.native_non_blocking(true);
    const int failed = SpawnPlan(ends[1]).spawn(call, pid_);
    ::close(ends[1]);
    if (failed != 0) {
      pid_ = 0;
      return std::string("it cannot be run: ") + std::strerror(failed);
    }
    const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (handle < 0) {
      const int number = errno;
      kill_and_reap();
      return std::string("its end cannot be watched: ") + std::strerror(number);
    }
    process_.assign(handle);
    return {};
  }

  // Reads only here and in on_end(): a read that the io_context does by itself would lie about what is left.
  void read() {
    output_.async_wait(Descriptor::wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      if (self->drain()) self->read();
    });
  }

  // At most pipe_bytes_max, so that who prints without end holds up nobody. False: the other end is closed.
  bool drain() {
    for (std::size_t total = 0; total < pipe_bytes_max;) {
      // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): it does not block, and no lock is held
      const auto size = ::read(output_.native_handle(), chunk_.data(), chunk_.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return size < 0 && errno == EAGAIN;
      text_.append(chunk_.data(), static_cast<std::size_t>(size));
      if (text_.size() > hook_output_max) text_.erase(0, text_.size() - hook_output_max);
      total += static_cast<std::size_t>(size);
    }
    return true;
  }

  // What it printed last lies in the pipe; a child of its own may hold the other end for ever.
  void on_end() {
    if (output_.is_open()) (void)drain();
    siginfo_t info{};
    const bool known = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid_;
    pid_ = 0;
    tell(known ? describe(info) : "nobody knows how it ended");
  }

  void tell(const std::string& error) {
    deadline_.cancel();
    boost::system::error_code ignored;
    (void)output_.close(ignored);
    if (!done_) return;
    HookResult result{error, std::move(text_)};
    asio::post(io_, [done = std::exchange(done_, nullptr), result = std::move(result)] { done(result); });
  }

  void kill_and_reap() {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  static constexpr std::size_t pipe_bytes_max = 1UL
                                                << 20;  // read at once: what a pipe holds, unless root made it larger

  asio::io_context& io_;
  Descriptor output_;
  Descriptor process_;
  asio::steady_timer deadline_;
  Done done_;
  pid_t pid_ = 0;  // 0: not started, or reaped
  std::array<char, 4096> chunk_{};
  std::string text_;
};

HookRunner::HookRunner(asio::io_context& io) : io_(io) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
HookRunner::~HookRunner() {
  if (!process_) return;
  process_->forget();
  process_->give_up("");
}

void HookRunner::run(const HookCall& call, std::chrono::milliseconds budget, Done done) {
  if (process_) process_->give_up("given up for another hook");
  process_ = std::make_shared<Process>(io_, std::move(done));
  process_->start(call, budget);
}

}  // namespace sluice::failover
