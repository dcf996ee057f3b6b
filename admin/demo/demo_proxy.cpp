#include "admin/demo/demo_proxy.hpp"

#include <csignal>
#include <set>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/passwords.hpp"
#include "admin/demo/wait.hpp"

namespace sluice::demo {
namespace {

constexpr std::chrono::seconds drain_bound{15};
constexpr std::uint64_t proxy_open_files = 65'536;

std::uint16_t port_of(const KeyValues& conf, const std::string& key) {
  const auto found = conf.find(key);
  return found == conf.end() ? std::uint16_t{0} : static_cast<std::uint16_t>(std::stoul(found->second));
}

std::string toml_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + "\"";
}

std::string option_file(std::string_view user, const std::string& password, std::uint16_t port,
                        std::string_view schema) {
  std::string text = "# for the mariadb and mysql clients: --defaults-extra-file=this\n[client]\nprotocol=tcp\n";
  text += "host=127.0.0.1\nport=" + std::to_string(port) + "\n";
  text += "user=" + std::string(user) + "\npassword=" + password + "\n";
  if (!schema.empty()) text += "[mysql]\ndatabase=" + std::string(schema) + "\n";
  return text;
}

fs::path program(const UpOptions& options) {
  return options.sluice.empty() ? fs::read_symlink("/proc/self/exe") : options.sluice;
}

}  // namespace

DemoProxy::DemoProxy(DemoFolder folder, const Patience& patience) : folder_(std::move(folder)), patience_(patience) {
  const KeyValues conf = read_key_values(folder_.conf());
  ports_ = {port_of(conf, "client_port"), port_of(conf, "admin_port"), port_of(conf, "http_port")};
}

std::optional<ProcessId> DemoProxy::process() const {
  const auto id = read_pid_file(folder_.proxy_pid_file());
  return id && is_running(*id) ? id : std::nullopt;
}

// Not when it was built anew since: that is another file by the same name.
bool DemoProxy::runs(const fs::path& program) const {
  const auto id = process();
  std::error_code gone;
  return id && fs::equivalent("/proc/" + std::to_string(id->pid) + "/exe", program, gone);
}

void DemoProxy::choose_ports(const UpOptions& options, const Progress& say) {
  std::set<std::uint16_t> taken;
  const auto choose = [&](std::uint16_t& port, std::uint16_t preferred, const char* what) {
    if (port == 0) {
      port = preferred;
    } else {
      // Its last user was our own proxy. The kernel lets an io_uring's sockets go a moment after the process has ended.
      (void)await([&] { return port_is_free(port); }, patience_.answer);
    }
    const std::uint16_t chosen = free_port_from(port, taken);
    if (chosen != port) {
      say(std::string(what) + " port " + std::to_string(port) + " is taken: using " + std::to_string(chosen) +
          " instead");
    }
    port = chosen;
    taken.insert(port);
  };
  choose(ports_.client, options.client_port, "client");
  choose(ports_.admin, options.admin_port, "admin");
  choose(ports_.http, options.http_port, "http");
  write_key_values(folder_.conf(), {{"client_port", std::to_string(ports_.client)},
                                    {"admin_port", std::to_string(ports_.admin)},
                                    {"http_port", std::to_string(ports_.http)}});
}

std::string DemoProxy::config_text(const Cluster& cluster) const {
  const auto address = [](std::uint16_t port) { return "\"127.0.0.1:" + std::to_string(port) + "\""; };
  const auto secret = [&](const char* name) { return toml_string(password_file(folder_.path(), name).string()); };
  std::string servers;
  for (const auto& node : cluster.nodes()) servers += (servers.empty() ? "" : ", ") + address(node.port());

  std::string text = "# written by sluice demo\n[proxy]\n";
  text += "listen = [" + address(ports_.client) + ", " + toml_string("unix:" + folder_.proxy_socket().string()) + "]\n";
  text += "state_dir = " + toml_string(folder_.proxy().string()) + "\n\n";
  text += "[admin]\nsql_listen = " + address(ports_.admin) + "\nhttp_listen = " + address(ports_.http) + "\n";
  text += "user = \"" + std::string(admin_user) + "\"\npassword_file = " + secret("admin") + "\n\n";
  text += "[[cluster]]\nname = \"main\"\nservers = [" + servers + "]\n";
  text += "monitor = { user = \"" + std::string(monitor_user) + "\", password_file = " + secret("monitor") + " }\n";
  text += "manager = { user = \"" + std::string(manager_user) + "\", password_file = " + secret("manager") + " }\n";
  text += "replication = { user = \"" + std::string(replication_user) + "\", password_file = " + secret("replication") +
          " }\n\n";
  text += "[[user]]\nname = \"" + std::string(app_user) + "\"\npassword_file = " + secret("app") + "\n";
  text += "cluster = \"main\"\n";
  return text;
}

