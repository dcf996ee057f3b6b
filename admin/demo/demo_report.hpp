// What a demo is right now, and its three ways of being told: to people, as JSON, to a shell.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "admin/demo/cluster.hpp"
#include "admin/demo/demo_folder.hpp"
#include "admin/demo/demo_proxy.hpp"

namespace sluice::demo {

struct ServerReport {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t server_id = 0;
  Role role = Role::down;
  pid_t pid = 0;  // 0: not running
  std::string error_log;
};

struct Survey {
  std::string folder;
  std::string down_command;
  Flavour flavour = Flavour::mariadb;
  bool has_proxy = false;
  bool proxy_answers = false;
  pid_t proxy_pid = 0;
  std::string proxy_io;
  std::string config;
  std::string proxy_log;
  std::string client_cnf;
  std::string admin_cnf;
  std::string client_socket;
  SqlAddress client;
  SqlAddress admin;
  std::uint16_t http_port = 0;
  std::string root_password;
  std::vector<ServerReport> servers;

  [[nodiscard]] bool healthy() const;
};

// Asks the servers and the proxy; who does not answer in time (Patience::answer) is told as down.
[[nodiscard]] Survey survey(const DemoFolder& folder, const Cluster& cluster, const DemoProxy& proxy);

void print_text(const Survey& seen, std::ostream& out);   // no passwords
void print_json(const Survey& seen, std::ostream& out);   // one line
void print_shell(const Survey& seen, std::ostream& out);  // NAME='value'

}  // namespace sluice::demo
