// Listening, accepting and connecting on both loops.
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "proxy/io/loop_harness.hpp"

namespace sluice::io {
namespace {

const Endpoint any_port{.host = "127.0.0.1", .port = 0, .unix_path = {}};

class Acceptor final : public AcceptHandler {
 public:
  explicit Acceptor(LoopTest& test) : test_(test) {}
  void on_accepted(int fd) override {
    fds.emplace_back(fd);
    test_.check();
  }
  void on_accept_failed(int error) override {
    ++failures;
    last_error = error;
    test_.check();
  }
  std::vector<Fd> fds;
  int failures = 0;
  int last_error = 0;

 private:
  LoopTest& test_;
};

std::string make_directory() {
  std::string pattern = testing::TempDir() + "sluice-io-XXXXXX";
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  return pattern;
}

class ConnectTest : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    directory_ = make_directory();
  }
  void TearDown() override {
    LoopTest::TearDown();
    std::filesystem::remove_all(directory_);
  }
  Endpoint unix_endpoint() const { return {.host = {}, .port = 0, .unix_path = directory_ + "/socket"}; }

  // A listening socket's endpoint; the loop accepts on it.
  Endpoint listen_with(Acceptor& acceptor, const Endpoint& wanted) {
    auto fd = listen_socket(wanted, 1024, true);
    EXPECT_TRUE(fd.ok()) << fd.error().what;
    Endpoint bound = wanted;
    if (!wanted.is_unix()) bound.port = bound_port(*fd);
    listener = loop->listen(*fd, acceptor);
    return bound;
  }

  ListenerId listener;

 private:
  std::string directory_;
};
SLUICE_ON_BOTH_LOOPS(ConnectTest);

void exchange(LoopTest& test, Loop& loop, Acceptor& acceptor, Recorder& client, StreamId id,
              const std::function<void(std::function<bool()>)>& run_until) {
  run_until([&] { return client.connected >= 0 && !acceptor.fds.empty(); });
  ASSERT_EQ(client.connected, 0);
  Recorder server(test);
  const StreamId server_id = loop.adopt(acceptor.fds.back().release(), server);
  server.receive = [&](Slice& slice) { loop.send(server_id, std::move(slice)); };
  Slice hello = loop.allocate(5);
  std::memcpy(hello.data(), "hello", 5);
  loop.send(id, hello);
  run_until([&] { return client.received == "hello"; });
  loop.close(id);
  run_until([&] { return server.closed >= 0; });
}

TEST_P(ConnectTest, ConnectsOverTcp4) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, any_port);
  Recorder client(*this);
  const StreamId id = loop->connect(endpoint, client);
  exchange(*this, *loop, acceptor, client, id, [&](auto done) { run_until(done); });
}

TEST_P(ConnectTest, ConnectsOverTcp6) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, {.host = "::1", .port = 0, .unix_path = {}});
  Recorder client(*this);
  const StreamId id = loop->connect(endpoint, client);
  exchange(*this, *loop, acceptor, client, id, [&](auto done) { run_until(done); });
}

TEST_P(ConnectTest, ConnectsOverAUnixSocket) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, unix_endpoint());
  Recorder client(*this);
  const StreamId id = loop->connect(endpoint, client);
  exchange(*this, *loop, acceptor, client, id, [&](auto done) { run_until(done); });
}

TEST_P(ConnectTest, SendsWhatWasQueuedBeforeTheConnectionWasOpen) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, any_port);
  Recorder client(*this);
  const StreamId id = loop->connect(endpoint, client);
  loop->send(id, slice_of("early bird"));
  run_until([&] { return !acceptor.fds.empty() && client.connected == 0; });
  settle();
  set_blocking(acceptor.fds[0].get(), true);
  EXPECT_EQ(read_exactly(acceptor.fds[0].get(), 10), "early bird");
}

TEST_P(ConnectTest, ClosesAfterSendingWhatWasQueuedBeforeTheConnectionWasOpen) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, any_port);
  Recorder client(*this);
  const StreamId id = loop->connect(endpoint, client);
  loop->send(id, slice_of("goodbye"));
  loop->close_after_send(id, test::never_ms);
  run_until([&] { return !acceptor.fds.empty(); });
  settle();
  set_blocking(acceptor.fds[0].get(), true);
  EXPECT_EQ(read_to_end(acceptor.fds[0].get()), "goodbye");
  EXPECT_EQ(client.connected, -1);
}

// A port of its own that nobody listens on: connections to it are refused for as long as the socket lives.
Fd bound_only() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

