// What the event loop alone costs: a bare byte relay on it, under a ping-pong load, in CPU time per relayed request.
//
//   relay_bench relay <io_uring|epoll> [clients] [seconds] [request] [response]
//   relay_bench outside <listen port> <backend port> <pid> [clients] [seconds] [request] [response]
//
// `relay` runs backend, relay and load in processes of their own and prints the relay's CPU time. `outside` puts the
// same load on a relay that already runs (HAProxy in TCP mode, say) and reads its CPU time from /proc/<pid>/stat.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "proxy/io/loop.hpp"
#include "proxy/io/sockets.hpp"

using namespace sluice::io;

namespace {

struct Load {
  int clients = 32;
  int seconds = 4;
  std::size_t request = 100;
  std::size_t response = 200;
};

Endpoint local(std::uint16_t port) { return {.host = "127.0.0.1", .port = port, .unix_path = {}}; }

std::unique_ptr<Loop> make_loop(Backend backend) {
  LoopOptions options;
  options.backend = backend;
  if (const char* value = std::getenv("RELAY_BLOCK_SIZE")) {
    options.block_size = static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10));
  }
  if (const char* value = std::getenv("RELAY_BUFFERS")) {
    options.receive_buffers = static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10));
  }
  auto loop = Loop::create(options);
  if (!loop) {
    std::fprintf(stderr, "%s\n", loop.error().what.c_str());
    std::exit(1);
  }
  return std::move(*loop);
}

int listen_or_exit(std::uint16_t port) {
  auto fd = listen_socket(local(port), 1024, false);
  if (!fd) {
    std::fprintf(stderr, "%s: %s\n", fd.error().what.c_str(), std::strerror(fd.error().code));
    std::exit(1);
  }
  return *fd;
}

// Accepts, and makes a Session of each connection; sessions live until the process ends.
template <class Session>
class Server final : public AcceptHandler {
 public:
  template <class... Args>
  Server(Loop& loop, int fd, const Args&... args)
      : make_([&loop, args...](int accepted) { return std::make_unique<Session>(loop, accepted, args...); }) {
    loop.listen(fd, *this);
  }
  void on_accepted(int fd) override { sessions_.push_back(make_(fd)); }
  void on_accept_failed(int error) override { std::fprintf(stderr, "accept: %s\n", std::strerror(error)); }

 private:
  std::function<std::unique_ptr<Session>(int)> make_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

// ---- the relay ----

class Relay {
 public:
  Relay(Loop& loop, int fd, std::uint16_t backend_port) : loop_(loop), client_(*this), server_(*this) {
    client_.id = loop.adopt(fd, client_);
    server_.id = loop.connect(local(backend_port), server_);
    client_.other = &server_;
    server_.other = &client_;
  }

 private:
  struct Side final : StreamHandler {
    explicit Side(Relay& owner) : relay(owner) {}
    void on_connected(int error) override {
      if (error != 0) relay.loop_.close(other->id);
    }
    void on_received(Slice slice) override {
      relay.loop_.send(other->id, std::move(slice));
      if (relay.loop_.above_high_water(other->id)) relay.loop_.pause_receive(id);
    }
    void on_closed(int /*error*/) override { relay.loop_.close_after_send(other->id, 1000); }
    void on_drained() override { relay.loop_.resume_receive(other->id); }
    Relay& relay;
    StreamId id;
    Side* other = nullptr;
  };
  Loop& loop_;
  Side client_;
  Side server_;
};

// ---- the backend: so many bytes of answer for so many bytes of question ----

class Answerer final : public StreamHandler {
 public:
  Answerer(Loop& loop, int fd, Load load) : loop_(loop), load_(load) { id_ = loop.adopt(fd, *this); }
  void on_connected(int /*error*/) override {}
  void on_received(Slice slice) override {
    have_ += slice.size();
    for (; have_ >= load_.request; have_ -= load_.request) {
      for (std::size_t left = load_.response; left > 0;) {
        Slice answer = loop_.allocate(std::min<std::size_t>(left, 16 * 1024));
        std::memset(answer.data(), 'a', answer.size());
        left -= answer.size();
        loop_.send(id_, std::move(answer));
      }
    }
  }
  void on_closed(int /*error*/) override {}
  void on_drained() override {}

