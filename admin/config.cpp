#include "admin/config.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>
#include <utility>

#include "admin/config_reader.hpp"
#include "admin/config_schema.hpp"
#include "admin/toml_bounds.hpp"

namespace sluice::admin {
namespace {

template <class Settings>
void read_section(SectionReader& top, std::string_view key, const std::string& title, Settings& settings) {
  const toml::table* table = top.table(key);
  if (table == nullptr) return;
  SectionReader reader(*table, title, top.context());
  schema::visit(reader, settings);
  reader.finish();
}

bool is_empty_array(const toml::table& table, std::string_view key) {
  const auto* array = table.get_as<toml::array>(key);
  return array != nullptr && array->empty();
}

// The password of a section: from the key, or from its file.
void read_password(SectionReader& reader, PasswordSettings& secret, const FileReader& read_file) {
  if (reader.has("password") && reader.has("password_file")) {
    reader.error("password_file", reader.title() + " has both password and password_file; write one of them");
    return;
  }
  if (secret.password_file.empty()) return;
  auto file = read_file(secret.password_file);
  const std::string called = "password_file \"" + printable(secret.password_file) + "\"";
  if (!file) {
    reader.error("password_file", called + " cannot be read: " + file.error());
    return;
  }
  if (file->world_readable) {
    reader.warning("password_file", called + " can be read by everyone; chmod 600 it");
  }
  std::string_view text = file->text;
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) {
    reader.error("password_file", called + " is empty; write the password in its first line");
    return;
  }
  secret.password = text;
}

void read_proxy(SectionReader& top, ProxySettings& settings) {
  const toml::table* table = top.table("proxy");
  if (table == nullptr) return;
  SectionReader reader(*table, "[proxy]", top.context());
  schema::visit(reader, settings);
  if (is_empty_array(*table, "listen")) {
    reader.error("listen", R"('listen' in [proxy] is empty; write at least one address, e.g. ["127.0.0.1:6033"])");
  }
  if (settings.server_version.empty()) {
    reader.error("server_version", "'server_version' in [proxy] is empty; write a version such as \"5.7.0-sluice\"");
  }
  read_section(reader, "tls", "[proxy.tls]", settings.tls);
  if (settings.tls.cert.empty() != settings.tls.key.empty()) {
    reader.error("tls", "[proxy.tls] has one of cert and key only; write both, or neither for a self-signed one");
  }
  reader.finish();
}

void read_backend_tls(SectionReader& top, BackendTlsSettings& settings) {
  read_section(top, "backend_tls", "[backend_tls]", settings);
  if (settings.verify != tls::Verify::none && settings.ca.empty()) {
    top.error("backend_tls", "'verify' in [backend_tls] needs the authority to trust; write ca = \"/path/ca.pem\"");
  }
}

void read_admin(SectionReader& top, AdminSettings& settings, const FileReader& read_file) {
  const toml::table* table = top.table("admin");
  if (table == nullptr) return;
  SectionReader reader(*table, "[admin]", top.context());
  schema::visit(reader, settings);
  if (settings.user.empty()) reader.error("user", "'user' in [admin] is empty; write a name, e.g. \"admin\"");
  read_password(reader, settings.secret, read_file);
  reader.finish();
}

// The account in the inline table `key` of a cluster; `what`: what it does, for the error that asks for its name.
template <class Visit>
void read_account(SectionReader& cluster, std::string_view key, std::string_view what, std::string& user,
                  PasswordSettings& secret, const FileReader& read_file, Visit visit) {
  const toml::table* table = cluster.table(key);
  if (table == nullptr) return;
  SectionReader reader(*table, std::string(key) + " of " + cluster.title(), cluster.context());
  visit(reader);
  if (user.empty()) {
    reader.error("user", reader.title() + " has no user; write user = \"…\", the account that " + std::string(what));
  }
  read_password(reader, secret, read_file);
  reader.finish();
}

void read_accounts(SectionReader& cluster, ClusterSettings& s, const FileReader& read_file) {
  if (!cluster.has("monitor")) {
    cluster.error("monitor", cluster.title() +
                                 " has no monitor account; write monitor = { user = \"sluice\", password_file = … }");
  }
  read_account(cluster, "monitor", "asks the servers", s.monitor_user, s.monitor_secret, read_file,
               [&](SectionReader& reader) { schema::visit_monitor(reader, s); });
  read_account(cluster, "manager", "changes the leader", s.manager_user, s.manager_secret, read_file,
               [&](SectionReader& reader) { schema::visit_manager(reader, s); });
  read_account(cluster, "replication", "replicas log on with", s.replication_user, s.replication_secret, read_file,
               [&](SectionReader& reader) { schema::visit_replication(reader, s); });
}

void check_preferred(SectionReader& reader, const ClusterSettings& settings) {
  for (const io::Endpoint& one : settings.preferred) {
    if (std::find(settings.servers.begin(), settings.servers.end(), one) != settings.servers.end()) continue;
    reader.error("preferred", "'preferred' in " + reader.title() + ": \"" + printable(one.to_string()) +
                                  "\" is not one of its servers; write it as it stands in 'servers'");
  }
}

void read_clusters(SectionReader& top, std::vector<ClusterSettings>& clusters, const FileReader& read_file) {
  std::set<std::string> names;
  for (const toml::table* table : top.tables("cluster")) {
    ClusterSettings settings;
    SectionReader reader(*table, "[[cluster]] " + std::to_string(clusters.size() + 1), top.context());
    schema::visit(reader, settings);
    read_accounts(reader, settings, read_file);
    check_preferred(reader, settings);
    reader.finish();
    if (settings.name.empty()) {
      reader.error("name", reader.title() + " has no name; write name = \"…\"");
    } else if (!names.insert(settings.name).second) {
      reader.error("name", "cluster \"" + printable(settings.name) + "\" is defined twice; give each its own name");
    }
    if (!reader.has("servers")) {
      reader.error("servers", reader.title() + " has no servers; write servers = [\"host:port\", …]");
    } else if (is_empty_array(*table, "servers")) {
      reader.error("servers", "'servers' in " + reader.title() + " is empty; list at least one server");
    }
    clusters.push_back(std::move(settings));
  }
}

void read_credential(SectionReader& reader, UserSettings& user, const FileReader& read_file) {
  const int given = int{reader.has("password")} + int{reader.has("password_file")} + int{reader.has("password_hash")};
  if (given != 1) {
    reader.error("name", reader.title() + (given == 0 ? " has no password" : " has more than one password") +
                             "; write one of password, password_file, password_hash");
    return;
  }
  if (!reader.has("password_hash")) {
    read_password(reader, user.secret, read_file);
    user.credential.password = user.secret.password;
    return;
  }
  const auto credential = protocol::parse_password_hash(user.password_hash);
  if (!credential) {
    reader.error("password_hash", "'password_hash' in " + reader.title() +
                                      " is not a hash; write \"*\" and 40 hexadecimal digits, or \"$A$005$…\"");
    return;
  }
  user.credential = *credential;
  const std::string_view fits =
      credential->native_hash ? protocol::native_password_plugin : protocol::caching_sha2_plugin;
  if (!reader.has("auth_plugin")) user.auth_plugin = fits;
  if (user.auth_plugin != fits) {
    reader.error("auth_plugin", "'auth_plugin' in " + reader.title() + " does not fit the password_hash; write \"" +
                                    std::string(fits) + "\" or give the password");
  }
}

// Which cluster the user's queries go to: the one named, or the only one there is.
void check_cluster(SectionReader& reader, UserSettings& user, const std::vector<ClusterSettings>& clusters) {
  if (user.cluster.empty()) {
    if (clusters.size() == 1) {
      user.cluster = clusters.front().name;
    } else if (!clusters.empty()) {
      reader.error("cluster", reader.title() + " names no cluster; write cluster = \"…\"");
    }
    return;
  }
  for (const ClusterSettings& cluster : clusters) {
    if (cluster.name == user.cluster) return;
  }
  std::string known;
  for (const ClusterSettings& cluster : clusters) {
    known += (known.empty() ? "\"" : ", \"") + printable(cluster.name) + "\"";
  }
  reader.error("cluster", "'cluster' in " + reader.title() + ": there is no cluster \"" + printable(user.cluster) +
                              "\"; write one of " + (known.empty() ? "those in [[cluster]]" : known));
}

void read_users(SectionReader& top, Config& config, const FileReader& read_file) {
  std::set<std::string> names;
  for (const toml::table* table : top.tables("user")) {
    UserSettings user;
    SectionReader reader(*table, "[[user]] " + std::to_string(config.users.size() + 1), top.context());
    schema::visit(reader, user);
    reader.finish();
    if (user.name.empty()) {
      reader.error("name", reader.title() + " has no name; write name = \"…\"");
    } else if (!names.insert(user.name).second) {
      reader.error("name", "user \"" + printable(user.name) + "\" is defined twice; remove one");
    }
    read_credential(reader, user, read_file);
    check_cluster(reader, user, config.clusters);
    config.users.push_back(std::move(user));
  }
}

// Each worker has its own share of the connections, and needs one at least.
void check_shares(const Config& config, ReaderContext& context) {
  const auto connections = config.limits.backend_connections_max;
  if (config.proxy.workers <= connections) return;
  const std::string workers = std::to_string(config.proxy.workers);
  context.add({}, "'backend_connections_max' in [limits] is " + std::to_string(connections) +
                      ", and 'workers' in [proxy] is " + workers + ": each worker needs a connection; write at least " +
                      workers + ", or fewer workers");
}

// Two sections that want the same address would fail at start, one after the other.
void check_addresses(const Config& config, ReaderContext& context) {
  const auto clash = [&](const std::optional<io::Endpoint>& address, const std::string& key) {
    if (!address || (!address->is_unix() && address->port == 0)) return;
    if (std::find(config.proxy.listen.begin(), config.proxy.listen.end(), *address) == config.proxy.listen.end()) {
      return;
    }
    context.add({}, "'" + key + "' in [admin] and 'listen' in [proxy] are both \"" + address->to_string() +
                        "\"; give them different ports");
  };
  clash(config.admin.sql_listen, "sql_listen");
  clash(config.admin.http_listen, "http_listen");
  const auto& sql = config.admin.sql_listen;
  if (sql && sql == config.admin.http_listen && (sql->is_unix() || sql->port != 0)) {
    context.add({}, "'sql_listen' and 'http_listen' in [admin] are both \"" + sql->to_string() +
                        "\"; give them different ports");
  }
}

// nullopt: it is not TOML, or more of it than is good for the parser; which is reported.
std::optional<toml::table> parse_toml(std::string_view text, ReaderContext& context) {
  if (const auto excess = find_toml_excess(text)) {
    context.add(excess->at, excess->text);
    return std::nullopt;
  }
  try {
    toml::parse_result parsed = toml::parse(text);
    if (parsed) return std::move(parsed).table();
    const auto& begin = parsed.error().source().begin;
    context.add({begin.line, begin.column}, "this is not TOML: " + printable(parsed.error().description()));
  } catch (const TomlAssertion&) {
    context.add({}, "this is not TOML: a table or key is malformed");
  }
  return std::nullopt;
}

void read_document(const toml::table& document, ReaderContext& context, Config& config,
                   const FileReader& read_password_file) {
  SectionReader top(document, "the file", context);
  read_proxy(top, config.proxy);
  read_backend_tls(top, config.backend_tls);
  read_admin(top, config.admin, read_password_file);
  read_section(top, "limits", "[limits]", config.limits);
  read_section(top, "failover", "[failover]", config.failover);
  read_section(top, "log", "[log]", config.log);
  read_clusters(top, config.clusters, read_password_file);
  read_users(top, config, read_password_file);
  top.finish("section");
  if (!top.has("cluster")) context.add({}, "no cluster is configured; write a [[cluster]] with name, servers, monitor");
  if (!top.has("user")) {
    context.add({}, "no user is configured: nobody can log on; write a [[user]] with name and password", true);
  }
  for (const ClusterSettings& cluster : config.clusters) {
    if (config.failover.mode == FailoverMode::off || !cluster.manager_user.empty()) continue;
    context.add({},
                "failover.mode is not \"off\", but cluster " + printable(cluster.name) +
                    " has no manager account; write manager = { user = \"sluice_manager\", password_file = … } in it");
  }
  check_addresses(config, context);
  check_shares(config, context);
}

}  // namespace

LoadedConfig parse_config(std::string_view text, const std::string& file, const FileReader& read_password_file) {
  LoadedConfig loaded;
  loaded.config.file = file;
  ReaderContext context{file, std::filesystem::path(file).parent_path().string(), {}};
  if (text.size() > config_bytes_max) {
    context.add({}, "the file is larger than 1 MiB");
    loaded.problems = std::move(context.problems);
    return loaded;
  }
  const auto document = parse_toml(text, context);
  if (document) read_document(*document, context, loaded.config, read_password_file);
  loaded.problems = std::move(context.problems);
  std::sort(loaded.problems.begin(), loaded.problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::tie(a.at.line, a.at.column, a.text) < std::tie(b.at.line, b.at.column, b.text);
  });
  return loaded;
}

std::string tls_dir(const Config& config) {
  return config.proxy.tls.dir.empty() ? config.proxy.state_dir + "/tls" : config.proxy.tls.dir;
}

std::string admin_password_file(const Config& config) { return config.proxy.state_dir + "/admin.password"; }

}  // namespace sluice::admin