void DemoProxy::write_client_files(const Cluster& cluster) const {
  write_file(folder_.client_cnf(), option_file(app_user, cluster.passwords().app, ports_.client, app_schema), 0600);
  write_file(folder_.admin_cnf(), option_file(admin_user, admin_password(), ports_.admin, ""), 0600);
}

void DemoProxy::up(const Cluster& cluster, const UpOptions& options, const Progress& say) {
  make_folder(folder_.proxy(), 0755);
  if (folder_.proxy_socket().string().size() > socket_path_max) {
    throw DemoError("the path of the proxy's unix socket is too long: " + folder_.proxy_socket().string() +
                    "\nName another --dir.");
  }
  if (runs(program(options)) && read_file(folder_.config()) == config_text(cluster) && answers(cluster)) return;
  stop();
  choose_ports(options, say);
  write_client_files(cluster);
  write_file(folder_.config(), config_text(cluster), 0644);
  say("starting sluice");
  start(options);
  await_ready(cluster);
}

void DemoProxy::start(const UpOptions& options) {
  std::error_code absent;
  const auto size = fs::file_size(folder_.proxy_log(), absent);
  log_start_ = absent ? 0 : size;
  SpawnOptions spawning;
  spawning.argv = {program(options).string(), "run", "--config", folder_.config().string()};
  spawning.output = folder_.proxy_log();
  spawning.pid_file = folder_.proxy_pid_file();
  spawning.lifetime = options.lifetime;
  spawning.open_files_max = proxy_open_files;
  static_cast<void>(spawn(spawning));
}

void DemoProxy::await_ready(const Cluster& cluster) {
  const auto started = read_pid_file(folder_.proxy_pid_file());
  bool ended = false;
  const auto answered = [&] {
    ended = !started || await_exit(*started, milliseconds{0}).has_value();
    return ended || answers(cluster);
  };
  const bool in_time = await(answered, patience_.step, milliseconds{20});
  if (in_time && !ended) return;
  throw DemoError("sluice " + std::string(ended ? "ended before it answered" : "did not answer a query in time") +
                  ". The end of its log, " + folder_.proxy_log().string() + ":\n" +
                  tail(folder_.proxy_log(), 15, log_start_));
}

void DemoProxy::stop() {
  const auto id = process();
  if (!id) return;
  send_signal(*id, SIGTERM);
  send_signal(*id, SIGCONT);
  if (!await_exit(*id, drain_bound)) {
    send_signal(*id, SIGKILL);
    if (!await_exit(*id, patience_.step)) {
      throw DemoError("sluice (pid " + std::to_string(id->pid) + ") cannot be ended");
    }
  }
  fs::remove(folder_.proxy_pid_file());
}

std::string DemoProxy::io() const {
  const auto log = read_file(folder_.proxy_log());
  if (!log || !process()) return "";
  // The choice is logged at each start, the chosen name before the reason ("epoll, since io_uring is denied").
  const auto start = log->rfind("event loop");
  if (start == std::string::npos) return "";
  const auto uring = log->find("io_uring", start);
  const auto epoll = log->find("epoll", start);
  if (uring == epoll) return "";  // neither
  return uring < epoll ? "io_uring" : "epoll";
}

SqlAddress DemoProxy::client_address(const Cluster& cluster) const {
  return {.host = "127.0.0.1",
          .port = ports_.client,
          .socket = "",
          .user = std::string(app_user),
          .password = cluster.passwords().app,
          .schema = std::string(app_schema)};
}

std::string DemoProxy::admin_password() const { return password(folder_.path(), "admin"); }

bool DemoProxy::answers(const Cluster& cluster) const {
  try {
    return Sql(client_address(cluster), patience_.answer).value("SELECT 1") == "1";
  } catch (const SqlError&) {
    return false;
  }
}

}  // namespace sluice::demo
