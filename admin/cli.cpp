#include "admin/cli.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "admin/application.hpp"
#include "admin/check_servers.hpp"
#include "admin/cli_operator.hpp"
#include "admin/config.hpp"
#include "admin/demo/demo.hpp"
#include "admin/demo/load.hpp"

namespace sluice::admin {
namespace {

void add_run(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("run", "run the proxy until SIGTERM, which drains it");
  static std::string config;
  add_config(*sub, config);
  sub->footer(
      "SIGTERM, SIGINT: drain, then exit 0; a second one ends at once. SIGHUP: open the log again, read the\n"
      "users again. Exit codes: 0 ended as asked, 1 the configuration has errors, 2 it cannot start.");
  sub->callback([&] { chosen = [] { return run_application(config, std::cerr); }; });
}

constexpr int exit_servers = 2;

int check(const std::string& config, bool connect) {
  const LoadedConfig loaded = load_config(config);
  for (const ConfigProblem& problem : loaded.problems) std::cout << to_string(problem) << '\n';
  if (!loaded.ok()) return exit_config;
  std::cout << config << ": good: " << loaded.config.clusters.size() << " cluster(s), " << loaded.config.users.size()
            << " user(s)\n";
  if (!connect) return exit_ok;
  return check_servers(loaded.config, std::cout) ? exit_ok : exit_servers;
}

void add_check(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("check", "read the configuration and say what is wrong with it");
  static std::string config;
  static bool connect = false;
  add_config(*sub, config);
  sub->add_flag("--connect", connect, "also ask every server whether the accounts may do what they will have to");
  sub->footer(
      "Prints every problem as file:line:column, with what to write instead.\n"
      "Exit codes: 0 good, 1 errors, 2 with --connect: a server or an account is not as it should be.");
  sub->callback([&] { chosen = [] { return check(config, connect); }; });
}

void add_demo_up(CLI::App& demo, Command& chosen) {
  auto* sub = demo.add_subcommand("up", "make and start it, or start again what is there");
  static demo::UpOptions options;
  static std::string flavour;
  static unsigned nodes = 0;
  static bool no_proxy = false;
  sub->add_option("--dir", options.dir, "the folder that holds all of it")->capture_default_str();
  sub->add_option("--flavour", flavour, "mariadb, or mysql56 (default: mariadb)")
      ->check(CLI::IsMember({"mariadb", "mysql56"}));
  sub->add_option("--nodes", nodes, "servers (default: 3)")->check(CLI::Range(1, 9));
  sub->add_flag("--no-proxy", no_proxy, "only the servers");
  sub->add_option("--server-port", options.server_port, "first port of the servers")->capture_default_str();
  sub->add_option("--client-port", options.client_port, "port for applications")->capture_default_str();
  sub->add_option("--admin-port", options.admin_port, "admin SQL port")->capture_default_str();
  sub->add_option("--http-port", options.http_port, "port of /metrics")->capture_default_str();
  sub->footer("A port that is taken is not fought over: the next free one is used and told.");
  sub->callback([&] {
    chosen = [] {
      if (!flavour.empty()) options.flavour = demo::parse_flavour(flavour);
      if (nodes > 0) options.nodes = nodes;
      options.proxy = !no_proxy;
      return demo::up(options, std::cout, std::cerr);
    };
  });
}

void add_demo_load(CLI::App& demo, Command& chosen) {
  auto* sub = demo.add_subcommand("load", "write through sluice all the time, and show every second what clients see");
  static demo::LoadOptions options;
  static unsigned seconds = 0;
  sub->add_option("--dir", options.dir, "the folder that holds all of it")->capture_default_str();
  sub->add_option("--clients", options.clients, "that write at one time")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--rate", options.rate, "rows a second, of all of them together (0: as many as come about)")
      ->capture_default_str();
  sub->add_option("--seconds", seconds, "how long (default: until Ctrl-C)")->check(CLI::Range(1, 86'400));
  sub->footer("Exit codes: 0 all that was acknowledged is there, and no client saw an error; 1 otherwise.");
  sub->callback([&] {
    chosen = [] {
      options.lasts = std::chrono::seconds(seconds);
      return demo::load(options, std::cout, std::cerr);
    };
  });
}

void add_demo(CLI::App& app, Command& chosen) {
  auto* sub = app.add_subcommand("demo", "a replicated cluster on loopback with sluice in front of it");
  sub->require_subcommand(1);
  add_demo_up(*sub, chosen);
  add_demo_load(*sub, chosen);

  auto* down = sub->add_subcommand("down", "stop it and remove every file of it");
  static demo::DownOptions down_options;
  down->add_option("--dir", down_options.dir, "the folder that holds all of it")->capture_default_str();
  down->callback([&] { chosen = [] { return demo::down(down_options, std::cout, std::cerr); }; });

  auto* status = sub->add_subcommand("status", "what runs, and how to connect");
  static demo::StatusOptions status_options;
  static bool json = false;
  static bool shell = false;
  status->add_option("--dir", status_options.dir, "the folder that holds all of it")->capture_default_str();
  auto* json_flag = status->add_flag("--json", json, "one JSON object, with the passwords");
  status->add_flag("--shell", shell, "NAME='value' lines for eval, with the passwords")->excludes(json_flag);
  status->callback([&] {
    chosen = [] {
      if (json) status_options.format = demo::StatusFormat::json;
      if (shell) status_options.format = demo::StatusFormat::shell;
      return demo::status(status_options, std::cout, std::cerr);
    };
  });
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("sluice: a MySQL and MariaDB proxy that routes, pools and keeps its clients through failovers",
               "sluice");
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.require_subcommand(1);
  Command chosen;
  add_run(app, chosen);
  add_check(app, chosen);
  add_operator_commands(app, chosen);
  add_demo(app, chosen);
  app.add_subcommand("version", "print the version")->callback([&] {
    chosen = [] {
      std::cout << "sluice " SLUICE_VERSION "\n";
      return exit_ok;
    };
  });
  CLI11_PARSE(app, argc, argv);
  return chosen();
}

}  // namespace sluice::admin
