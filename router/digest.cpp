#include "router/digest.hpp"

#include <utility>

#include "router/lexer.hpp"

namespace sluice::router {
namespace {

constexpr std::string_view cut_mark = "…";

bool is_literal(const Token& token) {
  return token.kind == TokenKind::string || token.kind == TokenKind::number || token.kind == TokenKind::parameter;
}

// Hands the normalized text to `Out` piece by piece. A comma is held back until it is known what follows it: "?, ?, ?"
// becomes "?, …"; and a row that follows a row, "(?, …), (?, …)", is taken back when it ends, for "(?, …), …".
template <typename Out>
class Normalizer {
 public:
  explicit Normalizer(Out& out) : out_(out) {}

  void run(std::string_view sql, const Dialect& dialect) {
    Lexer lexer(sql, dialect, Doubtful::run);
    for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
      if (token.kind == TokenKind::bad) return out_(" <unreadable>", false);
      take(token);
    }
  }

 private:
  enum class Last : std::uint8_t { start, name, point, open, literal, row, other };

  void take(const Token& token) {
    if (is_literal(token)) return literal();
    if (token.is('(')) return open();
    if (token.is(')')) return close();
    flush_comma();
    if (token.is(',')) {
      comma_ = true;
      return;
    }
    row_ = false;
    const bool point = token.is('.');
    if (!point && token.kind != TokenKind::semicolon) separate();
    out_(token.text, token.kind == TokenKind::word || token.kind == TokenKind::system_variable);
    last_ = point ? Last::point : token.is_name() ? Last::name : Last::other;
  }

  void literal() {
    // Strings side by side are one.
    if (last_ == Last::literal && !comma_) return;
    if (last_ == Last::literal) {
      comma_ = false;
      if (!more_literals_) out_(more, false);
      more_literals_ = true;
      return;
    }
    flush_comma();
    separate();
    out_("?", false);
    last_ = Last::literal;
    more_literals_ = false;
  }

  void open() {
    repeated_ = last_ == Last::row && comma_;
    if (!repeated_) more_rows_ = false;
    before_row_ = out_.mark();
    flush_comma();
    if (last_ != Last::name) separate();
    out_("(", false);
    last_ = Last::open;
    row_ = true;
  }

  void close() {
    flush_comma();
    out_(")", false);
    const bool plain_row = row_ && last_ == Last::literal;
    row_ = false;
    last_ = plain_row ? Last::row : Last::other;
    if (!plain_row || !repeated_) return;
    out_.reset(before_row_);
    if (!more_rows_) out_(more, false);
    more_rows_ = true;
  }

  void flush_comma() {
    if (comma_) out_(",", false);
    comma_ = false;
  }
  void separate() {
    if (last_ != Last::start && last_ != Last::open && last_ != Last::point) out_(" ", false);
  }

  static constexpr std::string_view more = ", …";

  Out& out_;
  Last last_ = Last::start;
  bool comma_ = false;          // seen, not yet written
  bool more_literals_ = false;  // ", …" is written behind the "?"
  bool row_ = false;            // in parentheses that hold only literals so far
  bool repeated_ = false;       // … and such a row stands before them
  bool more_rows_ = false;      // ", …" is written behind the row
  typename Out::Mark before_row_{};
};

struct Hasher {
  using Mark = std::uint64_t;
  std::uint64_t state = 14695981039346656037ULL;  // FNV-1a
  void operator()(std::string_view text, bool fold) {
    for (const char c : text) {
      state = (state ^ static_cast<unsigned char>(fold ? ascii_lower(c) : c)) * 1099511628211ULL;
    }
  }
  [[nodiscard]] Mark mark() const { return state; }
  void reset(Mark to) { state = to; }
};

struct Writer {
  using Mark = std::size_t;
  std::size_t bytes_max;
  std::string text;
  bool cut = false;
  void operator()(std::string_view piece, bool fold) {
    cut = cut || piece.size() > bytes_max - text.size();
    if (cut) return;
    for (const char c : piece) text.push_back(fold ? ascii_lower(c) : c);
  }
  [[nodiscard]] Mark mark() const { return text.size(); }
  void reset(Mark to) {
    if (!cut) text.resize(to);
  }
};

}  // namespace

Digest digest(std::string_view sql, const Dialect& dialect) {
  Hasher hasher;
  Normalizer(hasher).run(sql, dialect);
  return hasher.state;
}

std::string normalize(std::string_view sql, const Dialect& dialect, std::size_t bytes_max) {
  Writer writer{.bytes_max = bytes_max, .text = {}};
  Normalizer(writer).run(sql, dialect);
  if (writer.cut && writer.text.size() + cut_mark.size() <= bytes_max) writer.text += cut_mark;
  return std::move(writer.text);
}

}  // namespace sluice::router
