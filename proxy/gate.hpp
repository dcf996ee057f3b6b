// The gate of one cluster in one worker: where its statements wait, because no server can take them, or because the
// gate is closed for a planned change of leader.
//
// While it is closed nothing new starts on the leader:
// - What would start there waits, first come first served: autocommit writes, BEGIN, reads that no replica may answer,
//   the first statement with autocommit off; also of sessions that merely keep a connection for its LAST_INSERT_ID().
//   Those who stood in line for a connection of the leader's pool come first.
// - What is open there goes on. A statement in flight finishes. A session is open as long as it has a transaction there
//   (or an error has hidden whether it has), LOCK TABLES or FLUSH TABLES WITH READ LOCK, an XA transaction, or
//   parameter data sent ahead of an execute: all that it sends goes through, until that has ended. What it sends next
//   waits. BEGIN inside a transaction and COMMIT AND CHAIN end one and open another: such a session stays open.
// - A session that is tied by anything else (variables, temporary tables, user locks, cursors) is not open: it does not
//   keep the gate from draining, and what it sends waits, with its connection. Only FETCH, STMT_RESET and questions
//   about the statement before (ROW_COUNT(), SHOW WARNINGS) go through: they read what the connection holds already.
// - Reads that a replica may answer flow.
// - Small questions of our own (LAST_INSERT_ID(), the state of a connection) change nothing and are not counted.
// It is drained when nothing is open on the leader, and nothing there is still to be ended for clients that are gone.
//
// Before it is closed it may be settling: what opens something that lasts waits already, so that transactions come to
// their end, while single statements in autocommit mode go on. Only for those that are left is it then closed: whoever
// does small things sees little of the change, however long others' transactions take.
//
// A snapshot with no leader or another one does not end the waiting; `open` does. Then those who wait leave in their
// order, at most limits.release_batch_max of them in a turn of the loop, and who comes meanwhile stands behind them.
//
// Flow: a session asks `shut()` on its way, and `add`s itself; the control thread orders `close`, `open` and `cut`
// through the worker's mailbox, and is answered once for each.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "proxy/gate_answer.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/report.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::proxy {

class Session;
class Worker;

// Where a session stands in its gate. The gate's own.
struct GateEntry {
  std::list<Session*>::iterator place;
  bool waits = false;
  bool at_gate = false;  // it waits for the gate, not only for a leader
  bool counted = false;  // it has something open that a drain waits for
  std::uint64_t since_ms = 0;
};

class Gate final : private io::TimerHandler {
 public:
  Gate(Worker& worker, std::uint32_t cluster) : worker_(worker), cluster_(cluster) {}
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Closed, or open again while some still wait: what would start something new must ask further.
  [[nodiscard]] bool shut() const { return state_ != GateState::open; }
  // Of what waits at a closed gate, single statements may pass.
  [[nodiscard]] bool settling() const { return state_ == GateState::settling; }
  // Counts its closings. A statement that was let go under this number may pass.
  [[nodiscard]] std::uint32_t number() const { return number_; }
  // It led when the gate was closed: a drain waits for what is open there.
  [[nodiscard]] bool drains(std::uint32_t server) const { return server_ == server; }

  // False: limits.hold_clients_max statements wait in this worker already.
  [[nodiscard]] bool add(Session& session, bool at_gate);
  void remove(Session& session);
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  // The routing table has changed: a server may be there for those who wait.
  void on_snapshot(const ClusterEntry& cluster);
  // A session that was counted has nothing open any more.
  void on_settled(Session& session);
  // A KILL has ended.
  void on_kill_over() { answer_if_done(); }

  // `done` when no transaction and no lock is open on the leader.
  void settle(std::uint32_t budget_ms, std::function<void(DrainAnswer)> done);
  void close(std::uint32_t budget_ms, std::function<void(DrainAnswer)> done);
  void open();
  void cut(std::uint32_t server, std::function<void(CutAnswer)> done);

  [[nodiscard]] GateRow row() const;
  [[nodiscard]] std::uint64_t longest_ms() const { return longest_ms_; }

 private:
  void on_timer(io::TimerId timer) override;
  void try_again();
  void let_go();
  void shut(GateState state, std::uint32_t budget_ms, std::function<void(DrainAnswer)> done);
  void count_open();
  [[nodiscard]] bool drained() const;
  [[nodiscard]] OpenWork open_work() const;
  void answer_if_done();
  void answer_drain(DrainAnswer answer);
  void answer_cut(CutAnswer answer);

  Worker& worker_;
  std::uint32_t cluster_;
  GateState state_ = GateState::open;
  std::uint32_t number_ = 0;
  std::optional<std::uint32_t> leader_;  // the last one known
  std::optional<std::uint32_t> server_;  // who led when it was closed
  std::uint64_t closed_since_ms_ = 0;
  std::uint64_t longest_ms_ = 0;  // that a statement waited for it to open

  std::list<Session*> waiting_;  // first come first
  std::size_t at_gate_ = 0;      // of them
  std::size_t open_ = 0;         // sessions that are counted
  io::TimerId retry_;
  io::TimerId batch_;
  io::TimerId budget_;

  std::function<void(DrainAnswer)> on_drained_;
  std::function<void(CutAnswer)> on_cut_;
  std::uint32_t cut_server_ = 0;
  CutAnswer cut_;
};

}  // namespace sluice::proxy
