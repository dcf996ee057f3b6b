// Shapes of statements that read as reads and were refused by a replica, because they write: a view over NEXTVAL(), or
// over a function that writes. From then on they go to the leader. One worker's own, and bounded: the oldest is
// forgotten, and learnt again at the price of one more refusal.
#pragma once

#include <cstddef>
#include <deque>
#include <unordered_set>

#include "router/digest.hpp"

namespace sluice::proxy {

class RefusedReads {
 public:
  void add(router::Digest shape, std::size_t shapes_max) {
    if (!shapes_.insert(shape).second) return;
    order_.push_back(shape);
    while (order_.size() > shapes_max) {
      shapes_.erase(order_.front());
      order_.pop_front();
    }
  }
  [[nodiscard]] bool contains(router::Digest shape) const { return shapes_.contains(shape); }
  [[nodiscard]] bool empty() const { return order_.empty(); }

 private:
  std::unordered_set<router::Digest> shapes_;
  std::deque<router::Digest> order_;
};

}  // namespace sluice::proxy
