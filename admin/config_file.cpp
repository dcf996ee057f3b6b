// Reading the configuration and password files from disk: bounded, and never from a pipe or device that would wait.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "admin/config.hpp"

namespace sluice::admin {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string error_text(int error) { return std::strerror(error); }  // NOLINT(concurrency-mt-unsafe): one thread

bool holds_password(const Config& config) {
  if (!config.admin.secret.password.empty() && config.admin.secret.password_file.empty()) return true;
  for (const auto& cluster : config.clusters) {
    if (!cluster.monitor_secret.password.empty() && cluster.monitor_secret.password_file.empty()) return true;
  }
  for (const auto& user : config.users) {
    if (!user.secret.password.empty() && user.secret.password_file.empty()) return true;
  }
  return false;
}

}  // namespace

Result<TextFile, std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return error_text(errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return error_text(errno);
  if (!S_ISREG(info.st_mode)) return std::string("it is not a regular file");
  TextFile out;
  out.world_readable = (info.st_mode & S_IROTH) != 0;
  out.text.resize(bytes_max + 1);
  std::size_t size = 0;
  while (size < out.text.size()) {
    const ssize_t got = ::read(file.get(), out.text.data() + size, out.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_text(errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max) return "it is larger than " + std::to_string(bytes_max) + " bytes";
  out.text.resize(size);
  return out;
}

LoadedConfig load_config(const std::string& path) {
  auto file = read_text_file(path, config_bytes_max);
  if (!file) {
    LoadedConfig failed;
    failed.config.file = path;
    failed.problems.push_back({false, path, {}, "the configuration cannot be read: " + file.error()});
    return failed;
  }
  auto loaded = parse_config(file->text, path, [](const std::string& password_file) {
    return read_text_file(password_file, password_file_bytes_max);
  });
  if (file->world_readable && holds_password(loaded.config)) {
    loaded.problems.push_back(
        {true, path, {}, "the file holds passwords and can be read by everyone; chmod 600 it, or use password_file"});
  }
  return loaded;
}

}  // namespace sluice::admin
