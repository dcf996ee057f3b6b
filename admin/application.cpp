#include "admin/application.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <ostream>
#include <utility>
#include <vector>

#include "admin/admin_account.hpp"
#include "admin/change_history.hpp"
#include "admin/cluster_access.hpp"
#include "admin/config.hpp"
#include "admin/http/server.hpp"
#include "admin/leader_changer.hpp"
#include "admin/live_source.hpp"
#include "admin/log.hpp"
#include "admin/printable.hpp"
#include "admin/proxy_options.hpp"
#include "admin/resolver.hpp"
#include "admin/snapshot_builder.hpp"
#include "admin/sql/server.hpp"
#include "admin/state_dir.hpp"
#include "failover/monitor/monitor.hpp"
#include "proxy/proxy.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t events_max = 10'000;

std::uint64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// Every client and server connection takes a descriptor; the soft limit is often 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// One for each server, so that a thousand lost connections to it post one probe.
struct Suspicion {
  std::atomic<bool> posted{false};
};

class Application {
 public:
  explicit Application(Config config)
      : config_(std::move(config)),
        events_(events_max),
        signals_(io_),
        source_(io_, {[this](auto done) { proxy_->report(std::move(done)); }, [this](AdminState& s) { fill(s); },
                      [this](std::uint32_t id) { proxy_->kill(id); }, [this] { begin_drain("SHUTDOWN"); },
                      [this](const Order& order, ChangeDone done) { carry_out(order, std::move(done)); }}),
        addresses_(io_, config_.clusters, [this] { publish(); }) {}

  // Empty: it runs. Otherwise why it cannot start.
  std::string start();
  void run() { io_.run(); }

 private:
  std::string start_proxy();
  std::string start_doors();
  std::string start_monitors();
  [[nodiscard]] std::string why_not_supervised(const ClusterSettings& cluster,
                                               const std::optional<failover::EpochRecord>& record) const;
  void make_changer(std::size_t cluster, std::optional<failover::EpochRecord> record);
  void tell_start();
  void on_state(std::size_t cluster, const failover::ClusterState& state);
  void tell_change(const failover::ClusterState& before, const failover::ClusterState& after);
  void on_event(proxy::Event event);  // any thread
  void log_new_events();
  void on_suspect(std::uint32_t cluster, std::uint32_t server);  // any thread
  void publish();
  void fill(AdminState& state);
  void wait_for_signal();
  void on_signal(int number);
  void reload();
  void carry_out(const Order& order, ChangeDone done);
  void begin_drain(const char* why);
  void finish_between_changes();
  void finish();

  Config config_;
  EventLog events_;
  std::uint64_t logged_event_ = 0;
  std::atomic<bool> log_posted_{false};
  asio::io_context io_{1};
  asio::signal_set signals_;
  LiveSource source_;
  AddressBook addresses_;
  std::vector<std::unique_ptr<failover::Monitor>> monitors_;
  ChangeHistory changes_;
  std::vector<std::unique_ptr<LeaderChanger>> changers_;  // one per cluster
  std::vector<failover::ClusterState> states_;
  std::vector<std::vector<std::unique_ptr<Suspicion>>> suspicions_;
  proxy::SnapshotPtr snapshot_;
  std::shared_ptr<Port> sql_;
  std::shared_ptr<Port> http_;
  std::unique_ptr<proxy::Proxy> proxy_;  // destroyed first: its threads call into what stands above
  const std::uint64_t started_ms_ = unix_ms();
  bool draining_ = false;
  bool drained_ = false;
};

std::string Application::start() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  for (const ClusterSettings& cluster : config_.clusters) {
    failover::ClusterState& state = states_.emplace_back();
    state.cluster = cluster.name;
    state.reason = "the servers have not been asked yet";
    auto& flags = suspicions_.emplace_back();
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) flags.push_back(std::make_unique<Suspicion>());
  }
  snapshot_ = build_snapshot({config_, states_, addresses_.addresses(), nullptr});
  if (auto error = start_proxy(); !error.empty()) return error;
  if (auto error = start_doors(); !error.empty()) return error;
  addresses_.start();
  if (auto error = start_monitors(); !error.empty()) return error;
  wait_for_signal();
  tell_start();
  return {};
}

