// What the workers answer to the orders of the control thread about a gate, and how many answers become one. Pure but
// for the lock: workers answer from their own threads.
//
// Flow: `auto join = std::make_shared<AnswerJoin<DrainAnswer>>(workers, done);` each worker calls `join->add(answer)`;
// the last one calls `done(sum)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace sluice::proxy {

// What is open on a leader.
struct OpenWork {
  enum class Kind : std::uint8_t { transaction, lock, statement };
  std::uint32_t transactions = 0;
  std::uint32_t locks = 0;       // LOCK TABLES, XA
  std::uint32_t statements = 0;  // outside of both
  std::uint32_t kills = 0;       // what runs on for clients that are gone, and is being ended
  std::uint32_t oldest_session = 0;
  std::uint64_t oldest_since_ms = 0;  // as loops' now_ms(): workers are asked one a moment after the other
  std::uint64_t seen_ms = 0;          // when it was looked at, for the last time
  Kind oldest = Kind::transaction;

  void add(std::uint32_t session, Kind kind, std::uint64_t since_ms);
  OpenWork& operator+=(const OpenWork& part);
};

struct DrainAnswer {
  bool drained = false;
  std::string interrupted;  // a later order ended the waiting: which
  std::string server;
  OpenWork open;

  DrainAnswer& operator+=(const DrainAnswer& part);
  // For the operator; empty if it is drained.
  [[nodiscard]] std::string what() const;
};

struct CutAnswer {
  std::string interrupted;
  std::uint32_t sessions = 0;  // that lost something
  std::uint32_t running = 0;   // statements that could not be ended on the server

  CutAnswer& operator+=(const CutAnswer& part);
  [[nodiscard]] bool ok() const { return interrupted.empty() && running == 0; }
  [[nodiscard]] std::string what() const;
};

template <class Answer>
class AnswerJoin {
 public:
  AnswerJoin(std::size_t missing, std::function<void(Answer)> done) : missing_(missing), done_(std::move(done)) {}
  void add(const Answer& part) {
    {
      const std::lock_guard lock(mutex_);
      if (sum_) {
        *sum_ += part;
      } else {
        sum_ = part;
      }
      if (--missing_ > 0) return;
    }
    done_(std::move(*sum_));  // nobody else comes any more
  }

 private:
  std::mutex mutex_;
  std::size_t missing_;
  std::optional<Answer> sum_;
  std::function<void(Answer)> done_;
};

}  // namespace sluice::proxy