TEST_P(ConnectTest, TellsWhyItFailed) {
  const Fd unused = bound_only();
  Endpoint refused_at = any_port;
  refused_at.port = bound_port(unused.get());
  Recorder refused(*this);
  Recorder missing(*this);
  Recorder named(*this);
  const StreamId refused_id = loop->connect(refused_at, refused);
  loop->connect({.host = {}, .port = 0, .unix_path = "/nonexistent/socket"}, missing);
  loop->connect({.host = "localhost", .port = 1, .unix_path = {}}, named);
  run_until([&] { return refused.connected > 0 && missing.connected > 0 && named.connected > 0; });
  EXPECT_EQ(refused.connected, ECONNREFUSED);
  EXPECT_EQ(missing.connected, ENOENT);
  EXPECT_EQ(named.connected, EINVAL);
  loop->send(refused_id, slice_of("x"));
  settle();
  EXPECT_EQ(refused.closed, -1);
}

TEST_P(ConnectTest, ClosesAConnectionInProgress) {
  // A full backlog leaves connections in progress for long.
  auto fd = listen_socket(any_port, 0, false);
  ASSERT_TRUE(fd.ok());
  const Fd listening(*fd);
  Endpoint endpoint = any_port;
  endpoint.port = bound_port(listening.get());
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::vector<StreamId> ids;
  for (int i = 0; i < 8; ++i) {
    recorders.push_back(std::make_unique<Recorder>(*this));
    ids.push_back(loop->connect(endpoint, *recorders.back()));
  }
  settle();
  int pending = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (recorders[i]->connected != -1) continue;
    ++pending;
    loop->close(ids[i]);
  }
  EXPECT_GT(pending, 0);
  settle();
  for (const auto& recorder : recorders) EXPECT_LE(recorder->connected, 0);
}

TEST_P(ConnectTest, AcceptsAStorm) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, any_port);
  constexpr std::size_t connections = 500;
  std::vector<std::unique_ptr<Recorder>> clients;
  for (std::size_t i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Recorder>(*this));
    loop->connect(endpoint, *clients.back());
  }
  run_until([&] { return acceptor.fds.size() == connections; });
  for (const Fd& fd : acceptor.fds) {
    EXPECT_NE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(acceptor.failures, 0);
}

TEST_P(ConnectTest, AClosedListenerAcceptsNoMore) {
  Acceptor acceptor(*this);
  const Endpoint endpoint = listen_with(acceptor, any_port);
  settle();
  loop->close_listener(listener);
  loop->close_listener(listener);
  settle();
  settle();
  Recorder client(*this);
  loop->connect(endpoint, client);
  run_until([&] { return client.connected >= 0; });
  EXPECT_EQ(client.connected, ECONNREFUSED);
  EXPECT_TRUE(acceptor.fds.empty());
  // The stale id must not close whoever has its slot now.
  const ListenerId stale = listener;
  const Endpoint again = listen_with(acceptor, any_port);
  loop->close_listener(stale);
  Recorder second(*this);
  loop->connect(again, second);
  run_until([&] { return acceptor.fds.size() == 1; });
}

// In a process of its own, whose limit of descriptors is reached while it accepts.
int run_out_of_descriptors(ConnectTest& test, Loop& loop, Acceptor& acceptor, const Endpoint& endpoint,
                           const std::function<void(std::function<bool()>)>& run_until) {
  // Room for both ends of two connections and for one end of a third: the first leaves enough for the pipe with which
  // UBSan looks at a handler that it sees for the first time. Set before the first turn: io_uring looks at the limit
  // when it starts to accept.
  const int spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const rlimit limit{.rlim_cur = static_cast<rlim_t>(spare) + 5, .rlim_max = static_cast<rlim_t>(spare) + 5};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  if (::close_range(static_cast<unsigned>(spare), ~0U, 0) != 0) return 2;  // and whatever whoever started us left open
  Recorder first(test);
  Recorder second(test);
  Recorder third(test);
  loop.connect(endpoint, first);
  run_until([&] { return acceptor.fds.size() == 1 && first.connected == 0; });
  loop.connect(endpoint, second);
  run_until([&] { return acceptor.fds.size() == 2 && second.connected == 0; });
  loop.connect(endpoint, third);
  run_until([&] { return acceptor.failures > 0; });
  if (acceptor.last_error != EMFILE) return 3;
  acceptor.fds.clear();
  run_until([&] { return acceptor.fds.size() == 1; });
  // A pause between attempts, not a spin.
  return acceptor.failures < 20 ? 0 : 4;
}

TEST_P(ConnectTest, GoesOnAcceptingAfterRunningOutOfDescriptors) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    open_loop({});
    Acceptor acceptor(*this);
    const Endpoint endpoint = listen_with(acceptor, any_port);
    const int result =
        run_out_of_descriptors(*this, *loop, acceptor, endpoint, [&](auto done) { run_until(std::move(done)); });
    ::_exit(HasFailure() ? 1 : result);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// ---- listen_socket ----

