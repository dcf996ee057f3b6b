// Streams on both loops: bytes, ends, closing, flow control.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "proxy/io/loop_harness.hpp"

namespace sluice::io {
namespace {

class StreamTest : public LoopTest {};
SLUICE_ON_BOTH_LOOPS(StreamTest);

TEST_P(StreamTest, EchoesOverTcp) {
  Pair pair = tcp_pair();
  Recorder echo(*this);
  const StreamId id = loop->adopt(pair.ours.release(), echo);
  echo.receive = [&](Slice& slice) {
    echo.received.append(protocol::as_text(slice.bytes()));
    loop->send(id, std::move(slice));
  };
  for (const std::string text : {"first", "second", "the third and last"}) {
    ASSERT_TRUE(write_all(pair.peer.get(), text));
    run_until([&] { return echo.received.ends_with(text) && loop->queued_bytes(id) > 0; });
    settle();
    EXPECT_EQ(loop->queued_bytes(id), 0U);
    EXPECT_EQ(read_exactly(pair.peer.get(), text.size()), text);
  }
  pair.peer.reset();
  run_until([&] { return echo.closed >= 0; });
  EXPECT_EQ(echo.closed, 0);
}

TEST_P(StreamTest, SetsNoDelayAndKeepAlive) {
  Pair pair = tcp_pair();
  const int off = 0;
  ASSERT_EQ(::setsockopt(pair.ours.get(), IPPROTO_TCP, TCP_NODELAY, &off, sizeof off), 0);
  ASSERT_EQ(::setsockopt(pair.ours.get(), SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), 0);
  const int fd = pair.ours.release();
  Recorder recorder(*this);
  loop->adopt(fd, recorder);
  int value = 0;
  socklen_t length = sizeof value;
  ASSERT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
  EXPECT_NE(value, 0);
  ASSERT_EQ(::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length), 0);
  EXPECT_NE(value, 0);
}

TEST_P(StreamTest, CallsNoHandlerOutsideOfRun) {
  Pair pair = unix_pair();
  ASSERT_TRUE(write_all(pair.peer.get(), "early"));
  Recorder adopted(*this);
  Recorder refused(*this);
  const StreamId id = loop->adopt(pair.ours.release(), adopted);
  loop->connect({.host = {}, .port = 0, .unix_path = "/nonexistent/socket"}, refused);
  loop->send(id, slice_of("x"));
  EXPECT_EQ(adopted.slices, 0U);
  EXPECT_EQ(refused.connected, -1);
  run_until([&] { return adopted.received == "early" && refused.connected == ENOENT; });
  loop->close(id);
  settle();
  EXPECT_EQ(adopted.closed, -1);
}

TEST_P(StreamTest, ReceivesWhatWasSentBeforeAHalfClose) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  loop->adopt(pair.ours.release(), recorder);
  ASSERT_TRUE(write_all(pair.peer.get(), "last words"));
  ASSERT_EQ(::shutdown(pair.peer.get(), SHUT_WR), 0);
  run_until([&] { return recorder.closed >= 0; });
  EXPECT_EQ(recorder.received, "last words");
  EXPECT_EQ(recorder.closed, 0);
  settle();
  EXPECT_EQ(read_to_end(pair.peer.get()), "");
}

TEST_P(StreamTest, APeerThatShutItsSideIsStillSentTo) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  recorder.stays_open = true;
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  ASSERT_TRUE(write_all(pair.peer.get(), "question"));
  ASSERT_EQ(::shutdown(pair.peer.get(), SHUT_WR), 0);
  run_until([&] { return recorder.peer_ended > 0; });
  EXPECT_EQ(recorder.received, "question");
  settle();
  loop->pause_receive(id);
  loop->resume_receive(id);
  loop->send(id, slice_of("answer"));
  settle();
  EXPECT_EQ(read_exactly(pair.peer.get(), 6), "answer");
  EXPECT_EQ(recorder.closed, -1);
  EXPECT_EQ(recorder.peer_ended, 1);
  loop->send(id, slice_of(" and goodbye"));
  loop->close_after_send(id, 10'000);
  settle();
  EXPECT_EQ(read_to_end(pair.peer.get()), " and goodbye");
  EXPECT_EQ(recorder.closed, -1);
}

