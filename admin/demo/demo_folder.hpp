// The folder of a demo: what is in it, under which names, and the mark that says it may be removed.
//
// Flow: `DemoFolder::make(dir)` for up, `DemoFolder::find(dir)` for the others.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace sluice::demo {

class DemoFolder {
 public:
  // Throws DemoError when `dir` holds something that is not a demo.
  [[nodiscard]] static DemoFolder make(const std::filesystem::path& dir);
  // nullopt: there is no such folder, or nothing in it. Throws DemoError when it is not a demo's.
  [[nodiscard]] static std::optional<DemoFolder> find(const std::filesystem::path& dir);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path nodes() const { return path_ / "nodes"; }
  [[nodiscard]] std::filesystem::path conf() const { return path_ / "demo.conf"; }
  [[nodiscard]] std::filesystem::path cluster_conf() const { return path_ / "cluster.conf"; }
  [[nodiscard]] std::filesystem::path config() const { return path_ / "sluice.toml"; }
  [[nodiscard]] std::filesystem::path client_cnf() const { return path_ / "client.cnf"; }
  [[nodiscard]] std::filesystem::path admin_cnf() const { return path_ / "admin.cnf"; }
  [[nodiscard]] std::filesystem::path proxy() const { return path_ / "proxy"; }
  [[nodiscard]] std::filesystem::path proxy_pid_file() const { return proxy() / "pid"; }
  [[nodiscard]] std::filesystem::path proxy_log() const { return proxy() / "sluice.log"; }
  [[nodiscard]] std::filesystem::path proxy_socket() const { return proxy() / "mysql.sock"; }

  // Removes all that a demo makes, the mark last, and the folder when nothing else is in it (then true).
  [[nodiscard]] bool remove() const;
  // What a person types to remove it.
  [[nodiscard]] std::string down_command() const;

 private:
  explicit DemoFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // absolute
};

}  // namespace sluice::demo
