// From configuration to what the data plane wants: TLS contexts, keys, listeners. Makes the self-signed certificate at
// the first start.
//
// Flow: `auto options = make_proxy_options(config); if (!options) …; options->on_event = …; Proxy::create(*options,
// …)`.
#pragma once

#include <string>

#include "admin/config.hpp"
#include "protocol/result.hpp"
#include "proxy/proxy.hpp"

namespace sluice::admin {

[[nodiscard]] Result<proxy::ProxyOptions, std::string> make_proxy_options(const Config& config);

}  // namespace sluice::admin
