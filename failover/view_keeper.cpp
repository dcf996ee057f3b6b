#include "failover/view_keeper.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "failover/probe_script.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;
using std::chrono::milliseconds;

milliseconds since(TimePoint earlier, TimePoint later) {
  return std::max(std::chrono::duration_cast<milliseconds>(later - earlier), milliseconds(0));
}

bool same_channel(const ReplicationChannel& a, const ReplicationChannel& b) {
  return a.name == b.name && a.source_host == b.source_host && a.source_port == b.source_port;
}

bool has_received(const ChannelTraffic& before, const ChannelTraffic& now) {
  const bool connected = before.io != IoThread::connected && now.io == IoThread::connected;
  return connected || before.gtids != now.gtids || before.log_position != now.log_position ||
         before.heartbeats != now.heartbeats;
}

// It goes on to wait whatever happens, as long as the timeout lets it. Without wait_no_slave it stops as soon as no
// replica is connected, which may be at any moment.
bool insists(const SemiSyncObservation& semi_sync) {
  return semi_sync.leads && semi_sync.waits && semi_sync.waits_without_replicas;
}

// All sessions that waited at the one probe have been released at the other. Acknowledgements come in the order of the
// binary log. With more acknowledged commits than there were sessions, one of them has committed twice, the second time
// behind all that waited before.
bool must_have_been_released(const SemiSyncObservation& then, const SemiSyncObservation& now) {
  constexpr std::uint64_t own_threads_max = 256;  // events, replication from outside: no client's, and counted nowhere
  if (now.acknowledged < then.acknowledged || now.clients_ever < then.clients_ever) return false;
  const auto sessions = then.clients + (now.clients_ever - then.clients_ever) + own_threads_max;
  return now.acknowledged - then.acknowledged > sessions;
}

// A server tells when it was started to the second. Who was killed and is back within one counts from nothing again.
bool started_anew(const ServerObservation& before, const ServerObservation& now) {
  return before.instance != now.instance || now.semi_sync.clients_ever < before.semi_sync.clients_ever;
}

void fill_identity(const ServerObservation& seen, ElectionServer& known) {
  known.flavour = seen.flavour;
  known.version = ServerKind::from_version(seen.version).number;
  known.server_id = seen.server_id;
  known.server_uuid = seen.server_uuid;
  known.executed = GtidSet::parse(seen.executed);
  known.binary_log = seen.binary_log.value_or(false);
  known.logs_replicated = seen.logs_replicated.value_or(false);
  known.semi_sync = seen.semi_sync.follows;
  known.instance = seen.instance;
}

void add_received(const ReplicationChannel& channel, std::optional<GtidSet>& received) {
  const auto more = channel.traffic.gtids ? GtidSet::parse(*channel.traffic.gtids) : std::nullopt;
  received = received && more ? std::optional(received->plus(*more)) : std::nullopt;
}

void add_filters(const ReplicationChannel& channel, std::string& filters) {
  if (channel.filters.empty()) return;
  filters += (filters.empty() ? "" : "; ") + channel.filters;
}

}  // namespace

ViewKeeper::ViewKeeper(std::vector<ConfiguredServer> servers)
    : configured_(std::move(servers)), notes_(configured_.size()), answers_(configured_.size()) {
  for (const auto& server : configured_) names_.push_back(server.name);
}

void ViewKeeper::take(std::size_t server, const ServerObservation& seen, TimePoint asked) {
  assert(server < notes_.size());
  auto& notes = notes_[server];
  notes.probed = asked;
  notes.probe = seen.probe;
  notes.error = seen.error;
  if (seen.probe != Probe::answered) return;
  if (notes.answered && started_anew(answers_[server], seen)) ++notes.runs;
  notes.heard = compare_traffic(server, seen, asked);
  notes.waiting = compare_waiting(server, seen, asked);
  notes.answered = asked;
  answers_[server] = seen;
}

void ViewKeeper::data_path(std::size_t server, const DataPathView& data) { notes_[server].data = data; }

// ---- Probe to probe

// What is new may have come at any time until the answer.
std::vector<ViewKeeper::Heard> ViewKeeper::compare_traffic(std::size_t server, const ServerObservation& seen,
                                                           TimePoint asked) const {
  const auto& before = answers_[server].channels;
  std::vector<Heard> heard;
  for (const auto& channel : seen.channels) {
    Heard now{asked + std::chrono::microseconds(seen.probe_us), false};
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (!same_channel(before[i], channel)) continue;
      now.compared = true;
      if (!has_received(before[i].traffic, channel.traffic)) now.by = notes_[server].heard[i].by;
    }
    heard.push_back(now);
  }
  return heard;
}