std::string Application::start_proxy() {
  auto options = make_proxy_options(config_);
  if (!options) return options.error();
  options->on_event = [this](proxy::Event event) { on_event(std::move(event)); };
  options->on_suspect = [this](std::uint32_t cluster, std::uint32_t server) { on_suspect(cluster, server); };
  auto proxy = proxy::Proxy::create(std::move(*options), snapshot_);
  if (!proxy) return proxy.error();
  proxy_ = std::move(*proxy);
  return {};
}

std::string Application::start_doors() {
  if (config_.admin.sql_listen) {
    auto account = make_admin_account(config_);
    if (!account) return account.error();
    if (!account->made_file.empty()) spdlog::info("made a password for the admin port: {}", account->made_file);
    SqlOptions options;
    options.listen = *config_.admin.sql_listen;
    options.account.user = account->user;
    options.account.credential.password = account->password;
    auto sql = listen_sql(io_, std::move(options), source_);
    if (!sql) return sql.error();
    sql_ = std::move(*sql);
  }
  if (config_.admin.http_listen) {
    auto http = listen_http(io_, {*config_.admin.http_listen}, source_);
    if (!http) return http.error();
    http_ = std::move(*http);
  }
  return {};
}

std::string Application::start_monitors() {
  for (std::size_t c = 0; c < config_.clusters.size(); ++c) {
    const ClusterSettings& cluster = config_.clusters[c];
    const auto path = failover::epoch_record_path(config_.proxy.state_dir, cluster.name);
    auto known = failover::read_epoch_record(path, cluster.name);
    if (!known.error.empty()) return known.error;
    failover::MonitorOptions options = monitor_options(config_, cluster);
    if (known.record) options.last_leader = known.record->leader;
    options.on_fresh = [this, c](std::size_t server, std::uint64_t has_writes_until_ms) {
      snapshot_->clusters[c].servers[server].has_writes_until_ms->store(has_writes_until_ms, std::memory_order_relaxed);
    };
    options.on_observation = [this, c](std::size_t server, const failover::ServerObservation& seen,
                                       failover::TimePoint asked) { changers_[c]->observe(server, seen, asked); };
    monitors_.push_back(std::make_unique<failover::Monitor>(
        io_, std::move(options), [this, c](const failover::ClusterState& state) { on_state(c, state); }));
    if (const auto error = why_not_supervised(cluster, known.record); !error.empty()) return error;
    make_changer(c, std::move(known.record));
    monitors_.back()->start();
  }
  return {};
}

// With failover.mode the record tells who leads: it must be there to be written, and speak of these servers.
std::string Application::why_not_supervised(const ClusterSettings& cluster,
                                            const std::optional<failover::EpochRecord>& record) const {
  if (config_.failover.mode == FailoverMode::off) return {};
  if (const auto error = make_state_dir(config_)) return *error;
  std::vector<std::string> names;
  for (const io::Endpoint& server : cluster.servers) names.push_back(server.to_string());
  std::string why;
  if (failover::recorded_leader(record, names, why)) return {};
  const auto path = failover::epoch_record_path(config_.proxy.state_dir, cluster.name);
  return path.string() + ": " + why + "; configure it, or remove the file to start with whoever leads now";
}

void Application::make_changer(std::size_t cluster, std::optional<failover::EpochRecord> record) {
  LeaderChangerParts parts{.io = io_,
                           .config = config_,
                           .cluster = static_cast<std::uint32_t>(cluster),
                           .proxy = *proxy_,
                           .monitor = *monitors_[cluster],
                           .on_event = [this](proxy::Event event) { on_event(std::move(event)); },
                           .history = changes_,
                           .on_over =
                               [this] {
                                 if (drained_) finish_between_changes();
                               },
                           .unix_ms = unix_ms};
  changers_.push_back(std::make_unique<LeaderChanger>(std::move(parts), std::move(record)));
}

