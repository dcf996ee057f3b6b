#include "admin/demo/demo.hpp"

#include <algorithm>
#include <csignal>
#include <ostream>

#include "admin/demo/cluster.hpp"
#include "admin/demo/demo_folder.hpp"
#include "admin/demo/demo_proxy.hpp"
#include "admin/demo/demo_report.hpp"
#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/ports.hpp"

namespace sluice::demo {
namespace {

constexpr std::chrono::minutes lock_bound{2};
constexpr unsigned nodes_max = 9;

template <class Command>
int told(std::ostream& err, Command&& command) {
  try {
    return command();
  } catch (const std::exception& error) {
    err << "sluice demo: " << error.what() << '\n';
    return 1;
  }
}

ClusterOptions cluster_options(const DemoFolder& folder, const FolderLock& lock, const UpOptions& options,
                               const Progress& say) {
  ClusterOptions cluster;
  cluster.lock = lock.descriptor();
  cluster.folder = folder.path();
  cluster.flavour = options.flavour.value_or(Flavour::mariadb);
  cluster.nodes = options.nodes.value_or(3);
  cluster.first_port = options.server_port;
  cluster.lifetime = options.lifetime;
  cluster.patience = options.patience;
  cluster.progress = say;
  if (cluster.nodes < 1 || cluster.nodes > nodes_max) {
    throw DemoError("a demo has 1 to " + std::to_string(nodes_max) + " servers");
  }
  return cluster;
}

// A demo that exists is never turned into another one: its data might matter.
void require_same(const Cluster& cluster, const UpOptions& options, const DemoFolder& folder) {
  const bool same = options.flavour.value_or(cluster.flavour()) == cluster.flavour() &&
                    options.nodes.value_or(static_cast<unsigned>(cluster.size())) == cluster.size();
  if (same) return;
  throw DemoError(folder.path().string() + " already holds a demo of " + std::to_string(cluster.size()) + " " +
                  std::string(to_string(cluster.flavour())) + " servers. Name another --dir, or remove it first:\n  " +
                  folder.down_command());
}

int run_up(const UpOptions& options, std::ostream& out) {
  const auto folder = DemoFolder::make(options.dir);
  const FolderLock lock(folder.path(), lock_bound);
  const PortsLock ports(lock_bound);
  const Progress say = [&out](const std::string& line) { out << line << '\n' << std::flush; };
  Cluster cluster(cluster_options(folder, lock, options, say));
  require_same(cluster, options, folder);
  const auto down = std::ranges::count_if(cluster.nodes(), [](const Node& node) { return !node.running(); });
  if (down > 0) say("starting " + std::to_string(down) + " " + std::string(to_string(cluster.flavour())) + " servers");
  cluster.up();
  DemoProxy proxy(folder, options.patience);
  if (options.proxy) proxy.up(cluster, options, say);
  print_text(survey(folder, cluster, proxy), out);
  return 0;
}

void end_process(const fs::path& pid_file, const Patience& patience) {
  const auto id = read_pid_file(pid_file);
  if (!id || !send_signal(*id, SIGKILL)) return;
  if (await_exit(*id, patience.step)) return;
  throw DemoError("pid " + std::to_string(id->pid) + " did not end after SIGKILL");
}

// By what is there, not by what the configuration says: a killed `up` may have left anything.
int run_down(const DownOptions& options, std::ostream& out) {
  const auto folder = DemoFolder::find(options.dir);
  if (!folder) {
    out << "there is no demo in " << options.dir.string() << '\n';
    return 0;
  }
  const FolderLock lock(folder->path(), lock_bound);
  DemoProxy(*folder, options.patience).stop();
  if (fs::exists(folder->nodes())) {
    // Their data goes too, so nothing is gained by a clean shutdown.
    for (const auto& node : fs::directory_iterator(folder->nodes())) {
      end_process(node.path() / "pid", options.patience);
    }
  }
  const bool all = folder->remove();
  out << "removed the demo in " << folder->path().string() << '\n';
  if (!all) out << "the folder itself stays: there are files in it that are not the demo's" << '\n';
  return 0;
}

int run_status(const StatusOptions& options, std::ostream& out) {
  const auto folder = DemoFolder::find(options.dir);
  if (!folder || !fs::exists(folder->cluster_conf())) {
    throw DemoError("there is no demo in " + options.dir.string() + ": `sluice demo up` makes one");
  }
  ClusterOptions opening;
  opening.folder = folder->path();
  opening.patience = options.patience;
  const Cluster cluster(opening);
  const Survey seen = survey(*folder, cluster, DemoProxy(*folder, options.patience));
  switch (options.format) {
    case StatusFormat::text:
      print_text(seen, out);
      break;
    case StatusFormat::json:
      print_json(seen, out);
      break;
    case StatusFormat::shell:
      print_shell(seen, out);
      break;
  }
  return seen.healthy() ? 0 : 1;
}

}  // namespace

int up(const UpOptions& options, std::ostream& out, std::ostream& err) {
  return told(err, [&] { return run_up(options, out); });
}

int down(const DownOptions& options, std::ostream& out, std::ostream& err) {
  return told(err, [&] { return run_down(options, out); });
}

int status(const StatusOptions& options, std::ostream& out, std::ostream& err) {
  return told(err, [&] { return run_status(options, out); });
}

}  // namespace sluice::demo
