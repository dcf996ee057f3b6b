#include "admin/resolver.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

namespace sluice::admin {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

class AddressBook::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, const std::vector<ClusterSettings>& clusters, OnChange on_change)
      : resolver_(io), on_change_(std::move(on_change)) {
    for (const ClusterSettings& cluster : clusters) {
      auto& names = names_.emplace_back();
      auto& addresses = addresses_.emplace_back();
      for (const io::Endpoint& endpoint : cluster.servers) {
        error_code not_numeric;
        if (!endpoint.is_unix()) (void)asio::ip::make_address(endpoint.host, not_numeric);
        Name& name = names.emplace_back(Name{endpoint, not_numeric.failed(), false, asio::steady_timer(io), {}});
        addresses.push_back(name.needs_look ? std::nullopt : std::optional(endpoint));
      }
    }
  }

  void start() {
    for (std::size_t c = 0; c < names_.size(); ++c) {
      for (std::size_t s = 0; s < names_[c].size(); ++s) look(c, s);
    }
  }

  void stop() {
    stopped_ = true;
    resolver_.cancel();
    for (auto& cluster : names_) {
      for (Name& name : cluster) name.pause.cancel();
    }
  }

  void look(std::size_t c, std::size_t s) {
    Name& name = names_.at(c).at(s);
    if (stopped_ || !name.needs_look || name.looking) return;
    name.looking = true;
    name.pause.expires_at(std::max(Clock::now(), name.not_before));
    name.pause.async_wait([self = shared_from_this(), c, s](error_code error) {
      if (!error && !self->stopped_) self->resolve(c, s);
    });
  }

  [[nodiscard]] const ServerAddresses& addresses() const { return addresses_; }

 private:
  struct Name {
    io::Endpoint endpoint;
    bool needs_look = false;
    bool looking = false;
    asio::steady_timer pause;
    Clock::time_point not_before;
  };

  void resolve(std::size_t c, std::size_t s) {
    const io::Endpoint& endpoint = names_[c][s].endpoint;
    resolver_.async_resolve(
        endpoint.host, std::to_string(endpoint.port), tcp::resolver::numeric_service,
        [self = shared_from_this(), c, s](error_code error, const tcp::resolver::results_type& results) {
          if (!self->stopped_) self->on_resolved(c, s, error, results);
        });
  }

  // A name that is gone for the moment keeps its last address: the resolver failing is no reason to drop a server.
  void on_resolved(std::size_t c, std::size_t s, error_code error, const tcp::resolver::results_type& results) {
    constexpr auto pause = std::chrono::seconds(1);
    Name& name = names_[c][s];
    name.looking = false;
    name.not_before = Clock::now() + pause;
    std::optional<io::Endpoint>& address = addresses_[c][s];
    if (error || results.empty()) {
      if (!address) look(c, s);
      return;
    }
    const auto listed = [&](const io::Endpoint& known) {
      return std::any_of(results.begin(), results.end(),
                         [&](const auto& r) { return r.endpoint().address().to_string() == known.host; });
    };
    if (address && listed(*address)) return;  // several addresses come in any order: no reason to move
    address = io::Endpoint{results.begin()->endpoint().address().to_string(), name.endpoint.port, {}};
    on_change_();
  }

  tcp::resolver resolver_;
  OnChange on_change_;
  std::vector<std::vector<Name>> names_;
  ServerAddresses addresses_;
  bool stopped_ = false;
};

AddressBook::AddressBook(asio::io_context& io, const std::vector<ClusterSettings>& clusters, OnChange on_change)
    : impl_(std::make_shared<Impl>(io, clusters, std::move(on_change))) {}
// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
AddressBook::~AddressBook() { stop(); }
void AddressBook::start() { impl_->start(); }
void AddressBook::stop() { impl_->stop(); }
void AddressBook::look_again(std::size_t cluster, std::size_t server) { impl_->look(cluster, server); }
const ServerAddresses& AddressBook::addresses() const { return impl_->addresses(); }

}  // namespace sluice::admin