void Application::tell_start() {
  std::string listening;
  for (const auto& endpoint : proxy_->listening()) listening += (listening.empty() ? "" : ", ") + endpoint.to_string();
  spdlog::info("sluice {} started: pid {}, config {}, clients on {}, admin SQL on {}, HTTP on {}, {} workers",
               SLUICE_VERSION, ::getpid(), config_.file, listening, sql_ ? sql_->endpoint().to_string() : "nothing",
               http_ ? http_->endpoint().to_string() : "nothing", proxy_->workers());
  spdlog::info("event loop {}", proxy_->backend_reason());  // it begins with the name
  for (const ClusterSettings& cluster : config_.clusters) {
    if (cluster.manager_user.empty())
      spdlog::info("cluster {} has no manager account: sluice routes, and changes no leader", cluster.name);
  }
}

void Application::on_state(std::size_t c, const failover::ClusterState& state) {
  const failover::ClusterState before = std::exchange(states_[c], state);
  tell_change(before, state);
  for (std::size_t s = 0; s < state.servers.size(); ++s) {
    if (!state.servers[s].seen.reachable) addresses_.look_again(c, s);
  }
  if (!same_for_routing(before, state)) publish();
  if (c < changers_.size()) changers_[c]->on_state();
}

void Application::tell_change(const failover::ClusterState& before, const failover::ClusterState& after) {
  if (before.leader != after.leader || before.servers.empty()) {
    if (after.leader) {
      on_event({proxy::Severity::info, "leader_changed",
                "cluster " + after.cluster + ": " + after.servers.at(*after.leader).name + " leads: " + after.reason});
    } else {
      on_event(
          {proxy::Severity::warning, "leader_lost", "cluster " + after.cluster + " has no leader: " + after.reason});
    }
  }
  for (std::size_t s = 0; s < after.servers.size(); ++s) {
    const failover::ServerState& now = after.servers[s];
    const bool known = s < before.servers.size();
    if (known && before.servers[s].healthy == now.healthy) continue;
    on_event({now.healthy ? proxy::Severity::info : proxy::Severity::warning,
              now.healthy ? "server_healthy" : "server_unhealthy",
              "cluster " + after.cluster + ": " + now.name + ": " + now.why});
  }
}

// The ring bounds what a flood of events costs; one posted turn logs all that came.
void Application::on_event(proxy::Event event) {
  events_.add(unix_ms(), std::move(event));
  if (!log_posted_.exchange(true)) asio::post(io_, [this] { log_new_events(); });
}

void Application::log_new_events() {
  log_posted_ = false;
  for (const LoggedEvent& e : events_.after(logged_event_)) {
    if (e.number > logged_event_ + 1) spdlog::warn("{} events were too many to log", e.number - logged_event_ - 1);
    logged_event_ = e.number;
    const auto level = e.event.severity == proxy::Severity::info      ? spdlog::level::info
                       : e.event.severity == proxy::Severity::warning ? spdlog::level::warn
                                                                      : spdlog::level::err;
    spdlog::log(level, "{}: {}", e.event.kind, printable(e.event.text, EventLog::text_max));
  }
}

void Application::on_suspect(std::uint32_t cluster, std::uint32_t server) {
  Suspicion& suspicion = *suspicions_.at(cluster).at(server);
  if (suspicion.posted.exchange(true)) return;
  asio::post(io_, [this, cluster, server, &suspicion] {
    suspicion.posted = false;
    if (cluster < monitors_.size()) monitors_[cluster]->probe_soon(server);
  });
}

void Application::publish() {
  snapshot_ = build_snapshot({config_, states_, addresses_.addresses(), snapshot_.get()});
  proxy_->publish(snapshot_);
}

void Application::fill(AdminState& state) {
  ProcessInfo& p = state.process;
  p.version = SLUICE_VERSION;
  p.pid = ::getpid();
  p.io = io::to_string(proxy_->backend());
  p.io_reason = proxy_->backend_reason();
  p.workers = proxy_->workers();
  for (const auto& endpoint : proxy_->listening())
    p.listening += (p.listening.empty() ? "" : ", ") + endpoint.to_string();
  p.config = config_.file;
  p.state = draining_ ? "draining" : "running";
  p.started_ms = started_ms_;
  p.uptime_ms = unix_ms() - started_ms_;
  // The monitors' own view is fresher than the last change that was told (positions move all the time).
  for (const auto& monitor : monitors_) {
    state.clusters.push_back(monitor->state().servers.empty() ? states_[state.clusters.size()] : monitor->state());
  }
  state.events = events_.all();
  state.changes = changes_.all();
  for (std::size_t c = 0; c < changers_.size(); ++c) {
    auto& servers = state.maintenance.emplace_back();
    for (std::size_t s = 0; s < config_.clusters[c].servers.size(); ++s)
      servers.push_back(changers_[c]->in_maintenance(s));
  }
  state.settings = list_settings(config_);
}

