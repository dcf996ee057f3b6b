#include "admin/printable.hpp"

namespace sluice::admin {

std::string printable(std::string_view text, std::size_t shown_max) {
  std::string out(text.substr(0, shown_max));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() > shown_max ? out + "…" : out;
}

}  // namespace sluice::admin