 private:
  Loop& loop_;
  Load load_;
  StreamId id_;
  std::size_t have_ = 0;
};

// ---- the load: each client asks again when it has its answer ----

class Clients final : public TimerHandler {
 public:
  Clients(Loop& loop, std::uint16_t port, Load load) : loop_(loop), load_(load) {
    for (int i = 0; i < load.clients; ++i) clients_.push_back(std::make_unique<Client>(*this, port));
    loop.start_timer(static_cast<std::uint64_t>(load.seconds) * 1000, *this);
  }
  void on_timer(TimerId /*timer*/) override { loop_.stop(); }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  struct Client final : StreamHandler {
    Client(Clients& owner, std::uint16_t port) : clients(owner) { id = owner.loop_.connect(local(port), *this); }
    void ask() {
      Slice question = clients.loop_.allocate(clients.load_.request);
      std::memset(question.data(), 'q', question.size());
      clients.loop_.send(id, std::move(question));
    }
    void on_connected(int error) override {
      if (error == 0) ask();
      if (error != 0) std::fprintf(stderr, "connect: %s\n", std::strerror(error));
    }
    void on_received(Slice slice) override {
      have += slice.size();
      if (have < clients.load_.response) return;
      have = 0;
      ++clients.answered_;
      ask();
    }
    void on_closed(int error) override { std::fprintf(stderr, "closed: %s\n", std::strerror(error)); }
    void on_drained() override {}
    Clients& clients;
    StreamId id;
    std::size_t have = 0;
  };
  Loop& loop_;
  Load load_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t answered_ = 0;
};

// ---- processes ----

template <class Body>
pid_t in_child(const Body& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  std::_Exit(0);
}

pid_t start_backend(int fd, Load load) {
  return in_child([=] {
    const auto loop = make_loop(Backend::epoll);
    const Server<Answerer> server(*loop, fd, load);
    loop->run();
  });
}

std::uint64_t run_load(std::uint16_t port, Load load) {
  const auto loop = make_loop(Backend::epoll);
  const Clients clients(*loop, port, load);
  loop->run();
  return clients.answered();
}

struct CpuTime {
  double user_us = 0;
  double system_us = 0;
};

CpuTime cpu_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // utime is field 14, proc(5)
  double user = 0;
  double system = 0;
  fields >> user >> system;
  const double tick_us = 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {user * tick_us, system * tick_us};
}

void report(const std::string& name, std::uint64_t requests, CpuTime before, CpuTime after, Load load) {
  const double n = requests == 0 ? 1 : static_cast<double>(requests);
  const double user = (after.user_us - before.user_us) / n;
  const double system = (after.system_us - before.system_us) / n;
  std::printf("%-10s clients=%d requests/s=%.0f cpu/request: user=%.2f us system=%.2f us total=%.2f us\n", name.c_str(),
              load.clients, n / load.seconds, user, system, user + system);
}

Load parse_load(int argc, char** argv, int from) {
  Load load;
  if (argc > from) load.clients = std::atoi(argv[from]);
  if (argc > from + 1) load.seconds = std::atoi(argv[from + 1]);
  if (argc > from + 2) load.request = std::strtoul(argv[from + 2], nullptr, 10);
  if (argc > from + 3) load.response = std::strtoul(argv[from + 3], nullptr, 10);
  return load;
}

int bench_relay(const std::string& name, Load load) {
  const int backend_fd = listen_or_exit(0);
  const std::uint16_t backend_port = bound_port(backend_fd);
  const int relay_fd = listen_or_exit(0);
  const std::uint16_t relay_port = bound_port(relay_fd);
  const pid_t backend = start_backend(backend_fd, load);
  const pid_t relay = in_child([=] {
    const auto loop = make_loop(name == "epoll" ? Backend::epoll : Backend::io_uring);
    const Server<Relay> server(*loop, relay_fd, backend_port);
    loop->run();
  });
  Load warm_up = load;
  warm_up.seconds = 1;
  run_load(relay_port, warm_up);
  const CpuTime before = cpu_of(relay);
  const std::uint64_t requests = run_load(relay_port, load);
  report(name, requests, before, cpu_of(relay), load);
  for (const pid_t pid : {relay, backend}) {
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
  }
  return 0;
}

int bench_outside(std::uint16_t port, std::uint16_t backend_port, pid_t pid, Load load) {
  const pid_t backend = start_backend(listen_or_exit(backend_port), load);
  Load warm_up = load;
  warm_up.seconds = 1;
  run_load(port, warm_up);
  const CpuTime before = cpu_of(pid);
  const std::uint64_t requests = run_load(port, load);
  report("outside", requests, before, cpu_of(pid), load);
  ::kill(backend, SIGTERM);
  ::waitpid(backend, nullptr, 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "relay" && argc > 2) return bench_relay(argv[2], parse_load(argc, argv, 3));
  if (mode == "outside" && argc > 4) {
    return bench_outside(static_cast<std::uint16_t>(std::atoi(argv[2])), static_cast<std::uint16_t>(std::atoi(argv[3])),
                         std::atoi(argv[4]), parse_load(argc, argv, 5));
  }
  std::fprintf(stderr,
               "usage: relay_bench relay <io_uring|epoll> [clients] [seconds] [request] [response]\n"
               "       relay_bench outside <listen port> <backend port> <pid> [clients] ...\n");
  return 2;
}
