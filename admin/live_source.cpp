#include "admin/live_source.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace sluice::admin {

void LiveSource::gather(Gathered done) {
  next_.push_back(std::move(done));
  if (!under_way_) begin();
}

void LiveSource::begin() {
  under_way_ = true;
  current_ = std::exchange(next_, {});
  parts_.report([this](proxy::Report report) {
    boost::asio::post(io_, [this, report = std::move(report)]() mutable { finish(std::move(report)); });
  });
}

void LiveSource::finish(proxy::Report report) {
  auto state = std::make_shared<AdminState>();
  state->report = std::move(report);
  parts_.fill(*state);
  const std::vector<Gathered> waiting = std::exchange(current_, {});
  under_way_ = false;
  if (!next_.empty()) begin();
  for (const Gathered& done : waiting) done(state);
}

}  // namespace sluice::admin
