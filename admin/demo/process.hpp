// Processes that may outlive us, and that are never mistaken for another: a pid together with its start time.
//
// Flow: `spawn` forks, writes the pid file, and only then lets the child exec, so that no server ever runs without a
// pid file. A later command reads the file back (`read_pid_file`), and every signal goes through a pidfd that was
// checked against the recorded start time: a recycled pid is left alone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sluice::demo {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks after boot: field 22 of /proc/<pid>/stat, see proc(5)
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

enum class Lifetime {
  detached,     // its own session; goes on when we end
  with_parent,  // killed by the kernel when the thread that spawned it ends: spawn from a thread that stays
};

struct RunAs {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct SpawnOptions {
  std::vector<std::string> argv;         // argv[0] is a path, or a name looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", in addition to ours
  std::filesystem::path output;          // standard output and error are appended there; /dev/null when empty
  std::filesystem::path pid_file;        // none when empty
  std::optional<RunAs> run_as;           // only root may
  Lifetime lifetime = Lifetime::detached;
  // A descriptor that it and its own children keep: a FolderLock's is then held until the last of them has ended, even
  // if whoever spawned it was killed.
  int keep_open = -1;
  std::uint64_t open_files_max = 0;  // soft limit, raised as far as we may; 0: inherited
};

struct ExitStatus {
  bool known = false;  // false: it was not our child, so nobody told us
  int code = 0;        // exit code, when it ended by itself
  int signal = 0;      // the signal that ended it, else 0
};

// Throws DemoError when the program cannot be started.
[[nodiscard]] ProcessId spawn(const SpawnOptions& options);

// The running process of that pid; nullopt when there is none (or it is a zombie).
[[nodiscard]] std::optional<ProcessId> identify(pid_t pid);
[[nodiscard]] bool is_running(ProcessId id);

// SIGSTOP has reached each of its threads: none goes on with what it was doing. False when it is gone.
[[nodiscard]] bool is_stopped(ProcessId id);

// False when that very process is gone.
bool send_signal(ProcessId id, int signal_number);

// The end of the process, or nullopt when `bound` is over. Reaps it when it is our child.
[[nodiscard]] std::optional<ExitStatus> await_exit(ProcessId id, std::chrono::milliseconds bound);

void write_pid_file(const std::filesystem::path& path, ProcessId id);
// nullopt: no such file, unreadable, or written before the machine was started anew.
[[nodiscard]] std::optional<ProcessId> read_pid_file(const std::filesystem::path& path);

}  // namespace sluice::demo