TEST_P(StreamTest, APeerThatShutItsSideAndLeftIsToldByWriting) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  recorder.stays_open = true;
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  ASSERT_EQ(::shutdown(pair.peer.get(), SHUT_WR), 0);
  run_until([&] { return recorder.peer_ended > 0; });
  pair.peer.reset();
  while (recorder.closed < 0) {
    loop->send(id, slice_of("answer"));
    settle();
  }
  EXPECT_TRUE(recorder.closed == EPIPE || recorder.closed == ECONNRESET) << recorder.closed;
}

TEST_P(StreamTest, AUnixPeerThatClosedIsGoneAtOnce) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  recorder.stays_open = true;
  loop->adopt(pair.ours.release(), recorder);
  pair.peer.reset();
  run_until([&] { return recorder.closed >= 0; });
  EXPECT_EQ(recorder.closed, 0);
  EXPECT_EQ(recorder.peer_ended, 0);
}

TEST_P(StreamTest, ReportsAReset) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  loop->adopt(pair.ours.release(), recorder);
  settle();
  const linger reset{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(pair.peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  pair.peer.reset();
  run_until([&] { return recorder.closed >= 0; });
  EXPECT_EQ(recorder.closed, ECONNRESET);
}

TEST_P(StreamTest, ReadsThePeersLastWordsThoughWritingFails) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  ASSERT_TRUE(write_all(pair.peer.get(), "refused because"));
  pair.peer.reset();
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  loop->send(id, slice_of("hello"));
  run_until([&] { return recorder.closed >= 0; });
  EXPECT_EQ(recorder.received, "refused because");
  EXPECT_EQ(recorder.closed, EPIPE);
}

TEST_P(StreamTest, ReportsAFailedWriteOfAPausedStream) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  loop->pause_receive(id);
  settle();
  pair.peer.reset();
  loop->send(id, slice_of("hello"));
  run_until([&] { return recorder.closed >= 0; });
  EXPECT_EQ(recorder.closed, EPIPE);
}

TEST_P(StreamTest, ClosesItselfAndAnotherInsideOfAHandler) {
  Pair first = unix_pair();
  Pair second = unix_pair();
  Recorder closer(*this);
  Recorder victim(*this);
  const StreamId closer_id = loop->adopt(first.ours.release(), closer);
  const StreamId victim_id = loop->adopt(second.ours.release(), victim);
  closer.on_event = [&] {
    loop->close(victim_id);
    loop->close(closer_id);
    loop->close(closer_id);
  };
  victim.on_event = [&] {
    loop->close(closer_id);
    loop->close(victim_id);
  };
  settle();
  // Both have bytes in the same turn: whoever comes first closes both.
  ASSERT_TRUE(write_all(first.peer.get(), "a"));
  ASSERT_TRUE(write_all(second.peer.get(), "b"));
  run_until([&] { return closer.slices + victim.slices > 0; });
  settle();
  EXPECT_EQ(closer.slices + victim.slices, 1U);
  EXPECT_EQ(closer.closed, -1);
  EXPECT_EQ(victim.closed, -1);
  EXPECT_NE(first.peer.get(), -1);
  // The peers see the end (a reset for the one whose byte was never read).
  char byte = 0;
  EXPECT_LE(::recv(first.peer.get(), &byte, 1, 0), 0);
  EXPECT_LE(::recv(second.peer.get(), &byte, 1, 0), 0);
}

TEST_P(StreamTest, IgnoresStaleIdsAfterTheSlotIsReused) {
  Pair first = unix_pair();
  Recorder old_handler(*this);
  const StreamId stale = loop->adopt(first.ours.release(), old_handler);
  loop->close(stale);
  settle();
  Pair second = unix_pair();
  Recorder new_handler(*this);
  const StreamId fresh = loop->adopt(second.ours.release(), new_handler);
  EXPECT_EQ(fresh.slot, stale.slot);
  EXPECT_NE(fresh.generation, stale.generation);
  loop->send(stale, slice_of("misdirected"));
  loop->pause_receive(stale);
  loop->close_after_send(stale, 0);
  loop->close(stale);
  EXPECT_EQ(loop->queued_bytes(stale), 0U);
  loop->send(fresh, slice_of("right"));
  ASSERT_TRUE(write_all(second.peer.get(), "still open"));
  run_until([&] { return new_handler.received == "still open"; });
  settle();
  EXPECT_EQ(read_exactly(second.peer.get(), 5), "right");
  EXPECT_EQ(old_handler.slices, 0U);
  loop->send({}, slice_of("nowhere"));
  loop->close({77'777, 1});
}

TEST_P(StreamTest, DestroysALoopWithOpenStreamsAndASliceThatOutlivesIt) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  Slice kept;
  recorder.receive = [&](Slice& slice) { kept = std::move(slice); };
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  ASSERT_TRUE(write_all(pair.peer.get(), std::string(2000, 'k')));
  run_until([&] { return !kept.empty(); });
  loop->send(id, slice_of("unsent"));
  loop.reset();
  EXPECT_EQ(recorder.closed, -1);
  EXPECT_EQ(read_to_end(pair.peer.get()).substr(0, 1), "");
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.data()[0], 'k');
}

