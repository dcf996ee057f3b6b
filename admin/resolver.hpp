// Turns the servers' host names into numeric addresses for the data plane, and again when a server can't be reached:
// its name may have moved.
//
// Flow: `AddressBook book(io, clusters, on_change); book.start();` … `book.look_again(c, s)`; `book.addresses()`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "admin/config.hpp"
#include "admin/snapshot_builder.hpp"

namespace sluice::admin {

class AddressBook {
 public:
  using OnChange = std::function<void()>;

  AddressBook(boost::asio::io_context& io, const std::vector<ClusterSettings>& clusters, OnChange on_change);
  ~AddressBook();
  AddressBook(const AddressBook&) = delete;
  AddressBook& operator=(const AddressBook&) = delete;

  void start();
  void stop();
  // Bounded: one look at a time and one per second and server. Numeric addresses and unix paths need none.
  void look_again(std::size_t cluster, std::size_t server);
  [[nodiscard]] const ServerAddresses& addresses() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::admin
