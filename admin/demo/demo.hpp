// `sluice demo up|down|status`: a replicated cluster on loopback with sluice in front of it, in one folder.
//
// Flow: the command line fills the options and returns what these return: 0, or 1 after an explanation on `err`.
// All three may be called at any time and again: `up` makes, completes or only reports; `down` also clears what a
// failed or killed `up` has left. No password is ever printed, except by the status formats for machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>

#include "admin/demo/flavour.hpp"
#include "admin/demo/patience.hpp"
#include "admin/demo/process.hpp"

namespace sluice::demo {

struct UpOptions {
  std::filesystem::path dir = "demo";
  std::optional<Flavour> flavour;  // MariaDB; a demo that exists keeps its own
  std::optional<unsigned> nodes;   // 3, at most 9
  bool proxy = true;
  // Where to look for free ports from; a demo that exists keeps its own while they are free.
  std::uint16_t server_port = 21001;
  std::uint16_t client_port = 6033;
  std::uint16_t admin_port = 6032;
  std::uint16_t http_port = 6070;
  std::filesystem::path sluice;  // empty: this program
  Lifetime lifetime = Lifetime::detached;
  Patience patience;
};

struct DownOptions {
  std::filesystem::path dir = "demo";
  Patience patience{};
};

enum class StatusFormat {
  text,   // for people, without passwords
  json,   // one object; the README documents it
  shell,  // NAME='value' lines, for eval
};

struct StatusOptions {
  std::filesystem::path dir = "demo";
  StatusFormat format = StatusFormat::text;
  Patience patience{};
};

int up(const UpOptions& options, std::ostream& out, std::ostream& err);
int down(const DownOptions& options, std::ostream& out, std::ostream& err);
// 0 only when the proxy (if there is one) and all servers run and one leads.
int status(const StatusOptions& options, std::ostream& out, std::ostream& err);

}  // namespace sluice::demo
