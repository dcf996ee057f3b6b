// The subcommands that ask a running sluice: status, switchover, history.
//
// Flow: `add_operator_commands(app, chosen); CLI11_PARSE(app, …); return chosen();`
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace sluice::admin {

// What the chosen subcommand will do, once the whole line has been understood.
using Command = std::function<int()>;

// The option that names the configuration file; `config` gets its default.
CLI::Option* add_config(CLI::App& app, std::string& config);

void add_operator_commands(CLI::App& app, Command& chosen);

}  // namespace sluice::admin
