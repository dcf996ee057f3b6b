// The record of one cluster's epoch on disk. It is either the old one or the new one, whatever happens while it is
// written: a temporary file, synced, takes its place, and the folder is synced.
//
// Flow: `epoch_record_path(state_dir, cluster)`; `read_epoch_record(path)` at the start; `RecordWriter writer(io,
// path)` and `writer.write(record, done)`, which syncs on a thread of its own, so that a slow disk holds up nobody.
// Records are written in the order in which they were given.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "failover/workflows/epoch_record.hpp"

namespace sluice::failover {

// The cluster's name with everything but letters, digits, '-' and '_' as %XX, so that each has a file of its own.
[[nodiscard]] std::filesystem::path epoch_record_path(const std::filesystem::path& state_dir, std::string_view cluster);

struct EpochRecordRead {
  std::optional<EpochRecord> record;  // nullopt without an error: there is no file
  std::string error;                  // names the file
};
// Blocks. `cluster` must be the one that the file is about.
[[nodiscard]] EpochRecordRead read_epoch_record(const std::filesystem::path& path, std::string_view cluster);
// Blocks until it is on disk. Empty: it is; else why not, with the name of the file. The folder must exist.
[[nodiscard]] std::string write_epoch_record(const std::filesystem::path& path, const EpochRecord& record);

class RecordWriter {
 public:
  using Done = std::function<void(const std::string& error)>;  // empty: it is on disk

  RecordWriter(boost::asio::io_context& io, std::filesystem::path path);
  ~RecordWriter();  // waits for what is being written
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  // `done` is called from the io_context, unless the writer is gone by then.
  void write(const EpochRecord& record, Done done);

 private:
  boost::asio::io_context& io_;
  std::filesystem::path path_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool thread_{1};
};

}  // namespace sluice::failover
