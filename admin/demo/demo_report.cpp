#include "admin/demo/demo_report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "admin/demo/files.hpp"
#include "admin/demo/shell_word.hpp"

namespace sluice::demo {
namespace {

namespace json = boost::json;

std::string pid_or(pid_t pid, const char* otherwise) { return pid == 0 ? otherwise : std::to_string(pid); }

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

json::value json_pid(pid_t pid) { return pid == 0 ? json::value(nullptr) : json::value(pid); }

json::object json_server(const Survey& seen, const ServerReport& server) {
  return {{"name", server.name},           {"host", server.host},
          {"port", server.port},           {"role", to_string(server.role)},
          {"pid", json_pid(server.pid)},   {"user", root_user},
          {"password", seen.root_password}};
}

void print_connections(const Survey& seen, std::ostream& out) {
  if (!seen.has_proxy) {
    out << "\n  proxy     none (--no-proxy)\n";
    return;
  }
  const std::string state = seen.proxy_pid == 0 ? "not running" : seen.proxy_answers ? "runs" : "does not answer";
  out << "\n  sluice    " << state << (seen.proxy_pid == 0 ? "" : ", pid " + std::to_string(seen.proxy_pid))
      << (seen.proxy_io.empty() ? "" : ", on " + seen.proxy_io) << "\n";
  out << "  connect   mariadb --defaults-extra-file=" << shell_word(seen.client_cnf) << "\n";
  out << "            " << seen.client.host << ":" << seen.client.port << " or the socket " << seen.client_socket
      << "\n            user " << seen.client.user << ", schema " << seen.client.schema << ", password in "
      << seen.folder << "/secrets/app.password\n";
  out << "  admin     mariadb --defaults-extra-file=" << shell_word(seen.admin_cnf) << "   (" << seen.admin.host << ":"
      << seen.admin.port << ")\n";
  out << "  metrics   http://" << seen.admin.host << ":" << seen.http_port << "/metrics\n";
}

}  // namespace

bool Survey::healthy() const {
  const auto runs = [](const ServerReport& server) {
    return server.role == Role::leader || server.role == Role::replica;
  };
  return (!has_proxy || proxy_answers) && std::ranges::all_of(servers, runs) &&
         std::ranges::count(servers, Role::leader, &ServerReport::role) == 1;
}

Survey survey(const DemoFolder& folder, const Cluster& cluster, const DemoProxy& proxy) {
  Survey seen;
  seen.folder = folder.path().string();
  seen.down_command = folder.down_command();
  seen.flavour = cluster.flavour();
  seen.config = folder.config().string();
  seen.proxy_log = folder.proxy_log().string();
  seen.client_cnf = folder.client_cnf().string();
  seen.admin_cnf = folder.admin_cnf().string();
  seen.client_socket = folder.proxy_socket().string();
  seen.root_password = cluster.passwords().root;
  for (std::size_t index = 0; index < cluster.size(); ++index) {
    const Node& node = cluster.nodes()[index];
    const Role role = node.running() ? cluster.role(index) : Role::down;
    seen.servers.push_back(
        {node.name(), node.host(), node.port(), node.server_id(), role, node.pid(), node.error_log().string()});
  }
  seen.has_proxy = proxy.ports().planned();
  seen.client = proxy.client_address(cluster);
  seen.admin.port = proxy.ports().admin;
  seen.http_port = proxy.ports().http;
  seen.admin.user = admin_user;
  if (!seen.has_proxy) return seen;
  seen.admin.password = proxy.admin_password();
  const auto process = proxy.process();
  seen.proxy_pid = process ? process->pid : 0;
  seen.proxy_answers = process && proxy.answers(cluster);
  seen.proxy_io = proxy.io();
  return seen;
}

void print_text(const Survey& seen, std::ostream& out) {
  out << "demo in " << seen.folder << ": " << seen.servers.size() << " " << to_string(seen.flavour) << " servers\n\n";
  for (const auto& server : seen.servers) {
    out << "  " << padded(server.name, 10) << padded(server.host + ":" + std::to_string(server.port), 18)
        << padded(std::string(to_string(server.role)), 9) << "pid " << pid_or(server.pid, "none") << "\n";
  }
  print_connections(seen, out);
  if (seen.has_proxy) out << "  config    " << seen.config << "\n";
  out << "  logs      " << (seen.has_proxy ? seen.proxy_log + "  " : "") << seen.folder << "/nodes/*/error.log\n";
  out << "  stop      " << seen.down_command << '\n';
}

void print_json(const Survey& seen, std::ostream& out) {
  json::array servers;
  for (const auto& server : seen.servers) servers.push_back(json_server(seen, server));
  const json::object all{{"client",
                          {{"host", seen.client.host},
                           {"port", seen.client.port},
                           {"socket", seen.client_socket},
                           {"user", seen.client.user},
                           {"password", seen.client.password},
                           {"schema", seen.client.schema}}},
                         {"admin",
                          {{"host", seen.admin.host},
                           {"port", seen.admin.port},
                           {"user", seen.admin.user},
                           {"password", seen.admin.password}}},
                         {"proxy", {{"pid", json_pid(seen.proxy_pid)}, {"config", seen.config}, {"io", seen.proxy_io}}},
                         {"servers", std::move(servers)}};
  out << all << '\n';
}

void print_shell(const Survey& seen, std::ostream& out) {
  const auto line = [&out](const std::string& name, std::string_view value) {
    out << "DEMO_" << name << "=" << shell_quoted(value) << "\n";
  };
  line("FOLDER", seen.folder);
  line("CLIENT_HOST", seen.client.host);
  line("CLIENT_PORT", std::to_string(seen.client.port));
  line("CLIENT_SOCKET", seen.client_socket);
  line("CLIENT_USER", seen.client.user);
  line("CLIENT_PASSWORD", seen.client.password);
  line("CLIENT_SCHEMA", seen.client.schema);
  line("CLIENT_CNF", seen.client_cnf);
  line("ADMIN_CNF", seen.admin_cnf);
  line("PROXY_PID", pid_or(seen.proxy_pid, ""));
  line("PROXY_IO", seen.proxy_io);
  line("PROXY_CONFIG", seen.config);
  line("PROXY_LOG", seen.proxy_log);
  line("SERVERS", std::to_string(seen.servers.size()));
  for (std::size_t index = 0; index < seen.servers.size(); ++index) {
    const ServerReport& server = seen.servers[index];
    const std::string name = "SERVER_" + std::to_string(index + 1) + "_";
    line(name + "NAME", server.name);
    line(name + "PORT", std::to_string(server.port));
    line(name + "ID", std::to_string(server.server_id));
    line(name + "ROLE", to_string(server.role));
    line(name + "PID", pid_or(server.pid, ""));
  }
  out.flush();
}

}  // namespace sluice::demo