void Application::wait_for_signal() {
  signals_.async_wait([this](error_code error, int number) {
    if (error) return;
    on_signal(number);
    wait_for_signal();
  });
}

void Application::on_signal(int number) {
  if (number == SIGHUP) return reload();
  if (!draining_) return begin_drain(number == SIGTERM ? "SIGTERM" : "SIGINT");
  spdlog::warn("a second signal: ending at once");
  finish();
}

// Log file and users follow the file; what the running sockets and threads were made of does not.
void Application::reload() {
  if (const auto error = open_log(config_.log)) spdlog::error("{}", *error);
  LoadedConfig loaded = load_config(config_.file);
  for (const ConfigProblem& problem : loaded.problems) {
    spdlog::log(problem.warning ? spdlog::level::warn : spdlog::level::err, "{}", to_string(problem));
  }
  if (!loaded.ok()) return spdlog::error("SIGHUP: the configuration has errors; nothing was changed");
  for (const UserSettings& user : loaded.config.users) {
    bool known = false;
    for (const ClusterSettings& cluster : config_.clusters) known = known || cluster.name == user.cluster;
    if (!known) return spdlog::error("SIGHUP: a new cluster needs a restart; nothing was changed");
  }
  config_.users = std::move(loaded.config.users);
  publish();
  on_event({proxy::Severity::info, "reloaded",
            "the users were read again: " + std::to_string(config_.users.size()) + " accounts"});
}

void Application::carry_out(const Order& order, ChangeDone done) {
  ChangeReport refused;
  refused.cluster = order.cluster;
  refused.kind = kind_of(order.what);
  refused.outcome = "refused";
  refused.reason = draining_ ? "sluice is being shut down" : "";
  LeaderChanger* changer = nullptr;
  for (std::size_t c = 0; c < changers_.size(); ++c) {
    const bool named = config_.clusters[c].name == order.cluster;
    if (named || (order.cluster.empty() && changers_.size() == 1)) changer = changers_[c].get();
  }
  if (changer == nullptr && refused.reason.empty()) {
    refused.reason = order.cluster.empty() ? "there are several clusters: name one"
                                           : "there is no cluster '" + printable(order.cluster) + "'";
  }
  if (refused.reason.empty()) return changer->carry_out(order, std::move(done));
  asio::post(io_, [refused, done = std::move(done)] { done(refused); });
}

void Application::begin_drain(const char* why) {
  if (draining_) return;
  draining_ = true;
  on_event({proxy::Severity::info, "draining", std::string(why) + ": ending sessions between transactions"});
  proxy_->drain([this] { asio::post(io_, [this] { finish_between_changes(); }); });
}

// A change of leader that is under way is brought to its end first: each of its steps has a bound.
void Application::finish_between_changes() {
  drained_ = true;
  for (const auto& changer : changers_) {
    if (changer->busy()) return;
  }
  finish();
}

void Application::finish() {
  log_new_events();
  for (const auto& monitor : monitors_) monitor->stop();
  addresses_.stop();
  io_.stop();
}

}  // namespace

int run_application(const std::string& config_path, std::ostream& errors) {
  LoadedConfig loaded = load_config(config_path);
  for (const ConfigProblem& problem : loaded.problems) errors << to_string(problem) << '\n';
  if (!loaded.ok()) return exit_config;
  if (const auto error = open_log(loaded.config.log)) {
    errors << "sluice: " << *error << '\n';
    return exit_start;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  Application application(std::move(loaded.config));
  if (const std::string error = application.start(); !error.empty()) {
    errors << "sluice: " << error << '\n';
    return exit_start;
  }
  application.run();
  spdlog::info("sluice ended");
  return exit_ok;
}

}  // namespace sluice::admin
