// Gathers the state of the running process for the admin's doors: the workers' report, the monitors' judgements, the
// events, the settings.
//
// Flow: made by the application, which fills in what it owns as closures; handed to the SQL and HTTP servers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "admin/state.hpp"

namespace sluice::admin {

struct LiveSourceParts {
  std::function<void(std::function<void(proxy::Report)>)> report;  // the callback may come on any thread
  std::function<void(AdminState&)> fill;                           // all but the report; on the control thread
  std::function<void(std::uint32_t)> kill;
  std::function<void()> shutdown;
  std::function<void(Order, ChangeDone)> carry_out;
};

class LiveSource : public StateSource {
 public:
  LiveSource(boost::asio::io_context& io, LiveSourceParts parts) : io_(io), parts_(std::move(parts)) {}

  void gather(Gathered done) override;
  void kill(std::uint32_t session) override { parts_.kill(session); }
  void shutdown() override { parts_.shutdown(); }
  void carry_out(Order order, ChangeDone done) override { parts_.carry_out(std::move(order), std::move(done)); }

 private:
  void begin();
  void finish(proxy::Report report);

  boost::asio::io_context& io_;
  LiveSourceParts parts_;
  // Callbacks stay on the control thread. Those that come while a report is under way wait for the next one, so that
  // each sees what was true after it asked.
  std::vector<Gathered> current_;
  std::vector<Gathered> next_;
  bool under_way_ = false;
};

}  // namespace sluice::admin
