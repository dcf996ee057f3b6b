// Any bytes as a configuration: no crash, no hang, bounded messages. Password files are never opened.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "admin/config.hpp"
#include "admin/config_listing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::admin::TextFile;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = sluice::admin::parse_config(
      text, "fuzz.toml",
      [](const std::string& path) -> sluice::Result<TextFile, std::string> { return TextFile{path, false}; });
  if (loaded.problems.size() > 100) std::abort();
  for (const auto& problem : loaded.problems) {
    if (to_string(problem).find('\x1b') != std::string::npos) std::abort();
  }
  (void)sluice::admin::list_settings(loaded.config);
  return 0;
}
