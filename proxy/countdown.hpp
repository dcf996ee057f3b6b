// Tells when the last of several is over, whichever thread it is on.
//
// Flow: `const Countdown one_less(n, done);` a copy goes to each; the last one that calls it calls `done`.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

namespace sluice::proxy {

class Countdown {
 public:
  Countdown(std::size_t missing, std::function<void()> done)
      : shared_(std::make_shared<Shared>(missing, std::move(done))) {}

  void operator()() const {
    if (--shared_->missing == 0) shared_->done();
  }

 private:
  struct Shared {
    Shared(std::size_t count, std::function<void()> then) : missing(count), done(std::move(then)) {}
    std::atomic<std::size_t> missing;
    std::function<void()> done;
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::proxy
