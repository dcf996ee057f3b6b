#include "admin/demo/load.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <iomanip>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "admin/demo/cluster.hpp"
#include "admin/demo/demo_folder.hpp"
#include "admin/demo/demo_proxy.hpp"
#include "admin/demo/error.hpp"
#include "admin/demo/sql.hpp"

namespace sluice::demo {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono_literals::operator""s;

constexpr std::uint64_t ids_per_client = 1'000'000'000'000;

struct Seen {
  std::uint64_t rows = 0;
  std::uint64_t errors = 0;
  std::string error;        // the last one
  Clock::duration wait{0};  // the longest for an answer

  Seen& operator+=(const Seen& other) {
    rows += other.rows;
    errors += other.errors;
    if (!other.error.empty()) error = other.error;
    wait = std::max(wait, other.wait);
    return *this;
  }
};

// Two of them can run at once.
std::string table() { return "demo_load_" + std::to_string(::getpid()); }

// Inserts one row after the other, each once: what was answered with an error may be there or not.
class Client {
 public:
  // `interval`: from one row to the next, at least.
  Client(SqlAddress address, std::uint64_t number, Clock::duration interval, std::chrono::seconds answer_bound)
      : address_(std::move(address)),
        next_id_(number * ids_per_client),
        interval_(interval),
        answer_bound_(answer_bound) {
    thread_ = std::thread([this] { run(); });
  }
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_asked_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  // Since the last time that it was asked.
  Seen take() {
    const std::lock_guard lock(mutex_);
    if (asked_) seen_.wait = std::max(seen_.wait, Clock::now() - *asked_);
    return std::exchange(seen_, {});
  }

 private:
  static constexpr milliseconds before_next_try{100};

  void run() {
    std::optional<Sql> sql;
    for (auto due = Clock::now();; due = std::max(due + interval_, Clock::now())) {
      if (stopped_before(due)) return;
      asked();
      try {
        if (!sql) sql.emplace(address_, answer_bound_);
        sql->exec("INSERT INTO " + table() + " VALUES (" + std::to_string(next_id_++) + ")");
        answered({});
      } catch (const SqlError& error) {
        answered(std::to_string(error.code()) + " " + error.what());
        if (error.code() >= 2000 && error.code() < 3000) sql.reset();  // the client library's: it is lost
        if (stopped_before(Clock::now() + before_next_try)) return;
      }
    }
  }
  bool stopped_before(Clock::time_point due) {
    std::unique_lock lock(mutex_);
    return stop_asked_.wait_until(lock, due, [this] { return stopping_; });
  }
  void asked() {
    const std::lock_guard lock(mutex_);
    asked_ = Clock::now();
  }
  void answered(const std::string& error) {
    const std::lock_guard lock(mutex_);
    const bool good = error.empty();
    seen_ += {.rows = good ? 1U : 0U, .errors = good ? 0U : 1U, .error = error, .wait = Clock::now() - *asked_};
    asked_.reset();
  }

  SqlAddress address_;
  std::uint64_t next_id_;
  Clock::duration interval_;
  std::chrono::seconds answer_bound_;
  std::condition_variable stop_asked_;
  std::mutex mutex_;  // of what follows
  bool stopping_ = false;
  Seen seen_;
  std::optional<Clock::time_point> asked_;  // what has not been answered yet
  std::thread thread_;
};

// While it lives SIGINT and SIGTERM wait to be asked for, in this thread and in those that it starts.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~EndSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  [[nodiscard]] bool arrived_within_a_second() const {
    const timespec second{1, 0};
    return ::sigtimedwait(&signals_, nullptr, &second) > 0;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

std::string in_ms(Clock::duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::microseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

// A statement that only a leader may answer.
std::string leader_port(const SqlAddress& address, std::chrono::seconds answer_bound) {
  try {
    return Sql(address, answer_bound).value("SELECT @@port FOR UPDATE");
  } catch (const SqlError&) {
    return "?";
  }
}

SqlAddress sluice_of(const LoadOptions& options) {
  const auto folder = DemoFolder::find(options.dir);
  if (!folder || !std::filesystem::exists(folder->cluster_conf()))
    throw DemoError("there is no demo in " + options.dir.string() + ": `sluice demo up` makes one");
  ClusterOptions opening;
  opening.folder = folder->path();
  opening.patience = options.patience;
  const Cluster cluster(opening);
  const DemoProxy proxy(*folder, options.patience);
  if (!proxy.ports().planned()) throw DemoError("this demo has no sluice (--no-proxy)");
  return proxy.client_address(cluster);
}

Seen write_until_the_end(const LoadOptions& options, const SqlAddress& address, std::ostream& out) {
  const EndSignals signals;
  const auto begun = Clock::now();
  std::vector<std::unique_ptr<Client>> clients;
  const auto interval = options.rate == 0 ? Clock::duration{0} : Clock::duration(1s) * options.clients / options.rate;
  for (unsigned i = 0; i < options.clients; ++i)
    clients.push_back(std::make_unique<Client>(address, i, interval, options.patience.step));
  Seen all;
  bool over = false;
  while (!over) {
    over = signals.arrived_within_a_second();
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun);
    over = over || (options.lasts.count() > 0 && passed >= options.lasts);
    if (over)
      for (const auto& client : clients) client->stop();
    Seen second;
    for (const auto& client : clients) second += client->take();
    out << std::setw(5) << passed.count() << " s" << std::setw(8) << second.rows << " rows   longest wait"
        << std::setw(10) << in_ms(second.wait) << std::setw(6) << second.errors << " errors   leader "
        << leader_port(address, options.patience.step) << (second.error.empty() ? "" : "   " + second.error) << '\n'
        << std::flush;
    all += second;
  }
  return all;
}

int run_load(const LoadOptions& options, std::ostream& out) {
  const SqlAddress address = sluice_of(options);
  Sql sql(address, options.patience.step);
  sql.exec("DROP TABLE IF EXISTS " + table());
  sql.exec("CREATE TABLE " + table() + " (id BIGINT UNSIGNED PRIMARY KEY)");
  out << options.clients << " clients write, each one row after the other. Ctrl-C ends it.\n";
  const Seen all = write_until_the_end(options, address, out);
  const auto there = std::stoull("0" + sql.value("SELECT COUNT(*) FROM " + table() + " FOR UPDATE"));
  const auto missing = all.rows > there ? all.rows - there : 0;
  out << all.rows << " rows acknowledged, " << missing << " of them missing; " << all.errors << " errors; longest wait "
      << in_ms(all.wait) << '\n';
  sql.exec("DROP TABLE " + table());
  return missing == 0 && all.errors == 0 ? 0 : 1;
}

}  // namespace

int load(const LoadOptions& options, std::ostream& out, std::ostream& err) {
  try {
    return run_load(options, out);
  } catch (const std::exception& error) {
    err << "sluice demo load: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace sluice::demo
