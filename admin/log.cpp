#include "admin/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

namespace sluice::admin {

std::optional<std::string> open_log(const LogSettings& settings) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  try {
    if (settings.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
    }
  } catch (const spdlog::spdlog_ex& error) {
    return "cannot open the log " + settings.file + ": " + error.what();
  }
  auto logger = std::make_shared<spdlog::logger>("sluice", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(settings.level));
  logger->flush_on(spdlog::level::info);  // few lines, and an operator waits for each
  spdlog::set_default_logger(std::move(logger));
  return std::nullopt;
}

}  // namespace sluice::admin
