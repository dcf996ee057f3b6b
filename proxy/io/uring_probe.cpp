#include "proxy/io/uring_probe.hpp"

#include <liburing.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "proxy/io/receive_ring.hpp"
#include "proxy/io/uring_loop.hpp"

namespace sluice::io {
namespace {

// "6.18" of "6.18.44-vendor".
std::string kernel_version() {
  utsname name{};
  if (::uname(&name) != 0) return "?";
  const std::string_view release = name.release;
  const std::size_t first = release.find('.');
  const std::size_t second =
      first == std::string_view::npos ? first : release.find_first_not_of("0123456789", first + 1);
  return std::string(release.substr(0, second));
}

// The name of an errno that io_uring's calls are known to give, else its number.
std::string error_name(int error) {
  switch (error) {
    case EPERM:
      return "EPERM";
    case EACCES:
      return "EACCES";
    case ENOSYS:
      return "ENOSYS";
    case EINVAL:
      return "EINVAL";
    case ENOMEM:
      return "ENOMEM";
    case EMFILE:
      return "EMFILE";
    case ENFILE:
      return "ENFILE";
    case ETIME:
      return "ETIME";
    default:
      return "errno " + std::to_string(error);
  }
}

class SocketPair {
 public:
  SocketPair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds_.data()) != 0) fds_ = {-1, -1};
  }
  ~SocketPair() {
    for (const int fd : fds_) {
      if (fd >= 0) ::close(fd);
    }
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  [[nodiscard]] int ours() const { return fds_[0]; }
  [[nodiscard]] int peer() const { return fds_[1]; }

 private:
  std::array<int, 2> fds_{};
};

// One byte through a multishot receive into a provided buffer: 0 or an errno.
int receive_once(io_uring& ring, ReceiveRing& buffers) {
  const SocketPair pair;
  if (pair.ours() < 0) return EMFILE;
  buffers.refill();
  io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_recv_multishot(sqe, pair.ours(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = ReceiveRing::group;
  if (::send(pair.peer(), "x", 1, MSG_NOSIGNAL) != 1) return EIO;
  __kernel_timespec timeout{.tv_sec = 1, .tv_nsec = 0};
  io_uring_cqe* completion = nullptr;
  const int result = io_uring_submit_and_wait_timeout(&ring, &completion, 1, &timeout, nullptr);
  if (result < 0) return -result;
  if (completion == nullptr) return ETIME;
  if (completion->res < 0) return -completion->res;
  const unsigned wanted = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
  return completion->res == 1 && (completion->flags & wanted) == wanted ? 0 : EINVAL;
}

struct Outcome {
  int error = 0;
  const char* step = "";
};

Outcome try_features() {
  constexpr std::uint32_t entries = 8;
  io_uring ring{};
  if (const int error = init_ring(ring, entries); error != 0) return {error, "io_uring_setup"};
  const BlockPool::Owner pool = BlockPool::create({});
  Outcome outcome;
  {
    ReceiveRing buffers(*pool, entries);
    if (const int error = buffers.open(ring); error != 0) {
      outcome = {error, "io_uring_register of a buffer ring"};
    } else if (const int enable_error = enable_ring(ring); enable_error > 0) {
      outcome = {enable_error, "io_uring_register to enable the ring"};
    } else if (const int receive_error = receive_once(ring, buffers); receive_error != 0) {
      outcome = {receive_error, "io_uring_enter with a multishot receive"};
    }
    // The ring goes first: it may still hold the buffers.
    io_uring_queue_exit(&ring);
  }
  return outcome;
}

}  // namespace

std::string explain_uring_error(const std::string& step, int error) {
  const std::string name = " (" + error_name(error) + ")";
  switch (error) {
    case EPERM:
    case EACCES:
      return step + " was denied" + name + ", as container profiles and kernel.io_uring_disabled do";
    case ENOSYS:
      return step + " is not there" + name + ": a kernel without io_uring, or a container profile";
    case EINVAL:
      return step + " doesn't know what is needed" + name + ": kernel " + kernel_version() +
             ", 6.1 is the oldest that does";
    case ENOMEM:
      return step + " got no memory" + name + ", see the limit of locked memory";
    default:
      return step + " failed" + name + ": " + std::strerror(error);
  }
}

UringProbe probe_uring() {
  const Outcome outcome = try_features();
  if (outcome.error == 0) return {0, "kernel " + kernel_version() + " has all that is needed"};
  return {outcome.error, explain_uring_error(outcome.step, outcome.error)};
}

}  // namespace sluice::io
