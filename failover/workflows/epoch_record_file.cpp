#include "failover/workflows/epoch_record_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::failover {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool sync() const { return ::fsync(fd_) == 0; }
  [[nodiscard]] bool write_all(std::string_view text) const {
    while (!text.empty()) {
      const auto written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  // One byte more than a record may have tells that it is too long.
  [[nodiscard]] std::optional<std::string> read_all() const {
    std::string text(epoch_record_bytes_max + 1, '\0');
    std::size_t have = 0;
    while (have < text.size()) {
      const auto got = ::read(fd_, text.data() + have, text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::nullopt;
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
  }

 private:
  int fd_;
};

std::string reason(int number) { return std::strerror(number); }

}  // namespace

fs::path epoch_record_path(const fs::path& state_dir, std::string_view cluster) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string name = "epoch-";
  for (const char c : cluster) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_')) {
      name += c;
    } else {
      name += '%';
      name += digits[byte >> 4];
      name += digits[byte & 15];
    }
  }
  return state_dir / (name + ".json");
}

EpochRecordRead read_epoch_record(const fs::path& path, std::string_view cluster) {
  const auto failed = [&](const std::string& why) {
    return EpochRecordRead{std::nullopt, "the record of the cluster's leader, " + path.string() + ", can't be used: " +
                                             why + ". Who leads must be made certain before it is removed"};
  };
  const File file(path, O_RDONLY);
  if (!file.is_open()) return errno == ENOENT ? EpochRecordRead{} : failed(reason(errno));
  const auto text = file.read_all();
  if (!text) return failed(reason(errno));
  std::string why;
  auto record = parse_epoch_record(*text, why);
  if (!record) return failed(why);
  if (record->cluster != cluster) return failed("it is about another cluster, '" + record->cluster + "'");
  return {std::move(record), {}};
}

std::string write_epoch_record(const fs::path& path, const EpochRecord& record) {
  const auto failed = [](const fs::path& what, const char* doing) {
    const auto number = errno;
    return "cannot " + std::string(doing) + " " + what.string() + ": " + reason(number);
  };
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::path draft = path.string() + ".new";
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!file.is_open() || !file.write_all(format(record)) || !file.sync()) return failed(draft, "write");
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) return failed(path, "replace");
  const File parent(folder, O_RDONLY | O_DIRECTORY);
  if (!parent.is_open() || !parent.sync()) return failed(folder, "sync");
  return {};
}

RecordWriter::RecordWriter(boost::asio::io_context& io, fs::path path) : io_(io), path_(std::move(path)) {}

RecordWriter::~RecordWriter() {
  *alive_ = false;
  thread_.join();
}

void RecordWriter::write(const EpochRecord& record, Done done) {
  // Keeps run() from returning before `done` was called.
  auto work = boost::asio::make_work_guard(io_);
  boost::asio::post(thread_, [&io = io_, path = path_, record, done = std::move(done), alive = alive_,
                              work = std::move(work)]() mutable {
    auto error = write_epoch_record(path, record);
    boost::asio::post(io, [done = std::move(done), alive = std::move(alive), error = std::move(error)] {
      if (*alive) done(error);
    });
  });
}

}  // namespace sluice::failover
