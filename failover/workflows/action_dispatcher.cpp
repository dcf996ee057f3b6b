#include "failover/workflows/action_dispatcher.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

namespace sluice::failover {
namespace {

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

}  // namespace

ActionDispatcher::ActionDispatcher(boost::asio::io_context& io, DispatchParts parts, OnOutcome on_outcome)
    : io_(io), parts_(parts), on_outcome_(std::make_shared<OnOutcome>(std::move(on_outcome))) {}

void ActionDispatcher::perform(const Action& action) {
  switch (action.act) {
    case Act::hold:
      return parts_.gate.hold(action.server, action.settle, action.budget, outcome_of(action));
    case Act::cut:
      return parts_.gate.cut(action.server, action.budget, outcome_of(action));
    case Act::release:
      return parts_.gate.release(action.server, action.epoch, action.budget, outcome_of(action));
    case Act::freeze:
    case Act::thaw:
    case Act::await_position:
    case Act::promote:
    case Act::follow:
    case Act::stop_io:
    case Act::start_io:
    case Act::apply_relay_log:
    case Act::read_state:
      return parts_.actors[action.server]->perform(action,
                                                   [told = std::weak_ptr(on_outcome_), action](const Outcome& outcome) {
                                                     if (const auto on_outcome = told.lock())
                                                       (*on_outcome)(action, outcome);
                                                   });
    case Act::depose:
    case Act::record:
    case Act::run_hook:
      break;
  }
  assert(false && "it needs more than the action says: write(), run_hook()");
}

void ActionDispatcher::write(const Action& action, const EpochRecord& record) {
  parts_.records.write(record, outcome_of(action));
}

void ActionDispatcher::run_hook(const Action& action, HookCall call) {
  call.executable = action.hook;
  call.phase = action.after ? "after" : "before";
  parts_.hooks.run(call, action.budget, [told = outcome_of(action)](const HookResult& result) {
    const auto printed = result.output.empty() ? std::string() : "; it printed: " + one_line(result.output);
    told(result.error.empty() ? std::string() : result.error + printed);
  });
}

// By way of the io_context: a part may answer at once, while the workflow is still handing out actions.
std::function<void(const std::string&)> ActionDispatcher::outcome_of(const Action& action) {
  return [weak = std::weak_ptr(on_outcome_), &io = io_, action](const std::string& error) {
    Outcome outcome;
    outcome.id = action.id;
    outcome.ok = error.empty();
    outcome.error = error;
    boost::asio::post(io, [weak, action, outcome] {
      if (const auto on_outcome = weak.lock()) (*on_outcome)(action, outcome);
    });
  };
}

}  // namespace sluice::failover
