#include "proxy/tls/memory_pipe.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::tls {
namespace {

// Below this an empty buffer is kept: most packets are small, and the allocator need not be asked for each of them.
constexpr std::size_t keep_capacity = 1024;

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

MemoryPipe& pipe_of(BIO* bio) { return *static_cast<MemoryPipe*>(BIO_get_data(bio)); }

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  if (!pipe_of(bio).push({reinterpret_cast<const std::uint8_t*>(data), size})) return 0;
  *written = size;
  return 1;
}

int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  *got = pipe_of(bio).pop({reinterpret_cast<std::uint8_t*>(data), size});
  if (*got > 0) return 1;
  BIO_set_retry_read(bio);
  return 0;
}

long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_PENDING:
      return static_cast<long>(pipe_of(bio).size());
    default:
      return 0;
  }
}

const BIO_METHOD* pipe_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice memory pipe");
    if (made != nullptr) {
      BIO_meth_set_create(made, bio_create);
      BIO_meth_set_write_ex(made, bio_write);
      BIO_meth_set_read_ex(made, bio_read);
      BIO_meth_set_ctrl(made, bio_control);
    }
    return made;
  }();
  return method;
}

}  // namespace

bool MemoryPipe::push(protocol::Bytes bytes) {
  if (bytes.size() > room()) return false;
  if (begin_ > 0 && begin_ >= size()) {  // the dead front is at least half: moving is cheaper than growing
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return true;
}

std::size_t MemoryPipe::pop(protocol::MutableBytes out) {
  const std::size_t count = std::min(out.size(), size());
  if (count == 0) return 0;
  std::memcpy(out.data(), bytes_.data() + begin_, count);
  begin_ += count;
  if (begin_ == bytes_.size()) {
    begin_ = 0;
    if (bytes_.capacity() > keep_capacity) {
      bytes_ = {};
    } else {
      bytes_.clear();
    }
  }
  return count;
}

BIO* new_pipe_bio(MemoryPipe& pipe) {
  const BIO_METHOD* method = pipe_method();
  BIO* bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio != nullptr) BIO_set_data(bio, &pipe);
  return bio;
}

}  // namespace sluice::tls
