#include "proxy/proxy.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <system_error>
#include <thread>

#include "proxy/countdown.hpp"
#include "proxy/io/sockets.hpp"
#include "proxy/session_id.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

class Proxy::Impl {
 public:
  ~Impl() { stop(); }

  std::string start(ProxyOptions options, SnapshotPtr snapshot);
  void stop();
  // Either way to shut a gate.
  using Shut = void (Gate::*)(std::uint32_t budget_ms, std::function<void(DrainAnswer)> done);
  void shut(std::uint32_t cluster, Shut how, std::uint32_t budget_ms, GateDone done);

  WorkerShared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  std::vector<io::Endpoint> listening;
  io::Backend backend = io::Backend::automatic;
  std::string reason;

 private:
  [[nodiscard]] std::string open_listeners();

  std::unique_ptr<std::latch> all_stopped_;
  std::vector<std::vector<std::pair<int, bool>>> sockets_;  // by worker: descriptor, is a unix socket
};

std::string Proxy::Impl::open_listeners() {
  constexpr int backlog = 1024;
  sockets_.resize(shared.workers);
  for (io::Endpoint endpoint : shared.options.listen) {
    int first = -1;
    for (std::uint32_t w = 0; w < shared.workers; ++w) {
      int fd = -1;
      if (endpoint.is_unix() && first >= 0) {
        fd = dup(first);  // unix sockets can't share a name: the workers share one queue
      } else {
        const auto opened = io::listen_socket(endpoint, backlog, !endpoint.is_unix());
        if (!opened) {
          return "cannot listen on " + endpoint.to_string() + ": " +
                 std::error_code(opened.error().code, std::generic_category()).message();
        }
        fd = *opened;
      }
      if (first < 0) {
        first = fd;
        if (!endpoint.is_unix() && endpoint.port == 0) endpoint.port = io::bound_port(fd);
      }
      sockets_[w].emplace_back(fd, endpoint.is_unix());
    }
    listening.push_back(endpoint);
  }
  return {};
}

std::string Proxy::Impl::start(ProxyOptions options, SnapshotPtr snapshot) {
  shared.options = std::move(options);
  // One per core, but not more than there are connections to share out.
  const std::uint32_t fitting =
      std::min(std::thread::hardware_concurrency(), shared.options.limits.backend_connections_max);
  shared.workers = shared.options.workers != 0 ? shared.options.workers : std::max(1U, fitting);
  shared.clients_of = std::vector<std::atomic<std::uint32_t>>(shared.workers);
  shared.post = [this](std::uint32_t worker, std::function<void(Worker&)> task) {
    return worker < workers.size() && workers[worker]->post(std::move(task));
  };
  shared.post_always = [this](std::uint32_t worker, std::function<void(Worker&)> task) {
    if (worker < workers.size()) workers[worker]->post_always(std::move(task));
  };
  std::string problem = open_listeners();
  for (std::uint32_t w = 0; w < shared.workers && problem.empty(); ++w) {
    io::LoopOptions loop_options;
    loop_options.backend = shared.options.io;
    loop_options.memory_max = shared.options.limits.worker_memory_max;
    loop_options.send_high_water = shared.options.limits.client_queue_max;
    loop_options.send_low_water = shared.options.limits.client_queue_max / 4;
    auto loop = io::Loop::create(loop_options);
    if (!loop) {
      problem = "cannot open an event loop: " + loop.error().what;
      break;
    }
    backend = (*loop)->backend();
    reason = (*loop)->reason();
    workers.push_back(std::make_unique<Worker>(shared, w, std::move(*loop), snapshot));
    for (const auto& [fd, is_unix] : sockets_[w]) workers.back()->listen(fd, is_unix);
    sockets_[w].clear();
  }
  for (const auto& sockets : sockets_) {
    for (const auto& [fd, is_unix] : sockets) ::close(fd);
  }
  if (!problem.empty()) return problem;
  all_stopped_ = std::make_unique<std::latch>(static_cast<std::ptrdiff_t>(workers.size()) + 1);  // and whoever stops
  for (auto& worker : workers) {
    threads.emplace_back([this, &worker] {
      pthread_setname_np(pthread_self(), ("worker-" + std::to_string(worker->index())).c_str());
      worker->run();
      // A loop must end on the thread that ran it, and not before nobody can post to it any more: neither another
      // worker nor `stop`, whose post may have stopped this loop and still be under way.
      all_stopped_->arrive_and_wait();
      worker.reset();
    });
  }
  return {};
}

void Proxy::Impl::stop() {
  for (std::size_t w = 0; w < threads.size(); ++w) {
    while (!workers[w]->post([](Worker& worker) { worker.stop(); })) std::this_thread::yield();
  }
  if (all_stopped_ != nullptr) all_stopped_->count_down();
  for (auto& thread : threads) thread.join();
  threads.clear();
  workers.clear();
  for (const auto& endpoint : listening) {
    if (endpoint.is_unix()) unlink(endpoint.unix_path.c_str());
  }
  listening.clear();
}