ViewKeeper::Waiting ViewKeeper::compare_waiting(std::size_t server, const ServerObservation& seen,
                                                TimePoint asked) const {
  const auto& before = answers_[server];
  Waiting now;
  if (notes_[server].answered && before.instance == seen.instance) {
    now = notes_[server].waiting;
    now.unacknowledged = before.semi_sync.unacknowledged != seen.semi_sync.unacknowledged;
  }
  const bool waits = seen.semi_sync.sessions > 0;
  const bool released = now.seen_since && must_have_been_released(now.watched, seen.semi_sync);
  if (!waits) now.began_after = asked;
  if (waits && released) now.began_after = now.watched_from;
  if (!waits || !now.seen_since || released) {
    now.watched_from = asked;
    now.watched = seen.semi_sync;
  }
  now.seen_since = waits ? std::optional(now.seen_since.value_or(asked)) : std::nullopt;
  return now;
}

// ---- The view

std::optional<ClusterView> ViewKeeper::view(TimePoint now) const {
  const SourceGraph graph(names_, answers_);
  ClusterView cluster;
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const auto& notes = notes_[i];
    if (!notes.probed) return std::nullopt;
    auto& view = cluster.servers.emplace_back();
    view.probed = *notes.probed;
    view.witness.name = view.known.name = names_[i];
    view.witness.probe = notes.probe;
    view.witness.error = notes.error;
    view.witness.data = notes.data;
    view.known.reachable = notes.probe == Probe::answered;
    view.known.ignored = configured_[i].ignored;
    view.known.preference = configured_[i].preference;
    if (!notes.answered) continue;
    view.seen = *notes.answered;
    view.witness.lost_for = since(view.seen, now);
    view.runs = notes.runs;
    view.writable = !answers_[i].read_only && !answers_[i].super_read_only;
    fill_identity(answers_[i], view.known);
    fill_channels(i, graph, view);
    fill_acknowledgements(i, view);
  }
  return cluster;
}

// Channels from outside of the cluster are nobody's witnesses, and what they bring is the leader's as well.
void ViewKeeper::fill_channels(std::size_t server, const SourceGraph& graph, ServerView& view) const {
  const auto& channels = answers_[server].channels;
  auto& known = view.known;
  known.received = GtidSet();
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const auto& channel = channels[i];
    const auto source = graph.source_of(server, channel);
    if (!source) continue;
    const bool first = known.sources.empty();
    known.io_running = channel.io_running && (first || known.io_running);
    known.sql_running = channel.sql_running && (first || known.sql_running);
    known.delay_s = std::max(known.delay_s, channel.delay_s);
    add_received(channel, known.received);
    add_filters(channel, known.filters);
    if (std::find(known.sources.begin(), known.sources.end(), *source) == known.sources.end())
      known.sources.push_back(*source);
    ChannelView told;
    told.source = *source;
    told.io = channel.traffic.io;
    told.sql_running = channel.sql_running;
    told.heartbeat = channel.traffic.heartbeat_period;
    told.lag_ms = channel.lag_ms;
    const auto& heard = notes_[server].heard[i];
    if (heard.compared && told.heartbeat > milliseconds(0)) told.quiet_for = since(heard.by, view.seen);
    view.witness.channels.push_back(told);
  }
}

void ViewKeeper::fill_acknowledgements(std::size_t server, ServerView& view) const {
  const auto& semi_sync = answers_[server].semi_sync;
  const auto& waiting = notes_[server].waiting;
  if (!semi_sync.leads) return;
  auto& told = view.witness.semi_sync;
  told.wanted = semi_sync.waits ? semi_sync.wanted : 0;
  told.replicas = semi_sync.replicas;
  told.waiting = semi_sync.sessions;
  if (waiting.seen_since) told.waiting_for = since(*waiting.seen_since, view.seen);
  if (!insists(semi_sync) || waiting.unacknowledged) return;
  view.acks = semi_sync.wanted;
  const auto began = waiting.began_after ? *waiting.began_after : view.seen - semi_sync.timeout;
  view.acks_for = since(view.seen, began + semi_sync.timeout);
}

}  // namespace sluice::failover
