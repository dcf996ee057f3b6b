#include "admin/demo/node.hpp"

#include <poll.h>

#include <csignal>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/wait.hpp"

namespace sluice::demo {

Node::Node(std::string name, ServerSettings settings, std::shared_ptr<const NodeContext> context)
    : name_(std::move(name)), settings_(std::move(settings)), context_(std::move(context)) {
  if (settings_.socket.string().size() > socket_path_max) {
    throw DemoError("the path of the unix socket is too long (" + std::to_string(settings_.socket.string().size()) +
                    " bytes of " + std::to_string(socket_path_max) + "): " + settings_.socket.string() +
                    "\nChoose a folder with a shorter name.");
  }
}

std::optional<ProcessId> Node::process() const {
  const auto id = read_pid_file(pid_file());
  return id && is_running(*id) ? id : std::nullopt;
}

pid_t Node::pid() const {
  const auto id = process();
  return id ? id->pid : 0;
}

bool Node::provisioned() const { return fs::exists(provisioned_mark()); }

bool Node::ever_started() const { return fs::exists(config_file()); }

SqlAddress Node::address() const {
  return {.host = host_,
          .port = settings_.port,
          .socket = "",
          .user = std::string(root_user),
          .password = context_->passwords.root,
          .schema = ""};
}

Sql Node::sql() const { return sql(context_->patience.step); }
Sql Node::sql(std::chrono::seconds answer_bound) const { return Sql(address(), answer_bound); }

bool Node::answers() const {
  try {
    return sql(std::chrono::seconds{2}).value("SELECT 1") == "1";
  } catch (const SqlError&) {
    return false;
  }
}

bool Node::hangs() const {
  const auto id = process();
  return id && is_stopped(*id);
}

void Node::write_config() const {
  ServerSettings settings = settings_;
  settings.extra.insert(settings.extra.end(), lines_.begin(), lines_.end());
  write_file(config_file(), server_config(context_->flavour, context_->installation, settings), 0644);
}

void Node::provision(const fs::path& from, bool with_accounts) {
  if (running()) throw DemoError(name_ + " is running: its data cannot be replaced");
  fs::remove(provisioned_mark());
  fs::remove_all(data());
  make_folder(settings_.folder, 0755, context_->run_as);
  make_folder(settings_.folder / "tmp", 0700, context_->run_as);
  copy_tree(from, data(), context_->run_as);
  fs::remove(data() / "auto.cnf");
  if (with_accounts) {
    write_file(provisioned_mark(), "", 0644);
    fs::remove(first_start_file());
    return;
  }
  write_file(first_start_file(), first_start_sql(context_->flavour, context_->passwords), 0600);
  if (context_->run_as) {
    if (::chown(first_start_file().c_str(), context_->run_as->uid, context_->run_as->gid) != 0) {
      throw DemoError("cannot give " + first_start_file().string() + " to the server's account");
    }
  }
}

void Node::start() {
  if (running()) return;
  write_config();
  // A server that was killed leaves files there, one of which keeps MySQL 5.6 from replicating (SQL_LOAD-<uuid>).
  for (const auto& left : fs::directory_iterator(settings_.folder / "tmp")) fs::remove_all(left.path());
  std::error_code absent;
  const auto size = fs::file_size(error_log(), absent);
  log_start_ = absent ? 0 : size;
  SpawnOptions options;
  options.argv = {context_->installation.server.string(), "--defaults-file=" + config_file().string()};
  // As root a server runs only when told so by name: here no other account can reach the folder.
  if (::geteuid() == 0 && !context_->run_as) options.argv.emplace_back("--user=root");
  if (!provisioned()) options.argv.push_back("--init-file=" + first_start_file().string());
  options.environment = context_->installation.environment;
  options.output = error_log();
  options.pid_file = pid_file();
  options.run_as = context_->run_as;
  options.lifetime = context_->lifetime;
  options.open_files_max = open_files;
  static_cast<void>(spawn(options));
}

void Node::fail_start(const std::string& why) const {
  throw DemoError(name_ + " (port " + std::to_string(settings_.port) + ") " + why + ". The end of its log, " +
                  error_log().string() + ":\n" + tail(error_log(), 15, log_start_));
}

void Node::await_ready() {
  const auto id = process();
  if (!id) fail_start("ended before it answered");
  std::string last_error;
  bool ended = false;
  const auto answered = [&] {
    try {
      sql(std::chrono::seconds{5}).value("SELECT 1");
      return true;
    } catch (const SqlError& error) {
      last_error = error.what();
    }
    ended = await_exit(*id, milliseconds{0}).has_value();
    return ended;
  };
  const bool in_time = await(answered, context_->patience.step, milliseconds{20});
  if (ended) fail_start("ended before it answered");
  if (!in_time) {
    fail_start("did not answer within " + std::to_string(context_->patience.step.count()) + " s (" + last_error + ")");
  }
  if (provisioned()) return;
  write_file(provisioned_mark(), "", 0644);
  fs::remove(first_start_file());  // it holds passwords
}

ProcessId Node::require_process(const char* operation) const {
  const auto id = process();
  if (!id) throw DemoError("cannot " + std::string(operation) + " " + name_ + ": it is not running");
  return *id;
}

void Node::stop() {
  const auto id = process();
  if (!id) return;
  send_signal(*id, SIGTERM);
  send_signal(*id, SIGCONT);
  if (!await_exit(*id, context_->patience.step)) {
    throw DemoError(name_ + " (pid " + std::to_string(id->pid) + ") did not stop within " +
                    std::to_string(context_->patience.step.count()) + " s. The end of its log:\n" +
                    tail(error_log(), 15));
  }
  fs::remove(pid_file());
}

void Node::kill() {
  const auto id = process();
  if (!id) return;
  send_signal(*id, SIGKILL);
  if (!await_exit(*id, context_->patience.step)) throw DemoError(name_ + " did not end after SIGKILL");
  fs::remove(pid_file());
}

void Node::hang() {
  const ProcessId id = require_process("hang");
  send_signal(id, SIGSTOP);
  if (!await([&] { return is_stopped(id); }, context_->patience.step, milliseconds{1})) {
    throw DemoError(name_ + " does not stop, " + std::to_string(context_->patience.step.count()) + " s after SIGSTOP");
  }
}

void Node::resume() { send_signal(require_process("resume"), SIGCONT); }

void Node::restart() {
  stop();
  start();
  await_ready();
}

void Node::wipe() {
  kill();
  fs::remove(provisioned_mark());
  fs::remove_all(data());
}

}  // namespace sluice::demo
