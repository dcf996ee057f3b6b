// What the tests of both loops share: a loop of the asked-for backend, handlers that note what they are told, and
// `run_until`. At the end of each test the descriptors of the process are as many as before, and no block is missing.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/loop.hpp"
#include "proxy/io/sockets.hpp"
#include "support/time.hpp"

namespace sluice::io {

inline std::size_t count_descriptors() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{}));
}

// A descriptor of the test's own, closed at its end.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A blocking peer of a non-blocking descriptor that a loop adopts.
struct Pair {
  Fd ours;
  Fd peer;
};

inline Pair unix_pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  set_blocking(fds[0], false);
  return {Fd(fds[0]), Fd(fds[1])};
}

inline Pair tcp_pair() {
  auto listening = listen_socket({.host = "127.0.0.1", .port = 0, .unix_path = {}}, 4, false);
  EXPECT_TRUE(listening.ok());
  const Fd listener(*listening);
  const ConnectStart start = start_connect({.host = "127.0.0.1", .port = bound_port(listener.get()), .unix_path = {}});
  pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, test::hang_limit_ms), 1);
  Pair pair{Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)), Fd(start.fd)};
  set_blocking(pair.peer.get(), true);
  return pair;
}

// Blocking calls of a peer; false or short at an error or the end.
inline bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

inline std::string read_exactly(int fd, std::size_t size) {
  std::string result(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::recv(fd, result.data() + have, size - have, 0);
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  result.resize(have);
  return result;
}

inline std::string read_to_end(int fd) {
  std::string result;
  std::array<char, 65536> chunk{};
  ssize_t n = 0;
  while ((n = ::recv(fd, chunk.data(), chunk.size(), 0)) > 0) result.append(chunk.data(), static_cast<std::size_t>(n));
  return result;
}

class LoopTest;

// Notes what it is told; `on_event` runs after each.
class Recorder final : public StreamHandler {
 public:
  explicit Recorder(LoopTest& test) : test_(test) {}

  void on_connected(int error) override;
  void on_received(Slice slice) override;
  bool on_peer_ended() override {
    ++peer_ended;
    noted();
    return stays_open;
  }
  void on_closed(int error) override;
  void on_drained() override;

  std::string received;
  std::size_t slices = 0;
  int connected = -1;
  int closed = -1;
  int peer_ended = 0;
  bool stays_open = false;  // when the peer shuts its side
  int drained = 0;
  std::function<void(Slice&)> receive;  // instead of noting the bytes
  std::function<void()> on_event;

 private:
  void noted();
  LoopTest& test_;
};

class LoopTest : public testing::TestWithParam<Backend>, private TimerHandler {
 public:
  // Called by the handlers: ends the run if what is awaited has come.
  void check() {
    if (reached_ || !done_ || !done_()) return;
    reached_ = true;
    loop->stop();
  }

  std::unique_ptr<Loop> loop;

 protected:
  void SetUp() override {
    descriptors_ = count_descriptors();
    open_loop({});
  }

  void open_loop(LoopOptions options) {
    options.backend = GetParam();
    loop.reset();
    auto created = Loop::create(options);
    ASSERT_TRUE(created.ok()) << created.error().what;
    loop = std::move(*created);
    ASSERT_EQ(loop->backend(), GetParam());
  }

  void TearDown() override {
    loop.reset();
    EXPECT_EQ(count_descriptors(), descriptors_);
  }

  // Turns until `done` holds after an event; fails when nothing goes on any more.
  void run_until(std::function<bool()> done) {
    done_ = std::move(done);
    reached_ = done_();
    if (reached_) return;
    const TimerId watchdog = loop->start_timer(test::hang_limit_ms, *this);
    loop->run();
    loop->cancel_timer(watchdog);
    done_ = nullptr;
  }

  // Everything that was asked for, and what follows from it at once, has happened: two turns and a little.
  void settle() {
    for (int i = 0; i < 4; ++i) {
      Once once(*this);
      const TimerId timer = loop->start_timer(0, once);
      run_until([&] { return once.fired; });
      loop->cancel_timer(timer);
    }
  }

  Slice slice_of(std::string_view text) {
    Slice slice = loop->allocate(text.size());
    EXPECT_EQ(slice.size(), text.size());
    if (!slice.empty()) std::memcpy(slice.data(), text.data(), text.size());
    return slice;
  }

  struct Once final : TimerHandler {
    explicit Once(LoopTest& owner) : test(owner) {}
    void on_timer(TimerId /*timer*/) override {
      fired = true;
      test.check();
    }
    LoopTest& test;
    bool fired = false;
  };

 private:
  void on_timer(TimerId /*timer*/) override {
    ADD_FAILURE() << "watchdog";
    loop->stop();
  }

  std::function<bool()> done_;
  bool reached_ = false;
  std::size_t descriptors_ = 0;
};

inline void Recorder::noted() {
  if (on_event) on_event();
  test_.check();
}
inline void Recorder::on_connected(int error) {
  connected = error;
  noted();
}
inline void Recorder::on_received(Slice slice) {
  ++slices;
  if (receive) {
    receive(slice);
  } else {
    received.append(protocol::as_text(slice.bytes()));
  }
  noted();
}
inline void Recorder::on_closed(int error) {
  EXPECT_EQ(closed, -1) << "closed twice";
  closed = error;
  noted();
}
inline void Recorder::on_drained() {
  ++drained;
  noted();
}

inline std::string backend_name(const testing::TestParamInfo<Backend>& info) {
  return std::string(to_string(info.param));
}

#define SLUICE_ON_BOTH_LOOPS(suite) \
  INSTANTIATE_TEST_SUITE_P(Both, suite, testing::Values(Backend::io_uring, Backend::epoll), backend_name)

}  // namespace sluice::io