// ---- pausing ----

TEST_P(StreamTest, PausesAndResumes) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  settle();
  loop->pause_receive(id);
  settle();
  ASSERT_TRUE(write_all(pair.peer.get(), "held"));
  settle();
  EXPECT_EQ(recorder.received, "");
  loop->resume_receive(id);
  run_until([&] { return recorder.received == "held"; });
}

TEST_P(StreamTest, PausedBeforeTheFirstTurnReceivesNothing) {
  Pair pair = unix_pair();
  ASSERT_TRUE(write_all(pair.peer.get(), "early"));
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  loop->pause_receive(id);
  settle();
  EXPECT_EQ(recorder.received, "");
  loop->resume_receive(id);
  run_until([&] { return recorder.received == "early"; });
}

TEST_P(StreamTest, LosesNothingWhenPauseAndResumeAlternate) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::to_string(i) + ",";
    loop->pause_receive(id);
    if (i % 3 == 0) settle();
    ASSERT_TRUE(write_all(pair.peer.get(), text));
    sent += text;
    if (i % 2 == 0) loop->resume_receive(id);
    if (i % 5 == 0) loop->pause_receive(id);
    loop->resume_receive(id);
    if (i % 7 == 0) settle();
  }
  run_until([&] { return recorder.received.size() == sent.size(); });
  EXPECT_EQ(recorder.received, sent);
}

TEST_P(StreamTest, PausedInsideOfItsHandlerStops) {
  LoopOptions options;
  options.block_size = 4096;
  options.receive_buffers = 4;
  open_loop(options);
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  recorder.on_event = [&] { loop->pause_receive(id); };
  const std::string bytes(100'000, 'p');
  ASSERT_TRUE(write_all(pair.peer.get(), bytes));
  run_until([&] { return recorder.slices > 0; });
  settle();
  EXPECT_LE(recorder.slices, 5U);
  const std::size_t before = recorder.received.size();
  settle();
  EXPECT_EQ(recorder.received.size(), before);
  recorder.on_event = nullptr;
  loop->resume_receive(id);
  run_until([&] { return recorder.received.size() == bytes.size(); });
}

// ---- sending ----

TEST_P(StreamTest, GathersManySmallSlicesInOrder) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = "<" + std::to_string(i) + ">";
    loop->send(id, slice_of(text));
    expected += text;
  }
  EXPECT_EQ(loop->queued_bytes(id), expected.size());
  run_until([&] { return true; });
  for (int i = 0; i < 20; ++i) settle();
  EXPECT_EQ(loop->queued_bytes(id), 0U);
  EXPECT_EQ(read_exactly(pair.peer.get(), expected.size()), expected);
}

TEST_P(StreamTest, TellsHighWaterAndDrained) {
  LoopOptions options;
  options.send_high_water = 2U << 20;
  options.send_low_water = 64 * 1024;
  open_loop(options);
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  const std::string piece(16 * 1024, 'w');
  std::size_t total = 0;
  while (!loop->above_high_water(id)) {
    EXPECT_LE(loop->queued_bytes(id), options.send_high_water);
    loop->send(id, slice_of(piece));
    total += piece.size();
  }
  EXPECT_GT(loop->queued_bytes(id), options.send_high_water);
  settle();
  EXPECT_GT(loop->queued_bytes(id), options.send_low_water);  // the peer doesn't read
  EXPECT_EQ(recorder.drained, 0);
  std::string got;
  while (recorder.drained == 0 && got.size() < total) {
    got += read_exactly(pair.peer.get(), piece.size());
    settle();
  }
  EXPECT_EQ(recorder.drained, 1);
  EXPECT_LE(loop->queued_bytes(id), options.send_low_water);
  EXPECT_FALSE(loop->above_high_water(id));
  got += read_exactly(pair.peer.get(), total - got.size());
  EXPECT_EQ(got.size(), total);
  settle();
  EXPECT_EQ(recorder.drained, 1);
}

