#include "support/proxy_process.hpp"

#include <csignal>
#include <stdexcept>

#include "admin/demo/files.hpp"
#include "admin/demo/passwords.hpp"
#include "admin/demo/ports.hpp"

namespace sluice::test {
namespace {

std::string quoted(const std::string& text) { return "\"" + text + "\""; }
std::string loopback(std::uint16_t port) { return quoted("127.0.0.1:" + std::to_string(port)); }

// An RSA key takes longer to make than all the rest of a start: the first process of a test program makes one, and
// later ones find it in their folder.
std::filesystem::path rsa_key_in(const std::filesystem::path& folder) { return folder / "tls" / "sluice-rsa-key.pem"; }
std::string& made_rsa_key() {
  static std::string pem;
  return pem;
}

}  // namespace

ProxyProcess::ProxyProcess(const std::string& binary, const std::filesystem::path& folder, const std::string& toml)
    : folder_(folder), log_(folder / "sluice.log") {
  if (!made_rsa_key().empty()) {
    demo::make_folder(folder / "tls", 0700);
    demo::write_file(rsa_key_in(folder), made_rsa_key(), 0600);
  }
  const auto config = folder / "sluice.toml";
  demo::write_file(config, toml, 0600);
  demo::SpawnOptions options;
  options.argv = {binary, "run", "--config", config.string()};
  options.output = log_;
  options.lifetime = demo::Lifetime::with_parent;
  options.open_files_max = 65'536;
  id_ = demo::spawn(options);
}

ProxyProcess::~ProxyProcess() {
  if (made_rsa_key().empty()) made_rsa_key() = demo::read_file(rsa_key_in(folder_)).value_or("");
  if (demo::send_signal(id_, SIGKILL)) static_cast<void>(demo::await_exit(id_, hang_limit));
}

std::string ProxyProcess::log() const { return demo::read_file(log_).value_or(""); }

template <class Condition>
void ProxyProcess::await_or_fail(const std::string& what, Condition&& condition) {
  bool met = false;
  const auto settled = [&] {
    met = condition();
    return met || !running();
  };
  static_cast<void>(await(settled));
  if (!met) throw std::runtime_error("sluice: " + what + " did not happen; its log:\n" + demo::tail(log_, 30));
}

void ProxyProcess::await_port(std::uint16_t port) {
  await_or_fail("port " + std::to_string(port), [&] { return !demo::port_is_free(port); });
}

void ProxyProcess::await_log(const std::string& text) {
  await_or_fail("the line '" + text + "'", [&] { return log().find(text) != std::string::npos; });
}

int ProxyProcess::terminate() {
  demo::send_signal(id_, SIGTERM);
  return await_end();
}

int ProxyProcess::await_end() {
  const auto end = demo::await_exit(id_, hang_limit);
  if (!end) throw std::runtime_error("sluice did not end in time; its log:\n" + demo::tail(log_, 30));
  if (!end->known) throw std::runtime_error("sluice had ended before; its log:\n" + demo::tail(log_, 30));
  return end->signal != 0 ? 128 + end->signal : end->code;
}

std::uint16_t server_port(const demo::Cluster& cluster, const ProxyConfig& config, std::size_t node) {
  return config.server_ports.empty() ? cluster.nodes()[node].port() : config.server_ports[node];
}

std::string proxy_config(const demo::Cluster& cluster, const ProxyConfig& config) {
  const auto secret = [&](const char* name, const std::string& text) {
    const auto file = demo::password_file(config.folder, name);
    demo::make_folder(config.folder / "secrets", 0700);
    demo::write_file(file, text + "\n", 0600);
    return quoted(file.string());
  };
  std::string servers;
  for (std::size_t i = 0; i < cluster.size(); ++i)
    servers += (i == 0 ? "" : ", ") + loopback(server_port(cluster, config, i));
  std::string toml = "[proxy]\nlisten = [" + loopback(config.client_port) + ", " +
                     quoted("unix:" + (config.folder / "mysql.sock").string()) + "]\n";
  toml += "state_dir = " + quoted(config.folder.string()) + "\n" + config.proxy_keys + "\n";
  toml += "[admin]\nsql_listen = " + loopback(config.admin_port) + "\nhttp_listen = " + loopback(config.http_port) +
          "\nuser = \"admin\"\npassword_file = " + secret("admin", demo::password(config.folder, "admin")) + "\n";
  toml += "[[cluster]]\nname = \"main\"\nservers = [" + servers +
          "]\nmonitor = { user = " + quoted(std::string(demo::monitor_user)) +
          ", password_file = " + secret("monitor", cluster.passwords().monitor) + " }\n";
  toml += "manager = { user = " + quoted(std::string(demo::manager_user)) +
          ", password_file = " + secret("manager", cluster.passwords().manager) + " }\n";
  toml += "[[user]]\nname = " + quoted(std::string(demo::app_user)) +
          "\npassword_file = " + secret("app", cluster.passwords().app) + "\ncluster = \"main\"\n";
  return toml + config.extra;
}

demo::SqlAddress admin_address(const ProxyConfig& config) {
  demo::SqlAddress address;
  address.port = config.admin_port;
  address.user = "admin";
  address.password = demo::password(config.folder, "admin");
  return address;
}

}  // namespace sluice::test