Proxy::Proxy(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Proxy::~Proxy() = default;

Result<std::unique_ptr<Proxy>, std::string> Proxy::create(ProxyOptions options, SnapshotPtr snapshot) {
  auto impl = std::make_unique<Impl>();
  std::string problem = impl->start(std::move(options), std::move(snapshot));
  if (!problem.empty()) return problem;
  return std::unique_ptr<Proxy>(new Proxy(std::move(impl)));
}

const std::vector<io::Endpoint>& Proxy::listening() const { return impl_->listening; }
io::Backend Proxy::backend() const { return impl_->backend; }
std::string Proxy::backend_reason() const { return impl_->reason; }
std::uint32_t Proxy::workers() const { return impl_->shared.workers; }

void Proxy::publish(SnapshotPtr snapshot) {
  for (auto& worker : impl_->workers) {
    worker->post_always([snapshot](Worker& w) { w.set_snapshot(snapshot); });
  }
}

namespace {

// Rows of all workers come together here; whoever is last hands them on.
struct Gathering {
  std::mutex mutex;
  Report sum;
  std::size_t missing = 0;
  std::function<void(Report)> done;

  void add(Report part) {
    const std::lock_guard lock(mutex);
    sum.counters += part.counters;
    sum.clients += part.clients;
    sum.buffer_bytes += part.buffer_bytes;
    std::move(part.sessions.begin(), part.sessions.end(), std::back_inserter(sum.sessions));
    std::move(part.pools.begin(), part.pools.end(), std::back_inserter(sum.pools));
    sum.hold_longest_ms = std::max(sum.hold_longest_ms, part.hold_longest_ms);
    add_gates(std::move(part.gates));
    if (--missing == 0) done(std::move(sum));
  }

  void add_gates(std::vector<GateRow> part) {
    if (sum.gates.empty()) {
      sum.gates = std::move(part);
      return;
    }
    for (std::size_t c = 0; c < part.size() && c < sum.gates.size(); ++c) {
      GateRow& gate = sum.gates[c];
      gate.state = std::max(gate.state, part[c].state);
      gate.waiting += part[c].waiting;
      gate.open += part[c].open;
      gate.closed_ms = std::max(gate.closed_ms, part[c].closed_ms);
    }
  }
};

}  // namespace

void Proxy::report(std::function<void(Report)> done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = impl_->workers.size();
  gathering->done = std::move(done);
  for (auto& worker : impl_->workers) {
    const bool posted = worker->post([gathering](Worker& w) { gathering->add(w.report()); });
    if (!posted) gathering->add({});
  }
}

void Proxy::Impl::shut(std::uint32_t cluster, Shut how, std::uint32_t budget_ms, GateDone done) {
  const auto join = std::make_shared<AnswerJoin<DrainAnswer>>(
      workers.size(), [done = std::move(done)](const DrainAnswer& sum) { done(sum.drained, sum.what()); });
  for (auto& worker : workers) {
    worker->post_always([cluster, how, budget_ms, join](Worker& w) {
      (w.gate(cluster).*how)(budget_ms, [join](const DrainAnswer& answer) { join->add(answer); });
    });
  }
}

void Proxy::settle(std::uint32_t cluster, std::uint32_t budget_ms, GateDone done) {
  impl_->shut(cluster, &Gate::settle, budget_ms, std::move(done));
}

void Proxy::hold(std::uint32_t cluster, std::uint32_t budget_ms, GateDone done) {
  impl_->shut(cluster, &Gate::close, budget_ms, std::move(done));
}

void Proxy::cut(std::uint32_t cluster, std::uint32_t server, GateDone done) {
  const auto join = std::make_shared<AnswerJoin<CutAnswer>>(
      impl_->workers.size(), [done = std::move(done)](const CutAnswer& sum) { done(sum.ok(), sum.what()); });
  for (auto& worker : impl_->workers) {
    worker->post_always([cluster, server, join](Worker& w) {
      w.gate(cluster).cut(server, [join](const CutAnswer& answer) { join->add(answer); });
    });
  }
}

void Proxy::warm(std::uint32_t cluster, std::uint32_t like, std::uint32_t server, const std::function<void()>& done) {
  const Countdown one_less(impl_->workers.size(), done);
  for (auto& worker : impl_->workers) {
    worker->post_always([cluster, like, server, one_less](Worker& w) { w.warm(cluster, like, server, one_less); });
  }
}

void Proxy::release(std::uint32_t cluster, const std::function<void()>& done) {
  const Countdown one_less(impl_->workers.size(), done);
  for (auto& worker : impl_->workers) {
    worker->post_always([cluster, one_less](Worker& w) {
      w.gate(cluster).open();
      one_less();
    });
  }
}

void Proxy::kill(std::uint32_t session) {
  impl_->shared.post(worker_of(session, impl_->shared.workers), [session](Worker& w) { w.kill_any(session); });
}

void Proxy::drain(std::function<void()> done) {
  const Countdown one_less(impl_->workers.size(), std::move(done));
  for (auto& worker : impl_->workers) {
    worker->post_always([one_less](Worker& w) { w.drain(one_less); });
  }
}

}  // namespace sluice::proxy