TEST_P(StreamTest, NeverDrainedWithoutHighWater) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  loop->send(id, slice_of("little"));
  settle();
  EXPECT_EQ(loop->queued_bytes(id), 0U);
  EXPECT_EQ(recorder.drained, 0);
}

TEST_P(StreamTest, DropsWhatIsQueuedOnClose) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  const std::string piece(16 * 1024, 'w');
  for (int i = 0; i < 1000; ++i) loop->send(id, slice_of(piece));
  settle();
  const std::size_t held = loop->memory_used();
  loop->close(id);
  settle();
  EXPECT_EQ(loop->queued_bytes(id), 0U);
  settle();
  EXPECT_LT(loop->memory_used(), held);
  EXPECT_LT(read_to_end(pair.peer.get()).size(), 1000 * piece.size());
}

// ---- closing after sending ----

TEST_P(StreamTest, DeliversEverythingBeforeItCloses) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  const std::string piece(16 * 1024, 'd');
  for (int i = 0; i < 500; ++i) loop->send(id, slice_of(piece));
  // Bytes of the peer that are never read would turn the end into a reset that destroys what is under way.
  ASSERT_TRUE(write_all(pair.peer.get(), std::string(10'000, 'u')));
  loop->close_after_send(id, test::never_ms);
  EXPECT_EQ(loop->queued_bytes(id), 0U);  // the id is gone for its owner
  loop->send(id, slice_of("too late"));
  set_blocking(pair.peer.get(), false);
  std::string got;
  ssize_t n = -1;
  while (n != 0) {
    std::array<char, 65536> chunk{};
    n = ::recv(pair.peer.get(), chunk.data(), chunk.size(), 0);
    if (n > 0) got.append(chunk.data(), static_cast<std::size_t>(n));
    if (n < 0) {
      ASSERT_EQ(errno, EAGAIN);
      settle();
    }
  }
  EXPECT_EQ(n, 0);
  EXPECT_EQ(got.size(), 500 * piece.size());
  pair.peer.reset();
  settle();
  EXPECT_EQ(recorder.closed, -1);
  EXPECT_EQ(recorder.slices, 0U);
}

TEST_P(StreamTest, DeliversEverythingToAPeerThatHasEndedItsOwnSide) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  const std::string piece(16 * 1024, 'd');
  for (int i = 0; i < 100; ++i) loop->send(id, slice_of(piece));
  loop->close_after_send(id, test::never_ms);
  settle();
  ASSERT_EQ(::shutdown(pair.peer.get(), SHUT_WR), 0);
  settle();
  std::string got;
  while (got.size() < 100 * piece.size()) {
    const std::string more = read_exactly(pair.peer.get(), piece.size());
    if (more.empty()) break;
    got += more;
    settle();
  }
  EXPECT_EQ(got.size(), 100 * piece.size());
  EXPECT_EQ(read_to_end(pair.peer.get()), "");
}

TEST_P(StreamTest, LingersNoLongerThanAllowed) {
  Pair pair = tcp_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  const std::string piece(16 * 1024, 'd');
  for (int i = 0; i < 1000; ++i) loop->send(id, slice_of(piece));
  settle();
  loop->close_after_send(id, 20);
  Once after(*this);
  loop->start_timer(25, after);
  run_until([&] { return after.fired; });
  settle();
  EXPECT_LT(read_to_end(pair.peer.get()).size(), 1000 * piece.size());
  EXPECT_EQ(recorder.closed, -1);
}

TEST_P(StreamTest, ClosesALingeringStreamAtOnceIfAskedTo) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  const StreamId id = loop->adopt(pair.ours.release(), recorder);
  loop->close_after_send(id, test::never_ms);
  settle();
  EXPECT_EQ(read_to_end(pair.peer.get()), "");
  ASSERT_TRUE(write_all(pair.peer.get(), "discarded"));
  settle();
  loop->close(id);
  settle();
  EXPECT_FALSE(write_all(pair.peer.get(), "x"));
  EXPECT_EQ(recorder.slices, 0U);
}

}  // namespace
}  // namespace sluice::io
