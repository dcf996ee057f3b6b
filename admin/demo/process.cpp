#include "admin/demo/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 declares these without C linkage
}

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"

namespace sluice::demo {
namespace {

struct Stat {
  char state = 'X';
  std::uint64_t start_time = 0;
};

// proc(5): the second field is the name in parentheses and may itself hold spaces and parentheses, so count from the
// last ')': the state is field 3, the start time field 22.
std::optional<Stat> read_stat(const std::filesystem::path& process_or_thread) {
  std::ifstream file(process_or_thread / "stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end_of_name + 1));
  Stat stat;
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.start_time;
  if (!fields) return std::nullopt;
  return stat;
}

std::filesystem::path proc_folder(pid_t pid) { return std::filesystem::path("/proc") / std::to_string(pid); }

std::optional<Stat> read_stat(pid_t pid) { return read_stat(proc_folder(pid)); }

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id.empty() ? "-" : id;
}

// A pidfd of exactly this process. Checked after opening: the descriptor then refers to the process that was checked.
UniqueFd open_process(ProcessId id) {
  if (id.pid <= 0) return {};
  UniqueFd fd(::pidfd_open(id.pid, 0));
  if (!fd) return {};
  const auto stat = read_stat(id.pid);
  if (!stat || stat->start_time != id.start_time) return {};
  return fd;
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw DemoError(std::string("cannot make a pipe: ") + std::strerror(errno));
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

[[noreturn]] void give_up(int report_fd) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report_fd, &error, sizeof error);
  ::_exit(127);
}

// What the child needs, made before fork: between fork and exec only async-signal-safe calls are allowed.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* output = nullptr;
  const SpawnOptions* options = nullptr;
  pid_t parent = 0;
  int go = -1;      // one byte: go on; end of file: our parent died before it wrote the pid file
  int report = -1;  // errno when something fails; closed by a successful exec
};

void raise_open_files(std::uint64_t wanted) {
  rlimit limit{};
  if (wanted == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  const auto allowed = limit.rlim_max;
  if (limit.rlim_max < wanted) limit.rlim_max = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  limit.rlim_cur = limit.rlim_max = allowed;  // not root: as far as it goes
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  char byte = 0;
  if (::read(plan.go, &byte, 1) != 1) ::_exit(127);
  ::setsid();
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  const int input = ::open("/dev/null", O_RDONLY);
  const int output = ::open(plan.output, O_WRONLY | O_CREAT | O_APPEND, 0640);
  if (input < 0 || output < 0 || ::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) {
    give_up(plan.report);
  }
  // Whatever the caller holds (its shell's pipes too) must not stay open in a server that goes on for days.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (plan.options->keep_open >= 0) ::fcntl(plan.options->keep_open, F_SETFD, 0);
  raise_open_files(plan.options->open_files_max);

  if (const auto& run_as = plan.options->run_as) {
    // A server opens its log again by name: what it could not open, MySQL would write nowhere.
    const bool own_log = !plan.options->output.empty();
    if (own_log && ::fchown(output, run_as->uid, run_as->gid) != 0) give_up(plan.report);
    if (::setgroups(0, nullptr) != 0 || ::setgid(run_as->gid) != 0 || ::setuid(run_as->uid) != 0) give_up(plan.report);
  }
  // After setuid, which clears it: prctl(2), PR_SET_PDEATHSIG.
  if (plan.options->lifetime == Lifetime::with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  ::execvpe(plan.argv[0], plan.argv.data(), plan.environment.data());
  give_up(plan.report);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);  // and the null at the end
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  return result;
}

}  // namespace

ProcessId spawn(const SpawnOptions& options) {
  const Pipe go = make_pipe();
  Pipe report = make_pipe();
  const std::string output = options.output.empty() ? "/dev/null" : options.output.string();
  ChildPlan plan{.argv = pointers(options.argv),
                 .environment = pointers(options.environment),
                 .output = output.c_str(),
                 .options = &options,
                 .parent = ::getpid(),
                 .go = go.read_end.get(),
                 .report = report.write_end.get()};
  for (char** variable = environ; *variable != nullptr; ++variable) plan.environment.push_back(*variable);
  plan.environment.push_back(nullptr);
  plan.argv.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid < 0) throw DemoError("cannot fork: " + std::string(std::strerror(errno)));
  if (pid == 0) {
    ::close(go.write_end.get());  // or it would never see the end of file
    run_child(plan);
  }
  report.write_end.reset();
  const auto id = identify(pid);
  if (!id) throw DemoError("cannot read /proc/" + std::to_string(pid) + "/stat: is /proc mounted?");
  if (!options.pid_file.empty()) write_pid_file(options.pid_file, *id);

  int error = 0;
  const bool told = ::write(go.write_end.get(), "g", 1) == 1;
  const bool failed = !told || ::read(report.read_end.get(), &error, sizeof error) == sizeof error;
  if (failed) {
    ::waitpid(pid, nullptr, 0);
    if (!options.pid_file.empty()) std::filesystem::remove(options.pid_file);
    throw DemoError("cannot run " + options.argv[0] + ": " + std::strerror(error));
  }
  return *id;
}

std::optional<ProcessId> identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return ProcessId{pid, stat->start_time};
}

bool is_running(ProcessId id) {
  const auto running = identify(id.pid);
  return running && *running == id;
}

bool is_stopped(ProcessId id) {
  std::error_code gone;
  const std::filesystem::directory_iterator threads(proc_folder(id.pid) / "task", gone);
  return !gone && is_running(id) && std::all_of(begin(threads), end(threads), [](const auto& thread) {
    const auto stat = read_stat(thread.path());
    return !stat || stat->state == 'T' || stat->state == 't';
  });
}

bool send_signal(ProcessId id, int signal_number) {
  const UniqueFd fd = open_process(id);
  return fd && ::pidfd_send_signal(fd.get(), signal_number, nullptr, 0) == 0;
}

std::optional<ExitStatus> await_exit(ProcessId id, std::chrono::milliseconds bound) {
  const UniqueFd fd = open_process(id);
  if (!fd) return ExitStatus{};
  const auto deadline = std::chrono::steady_clock::now() + bound;
  pollfd event{fd.get(), POLLIN, 0};
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(&event, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) break;
    if (ready == 0) return std::nullopt;
    if (errno != EINTR) throw DemoError(std::string("cannot poll: ") + std::strerror(errno));
  }
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(fd.get()), &info, WEXITED) != 0) return ExitStatus{};
  const bool by_itself = info.si_code == CLD_EXITED;
  return ExitStatus{true, by_itself ? info.si_status : 0, by_itself ? 0 : info.si_status};
}

void write_pid_file(const std::filesystem::path& path, ProcessId id) {
  write_file(path, std::to_string(id.pid) + " " + std::to_string(id.start_time) + " " + boot_id() + "\n", 0644);
}

std::optional<ProcessId> read_pid_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  ProcessId id;
  std::string boot;
  if (!(file >> id.pid >> id.start_time >> boot) || boot != boot_id()) return std::nullopt;
  return id;
}

}  // namespace sluice::demo
