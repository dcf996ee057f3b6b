// Ciphertext on its way into or out of OpenSSL: a bounded queue of bytes, and the BIO that OpenSSL sees. Unlike
// OpenSSL's own memory BIO it has an upper bound, and gives its memory back when it is empty.
//
// Flow: `MemoryPipe in(limit), out(limit); SSL_set_bio(ssl, new_pipe_bio(in), new_pipe_bio(out));` The pipes must
// outlive the BIOs, at a fixed address.
#pragma once

#include <openssl/bio.h>

#include <cstddef>

#include "protocol/bytes.hpp"

namespace sluice::tls {

class MemoryPipe {
 public:
  explicit MemoryPipe(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
  [[nodiscard]] std::size_t room() const { return limit_ - size(); }

  // All or nothing: false if there's no room.
  [[nodiscard]] bool push(protocol::Bytes bytes);
  [[nodiscard]] std::size_t pop(protocol::MutableBytes out);

 private:
  std::size_t limit_;
  std::size_t begin_ = 0;
  protocol::ByteBuffer bytes_;
};

// Reading from an empty pipe asks for a retry; writing beyond the limit is an error. nullptr: out of memory.
[[nodiscard]] BIO* new_pipe_bio(MemoryPipe& pipe);

}  // namespace sluice::tls
