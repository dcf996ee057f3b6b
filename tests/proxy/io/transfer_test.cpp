// Much data and many streams on both loops, and little memory.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "proxy/io/loop_harness.hpp"
#include "support/sizes.hpp"

namespace sluice::io {
namespace {

class TransferTest : public LoopTest {
 protected:
  void serve_thousands();
};
SLUICE_ON_BOTH_LOOPS(TransferTest);

// A stream of bytes that differ by position, and its running checksum (FNV-1a over 64-bit words of the generator).
class Pattern {
 public:
  void fill(std::uint8_t* out, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) out[i] = next();
  }
  bool matches(const std::uint8_t* bytes, std::size_t size) {
    bool same = true;
    for (std::size_t i = 0; i < size; ++i) same &= bytes[i] == next();
    return same;
  }

 private:
  std::uint8_t next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint8_t>(state_ >> 56U);
  }
  std::uint64_t state_ = 42;
};

constexpr std::size_t transfer_bytes = test::sized(64U << 20U, 8U << 20U);

void peer_writes(int fd) {
  Pattern pattern;
  std::vector<std::uint8_t> chunk(50'000);
  for (std::size_t done = 0; done < transfer_bytes;) {
    const std::size_t n = std::min(chunk.size(), transfer_bytes - done);
    pattern.fill(chunk.data(), n);
    if (!write_all(fd, protocol::as_text({chunk.data(), n}))) return;
    done += n;
  }
  ::shutdown(fd, SHUT_WR);
}

bool peer_reads(int fd) {
  Pattern pattern;
  std::vector<std::uint8_t> chunk(70'000);
  for (std::size_t done = 0; done < transfer_bytes;) {
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0 || !pattern.matches(chunk.data(), static_cast<std::size_t>(n))) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

TEST_P(TransferTest, CarriesMuchBothWaysAtOnce) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  Pattern incoming;
  Pattern outgoing;
  std::size_t received = 0;
  std::size_t queued = 0;
  bool intact = true;
  const auto feed = [&] {
    while (queued < transfer_bytes && !loop->above_high_water(id)) {
      Slice slice = loop->allocate(16 * 1024);
      outgoing.fill(slice.data(), slice.size());
      queued += slice.size();
      loop->send(id, std::move(slice));
    }
  };
  recorder.receive = [&](Slice& slice) {
    intact &= incoming.matches(slice.data(), slice.size());
    received += slice.size();
  };
  int drained = 0;
  recorder.on_event = [&] {
    if (recorder.drained > drained) feed();
    drained = recorder.drained;
  };
  feed();
  std::thread writer([&] { peer_writes(pair.peer.get()); });
  bool peer_intact = false;
  std::thread reader([&] {
    peer_intact = peer_reads(pair.peer.get());
    loop->wake();
  });
  // The peer's end of writing would close the stream while we still send: it is awaited only after that.
  struct Wake final : WakeHandler {
    void on_wake() override { all_read(); }
    std::function<void()> all_read;
  } wake;
  bool all_read = false;
  wake.all_read = [&] {
    all_read = true;
    check();
  };
  loop->set_wake_handler(wake);
  recorder.on_event = [&, before = recorder.on_event] {
    before();
    if (received > transfer_bytes / 2 && !all_read) loop->pause_receive(id);
  };
  run_until([&] { return all_read; });
  loop->resume_receive(id);
  run_until([&] { return recorder.closed >= 0; });
  writer.join();
  reader.join();
  EXPECT_TRUE(peer_intact);
  EXPECT_TRUE(intact);
  EXPECT_EQ(received, transfer_bytes);
  EXPECT_EQ(recorder.closed, 0);
}

// Two streams joined as a relay with flow control, under a cap on memory that is far below what passes.
TEST_P(TransferTest, RelaysWithFlowControlInLittleMemory) {
  LoopOptions options;
  options.memory_max = 3U << 20;
  options.receive_buffers = 16;
  open_loop(options);
  Pair left = unix_pair();
  Pair right = unix_pair();
  Recorder from(*this);
  Recorder to(*this);
  const StreamId from_id = loop->adopt(left.ours.release(), from);
  const StreamId to_id = loop->adopt(right.ours.release(), to);
  std::size_t memory_peak = 0;
  from.receive = [&](Slice& slice) {
    loop->send(to_id, std::move(slice));
    if (loop->above_high_water(to_id)) loop->pause_receive(from_id);
    memory_peak = std::max(memory_peak, loop->memory_used());
  };
  to.on_event = [&] { loop->resume_receive(from_id); };
  from.on_event = [&] {
    if (from.closed >= 0) loop->close_after_send(to_id, test::never_ms);
  };
  std::atomic<bool> intact = false;
  std::thread writer([&] { peer_writes(left.peer.get()); });
  std::thread reader([&] { intact = peer_reads(right.peer.get()) && ::shutdown(right.peer.get(), SHUT_WR) == 0; });
  run_until([&] { return from.closed >= 0; });
  while (loop->memory_used() > 0 && !intact) settle();
  writer.join();
  reader.join();
  EXPECT_TRUE(intact);
  EXPECT_LE(memory_peak, options.memory_max);
}

// Slow readers hold all memory: receiving stops everywhere, and goes on by itself when they read.
TEST_P(TransferTest, RecoversFromExhaustedMemory) {
  LoopOptions options;
  options.block_size = 4096;
  options.receive_buffers = 8;
  options.memory_max = 256 * 1024;
  options.send_high_water = 1U << 30;
  open_loop(options);
  constexpr std::size_t streams = 4;
  constexpr std::size_t bytes_each = 1U << 20;
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::size_t echoed = 0;
  for (std::size_t i = 0; i < streams; ++i) {
    pairs.push_back(unix_pair());
    recorders.push_back(std::make_unique<Recorder>(*this));
    const StreamId id = loop->adopt(pairs[i].ours.release(), *recorders[i]);
    recorders[i]->receive = [this, id, &echoed](Slice& slice) {
      echoed += slice.size();
      loop->send(id, std::move(slice));
    };
    set_blocking(pairs[i].peer.get(), false);
  }
  std::vector<std::size_t> written(streams);
  std::vector<std::size_t> read(streams);
  const std::string chunk(8192, 'm');
  const auto write_some = [&](std::size_t i) {
    while (written[i] < bytes_each) {
      const ssize_t n =
          ::send(pairs[i].peer.get(), chunk.data(), std::min(chunk.size(), bytes_each - written[i]), MSG_NOSIGNAL);
      if (n <= 0) return;
      written[i] += static_cast<std::size_t>(n);
    }
  };
  // Nobody reads: in the end nothing moves any more.
  for (std::size_t before = 1, now = 0; before != now;) {
    before = now;
    for (std::size_t i = 0; i < streams; ++i) write_some(i);
    settle();
    now = echoed;
  }
  EXPECT_LT(echoed, streams * bytes_each);
  EXPECT_TRUE(loop->allocate(4096).empty());
  EXPECT_LE(loop->memory_used(), options.memory_max);
  std::vector<char> sink(65536);
  for (int rounds = 0; rounds < 100'000; ++rounds) {
    bool complete = true;
    for (std::size_t i = 0; i < streams; ++i) {
      const ssize_t n = ::recv(pairs[i].peer.get(), sink.data(), sink.size(), 0);
      if (n > 0) read[i] += static_cast<std::size_t>(n);
      write_some(i);
      complete &= read[i] == bytes_each;
    }
    if (complete) break;
    settle();
  }
  EXPECT_EQ(read, std::vector<std::size_t>(streams, bytes_each));
  for (const auto& recorder : recorders) EXPECT_EQ(recorder->closed, -1);
  EXPECT_FALSE(loop->allocate(4096).empty());
}

// A stream that is closed while it waits for memory must not disturb the others, nor whoever gets its slot.
TEST_P(TransferTest, ClosesAStarvedStream) {
  LoopOptions options;
  options.block_size = 4096;
  options.receive_buffers = 4;
  options.memory_max = 64 * 1024;
  open_loop(options);
  std::vector<Slice> hoard;
  for (Slice slice = loop->allocate(4096); !slice.empty(); slice = loop->allocate(4096)) hoard.push_back(slice);
  for (Slice slice = loop->allocate(1); !slice.empty(); slice = loop->allocate(1)) hoard.push_back(slice);
  Pair first = unix_pair();
  Recorder starved(*this);
  ASSERT_TRUE(write_all(first.peer.get(), std::string(20'000, 's')));
  const StreamId id = loop->adopt(first.ours.release(), starved);
  settle();
  EXPECT_EQ(starved.slices, 0U);
  loop->close(id);
  settle();
  Pair second = unix_pair();
  Recorder heir(*this);
  ASSERT_TRUE(write_all(second.peer.get(), "mine"));
  loop->adopt(second.ours.release(), heir);
  settle();
  hoard.clear();
  settle();
  run_until([&] { return heir.received == "mine"; });
  EXPECT_EQ(starved.slices, 0U);
}

void TransferTest::serve_thousands() {
  constexpr std::size_t streams = 2000;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 10'000);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::size_t received = 0;
  std::size_t closed = 0;
  for (std::size_t i = 0; i < streams; ++i) {
    pairs.push_back(unix_pair());
    recorders.push_back(std::make_unique<Recorder>(*this));
    Recorder& recorder = *recorders.back();
    const StreamId id = loop->adopt(pairs[i].ours.release(), recorder);
    recorder.receive = [this, id, &received](Slice& slice) {
      received += slice.size();
      loop->send(id, std::move(slice));
    };
    recorder.on_event = [&closed, &recorder] { closed += recorder.closed >= 0 ? 1 : 0; };
  }
  for (int round = 1; round <= 3; ++round) {
    std::size_t expected = received;
    for (std::size_t i = 0; i < streams; ++i) {
      const std::string text = std::to_string(i) + ":" + std::to_string(round);
      ASSERT_TRUE(write_all(pairs[i].peer.get(), text));
      expected += text.size();
    }
    run_until([&] { return received == expected; });
    settle();
    for (std::size_t i = 0; i < streams; ++i) {
      const std::string text = std::to_string(i) + ":" + std::to_string(round);
      ASSERT_EQ(read_exactly(pairs[i].peer.get(), text.size()), text);
    }
  }
  for (std::size_t i = 0; i < streams; i += 2) pairs[i].peer.reset();
  run_until([&] { return closed == streams / 2; });
}

TEST_P(TransferTest, ServesThousandsOfStreams) { serve_thousands(); }

// Both queues of io_uring are far too short then: submissions go in many portions, completions overflow.
TEST_P(TransferTest, ServesThousandsOfStreamsWithTinyRings) {
  LoopOptions options;
  options.ring_entries = 8;
  options.receive_buffers = 4;
  open_loop(options);
  serve_thousands();
}

TEST_P(TransferTest, GivesMemoryBackAfterABurst) {
  std::vector<Slice> burst;
  for (int i = 0; i < 4000; ++i) burst.push_back(loop->allocate(16 * 1024));
  const std::size_t peak = loop->memory_used();
  EXPECT_GT(peak, 60U << 20);
  burst.clear();
  EXPECT_LT(loop->memory_used(), 10U << 20);
}

// A firehose must not keep another stream's bytes waiting until it is exhausted.
TEST_P(TransferTest, AFirehoseStarvesNobody) {
  Pair hose = unix_pair();
  Pair quiet = unix_pair();
  Recorder flooded(*this);
  Recorder heard(*this);
  std::size_t flood = 0;
  flooded.receive = [&](Slice& slice) { flood += slice.size(); };
  loop->adopt(hose.ours.release(), flooded);
  loop->adopt(quiet.ours.release(), heard);
  std::thread writer([&] { peer_writes(hose.peer.get()); });
  run_until([&] { return flood > 0; });
  ASSERT_TRUE(write_all(quiet.peer.get(), "me too"));
  run_until([&] { return heard.received == "me too"; });
  EXPECT_LT(flood, transfer_bytes / 2);
  run_until([&] { return flooded.closed == 0; });
  writer.join();
  EXPECT_EQ(flood, transfer_bytes);
}

}  // namespace
}  // namespace sluice::io
