// Many clients that take no answers share one worker's memory with those who do.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionMemory : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.worker_memory_max = 16U << 20;
    options.limits.pool_wait_max_ms = test::never_ms;
  }
};

// Big results that nobody reads: together they would hold several times the worker's memory.
TEST_P(SessionMemory, ManyBigResultsThatAreNotRead) {
  start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 90; ++i) {
    slow.push_back(std::make_unique<RawClient>(port(), 4096));
    log_in(*slow.back());
    slow.back()->send(
        query("SELECT REPEAT('x', 60000) FROM information_schema.collations a, information_schema.collations b"));
  }
  ASSERT_TRUE(await([&] { return counters().clients_shed > 0; }));
  RawClient other(port());
  log_in(other);
  EXPECT_EQ(other.run("SELECT 5").value(), "5");
  EXPECT_TRUE(saw_event("client_shed"));
}

// Who reads, though slowly, loses nothing: memory is not short.
TEST_P(SessionMemory, FewThatAreNotReadStay) {
  start();
  RawClient slow(port());
  log_in(slow);
  slow.send(query("SELECT REPEAT('x', 60000) FROM information_schema.collations"));
  // Receiving stops above client_queue_max. What the kernel takes after that brings the queue down, but not below a
  // quarter, where receiving would go on: it may rest anywhere between the two.
  ASSERT_TRUE(await([&] { return only_session().queued_bytes > options.limits.client_queue_max / 4; }));
  RawClient other(port());
  log_in(other);
  EXPECT_EQ(other.run("SELECT SLEEP(1.5)").value(), "0");
  const Result result = slow.read_result();
  EXPECT_EQ(result.kind, Result::Kind::rows);
  EXPECT_GT(result.rows.size(), 100U);
  EXPECT_EQ(counters().clients_shed, 0U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionMemory);

}  // namespace
}  // namespace sluice::proxy