TEST_P(ConnectTest, TakesOverAStaleSocketFileOnly) {
  const Endpoint endpoint = unix_endpoint();
  {
    auto first = listen_socket(endpoint, 8, false);
    ASSERT_TRUE(first.ok());
    const Fd owner(*first);
    struct stat info{};
    ASSERT_EQ(::stat(endpoint.unix_path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0777U);
    const auto second = listen_socket(endpoint, 8, false);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, EADDRINUSE);
  }
  auto heir = listen_socket(endpoint, 8, false);
  ASSERT_TRUE(heir.ok()) << heir.error().what;
  const Fd owner(*heir);
  const ConnectStart start = start_connect(endpoint);
  const Fd client(start.fd);
  EXPECT_EQ(start.error, 0);
}

class Teller final : public TimerHandler {
 public:
  explicit Teller(int fd) : fd_(fd) {}
  void on_timer(TimerId /*timer*/) override { write_all(fd_, "."); }

 private:
  int fd_;
};

// The kernel takes io_uring apart when its process has ended already: until then the socket takes connections.
TEST_P(ConnectTest, SucceedsAKilledProcessAtOnce) {
  const Endpoint endpoint = unix_endpoint();
  for (int round = 0; round < 20; ++round) {
    Pair ready = unix_pair();
    const pid_t killed = ::fork();
    if (killed == 0) {
      LoopOptions options;
      options.backend = GetParam();
      auto own = Loop::create(options);
      const auto fd = listen_socket(endpoint, 8, false);
      if (!own || !fd) ::_exit(1);
      Acceptor acceptor(*this);
      (*own)->listen(*fd, acceptor);
      Teller teller(ready.ours.get());
      (*own)->start_timer(1, teller);
      (*own)->run();
      ::_exit(1);
    }
    ready.ours.reset();
    ASSERT_EQ(read_exactly(ready.peer.get(), 1), ".");
    ASSERT_EQ(::kill(killed, SIGKILL), 0);
    ASSERT_EQ(::waitpid(killed, nullptr, 0), killed);
    const auto heir = listen_socket(endpoint, 8, false);
    ASSERT_TRUE(heir.ok()) << heir.error().what << " in round " << round;
    const Fd owner(*heir);
  }
}

TEST(ListenSocket, OneThatAnotherProcessWasLeftIsInUseAsLongAsItIsOpen) {
  const std::string directory = make_directory();
  const Endpoint endpoint{.host = {}, .port = 0, .unix_path = directory + "/socket"};
  Pair held = unix_pair();  // by who was left it, until it hears that it may go
  const pid_t gone = ::fork();
  if (gone == 0) {
    const auto fd = listen_socket(endpoint, 8, false);
    if (!fd) ::_exit(1);
    held.peer.reset();
    set_blocking(held.ours.get(), true);
    if (::fork() == 0) read_exactly(held.ours.get(), 1);
    ::_exit(0);
  }
  held.ours.reset();
  int status = -1;
  ASSERT_EQ(::waitpid(gone, &status, 0), gone);
  ASSERT_EQ(status, 0);
  const auto in_use = listen_socket(endpoint, 8, false);
  ASSERT_FALSE(in_use.ok());
  EXPECT_EQ(in_use.error().code, EADDRINUSE);
  ASSERT_TRUE(write_all(held.peer.get(), "."));
  EXPECT_EQ(read_to_end(held.peer.get()), "");
  const auto heir = listen_socket(endpoint, 8, false);
  ASSERT_TRUE(heir.ok()) << heir.error().what;
  const Fd owner(*heir);
  std::filesystem::remove_all(directory);
}

TEST_P(ConnectTest, NeverRemovesAFileThatIsNoSocket) {
  const Endpoint endpoint = unix_endpoint();
  {
    const Fd file(::open(endpoint.unix_path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  }
  const auto listening = listen_socket(endpoint, 8, false);
  ASSERT_FALSE(listening.ok());
  EXPECT_EQ(listening.error().code, EADDRINUSE);
  EXPECT_TRUE(std::filesystem::exists(endpoint.unix_path));
}

TEST_P(ConnectTest, SharesAPortOnlyIfAskedTo) {
  auto first = listen_socket(any_port, 8, true);
  ASSERT_TRUE(first.ok());
  const Fd one(*first);
  Endpoint same = any_port;
  same.port = bound_port(one.get());
  auto second = listen_socket(same, 8, true);
  ASSERT_TRUE(second.ok()) << second.error().what;
  const Fd two(*second);
  const auto third = listen_socket(same, 8, false);
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, EADDRINUSE);
  const auto named = listen_socket({.host = "localhost", .port = 1, .unix_path = {}}, 8, false);
  ASSERT_FALSE(named.ok());
  EXPECT_EQ(named.error().code, EINVAL);
}

}  // namespace
}  // namespace sluice::io
