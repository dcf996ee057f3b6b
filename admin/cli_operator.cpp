#include "admin/cli_operator.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <utility>

#include "admin/admin_account.hpp"
#include "admin/admin_client.hpp"
#include "admin/answer_json.hpp"
#include "admin/application.hpp"
#include "admin/config.hpp"
#include "admin/printable.hpp"
#include "admin/status.hpp"
#include "admin/text_grid.hpp"

namespace sluice::admin {
namespace {

constexpr const char* default_config = "/etc/sluice/sluice.toml";
constexpr int exit_not_so = 1;
constexpr int exit_not_reached = 2;
constexpr std::size_t cell_max = 200;
constexpr std::size_t reason_max = 2'000;
constexpr unsigned order_seconds = 300;  // two hooks, and every step at its bound

// Which sluice is asked, and as whom.
struct DoorFlags {
  std::string config;
  std::string admin;
  std::string user = "admin";
  std::string password_file;
};

void add_door(CLI::App& sub, DoorFlags& flags) {
  auto* config = add_config(sub, flags.config);
  auto* admin = sub.add_option("-a,--admin", flags.admin, "the admin SQL port, host:port or unix:/path");
  admin->excludes(config);
  sub.add_option("-u,--user", flags.user, "the admin account, with --admin")->capture_default_str()->needs(admin);
  sub.add_option("-p,--password-file", flags.password_file,
                 "a file that holds its password; or set SLUICE_ADMIN_PASSWORD")
      ->needs(admin);
}

// From the flags, else from the configuration.
Result<AdminDoor, std::string> find_door(const DoorFlags& flags) {
  if (flags.admin.empty()) {
    const LoadedConfig loaded = load_config(flags.config);
    if (!loaded.ok()) return flags.config + " has errors: see sluice check --config " + flags.config;
    if (!loaded.config.admin.sql_listen) return flags.config + " has the admin SQL port switched off";
    const auto account = read_admin_account(loaded.config);
    if (!account) return account.error();
    return AdminDoor{*loaded.config.admin.sql_listen, account->user, account->password};
  }
  constexpr std::uint16_t admin_port = 6032;
  const auto endpoint = io::parse_endpoint(flags.admin, admin_port);
  if (!endpoint) return "--admin " + flags.admin + " is not an address; write host:port or unix:/path";
  AdminDoor door{*endpoint, flags.user, {}};
  if (!flags.password_file.empty()) {
    const auto file = read_text_file(flags.password_file, password_file_bytes_max);
    if (!file) return "cannot read " + flags.password_file + ": " + file.error();
    door.password = file->text.substr(0, file->text.find_first_of("\r\n"));
  } else if (const char* password = std::getenv("SLUICE_ADMIN_PASSWORD")) {  // NOLINT(concurrency-mt-unsafe)
    door.password = password;
  }
  return door;
}

int complain(const std::string& error, int code) {
  std::cerr << "sluice: " << error << '\n';
  return code;
}

// ---- status

int show_status(const DoorFlags& flags, bool json) {
  const auto door = find_door(flags);
  if (!door) return complain(door.error(), exit_not_reached);
  const auto status = fetch_status(*door);
  if (!status) return complain(status.error(), exit_not_reached);
  std::cout << (json ? to_json(*status) : to_text(*status));
  return all_well(*status) ? exit_ok : exit_not_so;
}

void add_status(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("status", "show what a running sluice sees: clusters, servers, pools, sessions");
  static DoorFlags door;
  static bool json = false;
  add_door(*sub, door);
  sub->add_flag("--json", json, "one JSON object");
  sub->footer("Exit codes: 0 all clusters have a leader and all servers are healthy, 1 not so, 2 not reached.");
  sub->callback([&] { chosen = [] { return show_status(door, json); }; });
}

// ---- switchover, failover, rejoin, maintenance, history

Cells titles(const AnswerTable& table) {
  Cells cells;
  for (const auto& column : table.columns) cells.push_back(column.name);
  return cells;
}

std::string to_text(const AnswerTable& table) {
  std::vector<Cells> rows{titles(table)};
  for (const auto& row : table.rows) {
    Cells& cells = rows.emplace_back();
    for (const auto& value : row) cells.push_back(printable(value.value_or("-"), cell_max));
  }
  return grid(rows);
}

// Asks one question and shows the answer's rows; `failed` is the exit code if sluice says no.
int ask_and_show(const DoorFlags& flags, const std::string& query, unsigned answer_seconds, int failed) {
  const auto door = find_door(flags);
  if (!door) return complain(door.error(), exit_not_reached);
  auto client = AdminClient::connect(*door, answer_seconds);
  if (!client) return complain(client.error(), exit_not_reached);
  const auto answer = client->ask("answer", query);
  if (!answer) return complain(answer.error(), failed);
  std::cout << to_text(*answer);
  return exit_ok;
}

// Which change is watched: the cluster's first after number `after`.
struct Watched {
  std::string cluster;  // empty: there is one only
  std::string after;
};

// Its steps, from the one at place `shown` on.
std::string steps_query(const Watched& change, std::size_t shown) {
  const std::string cluster = change.cluster.empty() ? "" : " AND cluster = " + sql_text(change.cluster);
  return "SELECT what, ok, took_us, error FROM history_steps WHERE number = (SELECT MIN(number) FROM history WHERE "
         "number > " +
         change.after + cluster + ") AND step > " + std::to_string(shown) + " ORDER BY step";
}

std::string milliseconds_text(const std::string& microseconds) {
  constexpr double per_millisecond = 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%9.1f ms", std::strtod(microseconds.c_str(), nullptr) / per_millisecond);
  return text.data();
}

constexpr std::size_t step_columns = 4;

// One row of `steps_query`: what, ok, took_us, error.
void show_step(const std::vector<std::optional<std::string>>& row) {
  constexpr std::size_t width = 40;
  std::string what = printable(row.at(0).value_or("-"), cell_max);
  what.resize(std::max(what.size(), width), ' ');
  std::cout << "  " << what << milliseconds_text(row.at(2).value_or("0"));
  if (row.at(1) != "1") std::cout << "  FAILED: " << printable(row.at(3).value_or("-"), cell_max);
  std::cout << '\n' << std::flush;
}

// The last row of an order's answer: the reason, and how long all of it took. An answer of another shape is told, too.
std::string summary_of(const AnswerTable& answer) {
  if (answer.rows.empty() || answer.rows.back().empty()) return "sluice tells no more";
  const auto& row = answer.rows.back();
  const std::string reason = printable(row[0].value_or("-"), reason_max);
  if (row.size() < 3) return reason;
  const std::string took = milliseconds_text(row[2].value_or("0"));
  return reason + "; " + took.substr(took.find_first_not_of(' ')) + " in all";
}

// Carries the order out, and shows each step as soon as it is over.
int switch_over(const DoorFlags& flags, const std::string& cluster, const std::string& query) {
  constexpr std::chrono::milliseconds look_again{50};
  constexpr unsigned look_seconds = 10;
  const auto door = find_door(flags);
  if (!door) return complain(door.error(), exit_not_reached);
  auto watcher = AdminClient::connect(*door, look_seconds);
  if (!watcher) return complain(watcher.error(), exit_not_reached);
  auto client = AdminClient::connect(*door, order_seconds);
  if (!client) return complain(client.error(), exit_not_reached);
  const auto last = watcher->ask("last", "SELECT COALESCE(MAX(number), 0) FROM history");
  if (!last || last->rows.size() != 1 || last->rows[0].empty())
    return complain(last ? "it tells no history" : last.error(), exit_not_reached);
  const Watched change{cluster, last->rows[0].at(0).value_or("0")};
  auto answer = std::async(std::launch::async, [&] { return client->ask("answer", query); });
  std::size_t shown = 0;
  for (bool over = false; !over;) {
    over = answer.wait_for(look_again) == std::future_status::ready;
    const auto steps = watcher->ask("steps", steps_query(change, shown));
    if (!steps) continue;
    for (const auto& row : steps->rows) {
      if (row.size() == step_columns) show_step(row);
    }
    shown += steps->rows.size();
  }
  const auto told = answer.get();
  if (!told) return complain(told.error(), exit_not_so);
  std::cout << summary_of(*told) << '\n';
  return exit_ok;
}

void add_switchover(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("switchover", "make another server the leader while clients wait for a moment");
  static DoorFlags door;
  static std::string cluster;
  static std::string to;
  static bool dry_run = false;
  add_door(*sub, door);
  sub->add_option("--cluster", cluster, "which cluster; may be left out if there is one only");
  sub->add_option("--to", to, "the server that is to lead, as it stands in the configuration; default: the best one");
  sub->add_flag("--dry-run", dry_run, "only tell whether it could be done now, and what speaks against it");
  sub->footer(
      "Prints each step and how long it took. Until the new leader takes writes, whatever fails is taken back.\n"
      "Exit codes: 0 done, 1 refused, taken back or stuck (the reason is told), 2 not reached.");
  sub->callback([&] {
    chosen = [] {
      return switch_over(door, cluster,
                         "SWITCHOVER" + (cluster.empty() ? "" : " CLUSTER " + sql_text(cluster)) +
                             (to.empty() ? "" : " TO " + sql_text(to)) + (dry_run ? " DRY RUN" : ""));
    };
  });
}

void add_failover(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("failover", "give up the leader; another takes over");
  static DoorFlags door;
  static std::string cluster;
  static std::string to;
  static std::string loss = "none";
  static bool although = false;
  add_door(*sub, door);
  sub->add_option("--cluster", cluster, "which cluster; may be left out if there is one only");
  sub->add_option("--to", to, "the server that is to lead, as it stands in the configuration; default: the best one");
  sub->add_option("--loss", loss,
                  "what may be lost, if failover.loss allows less: none, bounded (failover.loss_max), any")
      ->check(CLI::IsMember({"none", "bounded", "any"}))
      ->capture_default_str();
  sub->add_flag("--although-the-leader-lives", although,
                "it answers, and is given up nevertheless; a switchover would lose nothing");
  sub->footer(
      "Refused while the leader answers. Prints each step and how long it took.\n"
      "Exit codes: 0 done, 1 refused or failed (the reason is told), 2 not reached.");
  sub->callback([&] {
    chosen = [] {
      const std::string query = "FAILOVER" + (cluster.empty() ? "" : " " + sql_text(cluster)) +
                                (to.empty() ? "" : " TO " + sql_text(to)) +
                                (although ? " ALTHOUGH THE LEADER LIVES" : "") + " LOSS " + loss;
      return ask_and_show(door, query, order_seconds, exit_not_so);
    };
  });
}

void add_rejoin(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("rejoin", "let a server back in that was left out, after it was dealt with");
  static DoorFlags door;
  static std::string cluster;
  static std::string server;
  add_door(*sub, door);
  sub->add_option("--cluster", cluster, "which cluster; may be left out if there is one only");
  sub->add_option("server", server, "the server, as it stands in the configuration")->required();
  sub->footer("Exit codes: 0 it is tried as soon as the server answers, 1 refused, 2 not reached.");
  sub->callback([&] {
    chosen = [] {
      const std::string query = "REJOIN " + sql_text(server) + (cluster.empty() ? "" : " IN " + sql_text(cluster));
      return ask_and_show(door, query, order_seconds, exit_not_so);
    };
  });
}

void add_maintenance(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("maintenance", "leave a server alone: it never leads; or take it out of that again");
  static DoorFlags door;
  static std::string cluster;
  static std::string mode;
  static std::string server;
  add_door(*sub, door);
  sub->add_option("--cluster", cluster, "which cluster; may be left out if there is one only");
  sub->add_option("mode", mode, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
  sub->add_option("server", server, "the server, as it stands in the configuration")->required();
  sub->footer("Exit codes: 0 done, 1 refused, 2 not reached.");
  sub->callback([&] {
    chosen = [] {
      const std::string query =
          "MAINTENANCE " + mode + " " + sql_text(server) + (cluster.empty() ? "" : " IN " + sql_text(cluster));
      return ask_and_show(door, query, order_seconds, exit_not_so);
    };
  });
}

int show_history(const DoorFlags& flags, bool json) {
  constexpr unsigned answer_seconds = 10;
  const std::string query =
      "SELECT number, time, cluster, kind, from_server, to_server, epoch, state, took_ms, reason FROM history ORDER BY "
      "number";
  if (!json) return ask_and_show(flags, query, answer_seconds, exit_not_reached);
  const auto door = find_door(flags);
  if (!door) return complain(door.error(), exit_not_reached);
  auto client = AdminClient::connect(*door, answer_seconds);
  if (!client) return complain(client.error(), exit_not_reached);
  const auto changes = client->ask("history", query);
  const auto steps = client->ask("steps", "SELECT * FROM history_steps ORDER BY number, step");
  if (!changes || !steps) return complain(!changes ? changes.error() : steps.error(), exit_not_reached);
  std::cout << to_json({&*changes, &*steps});
  return exit_ok;
}

void add_history(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("history", "show the changes of leader since sluice was started");
  static DoorFlags door;
  static bool json = false;
  add_door(*sub, door);
  sub->add_flag("--json", json, "one JSON object, with the steps of each");
  sub->footer("The steps of change N: SELECT * FROM history_steps WHERE number = N, on the admin port.");
  sub->callback([&] { chosen = [] { return show_history(door, json); }; });
}

}  // namespace

CLI::Option* add_config(CLI::App& app, std::string& config) {
  config = default_config;
  return app.add_option("-c,--config", config, "the configuration file")->capture_default_str();
}

void add_operator_commands(CLI::App& app, Command& chosen) {
  add_status(app, chosen);
  add_switchover(app, chosen);
  add_failover(app, chosen);
  add_rejoin(app, chosen);
  add_maintenance(app, chosen);
  add_history(app, chosen);
}

}  // namespace sluice::admin
