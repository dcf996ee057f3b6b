#include "proxy/io/endpoint.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::io {
namespace {

struct Case {
  std::string text;
  std::string shown;  // what to_string gives; empty: refused
};

void PrintTo(const Case& value, std::ostream* out) { *out << '"' << value.text << '"'; }

class EndpointTable : public testing::TestWithParam<Case> {};

TEST_P(EndpointTable, ParsesOrRefuses) {
  const auto endpoint = parse_endpoint(GetParam().text, 3306);
  EXPECT_EQ(endpoint ? endpoint->to_string() : "", GetParam().shown);
  if (endpoint) {
    EXPECT_EQ(parse_endpoint(endpoint->to_string(), 1), endpoint);
  }
}

INSTANTIATE_TEST_SUITE_P(Accepted, EndpointTable,
                         testing::Values(Case{"127.0.0.1:3307", "127.0.0.1:3307"}, Case{"127.0.0.1", "127.0.0.1:3306"},
                                         Case{"[::1]:3307", "[::1]:3307"}, Case{"[fe80::2:1]", "[fe80::2:1]:3306"},
                                         Case{"db.internal:1", "db.internal:1"}, Case{"db-1_a", "db-1_a:3306"},
                                         Case{"1db.internal", "1db.internal:3306"},
                                         Case{"localhost:65535", "localhost:65535"}, Case{"localhost:0", "localhost:0"},
                                         Case{"unix:/run/a.sock", "unix:/run/a.sock"},
                                         Case{"unix:/run/a:b", "unix:/run/a:b"},
                                         Case{"unix:/" + std::string(106, 'x'), "unix:/" + std::string(106, 'x')}));

INSTANTIATE_TEST_SUITE_P(Refused, EndpointTable,
                         testing::Values(Case{"", ""}, Case{":3306", ""}, Case{"host:", ""}, Case{"host:65536", ""},
                                         Case{"host:99999", ""}, Case{"host:100000", ""}, Case{"host:+1", ""},
                                         Case{"host: 1", ""}, Case{"host:1 ", ""}, Case{"host:01", ""},
                                         Case{"host:1x", ""}, Case{"::1", ""}, Case{"::1:3306", ""}, Case{"[::1", ""},
                                         Case{"[::1]3306", ""}, Case{"[::1]:", ""}, Case{"[127.0.0.1]:1", ""},
                                         Case{"[]:1", ""}, Case{"[host]:1", ""}, Case{"10.0.0.256:1", ""},
                                         Case{"1.2.3:1", ""}, Case{"1234", ""}, Case{"a..b:1", ""}, Case{".a:1", ""},
                                         Case{"a b:1", ""}, Case{"host/x:1", ""}, Case{"unix:", ""}, Case{"unix:/", ""},
                                         Case{"unix:relative", ""}, Case{"unix:/" + std::string(107, 'x'), ""},
                                         Case{std::string("unix:/a\0b", 9), ""}, Case{std::string("[::1\0]:1", 8), ""},
                                         Case{std::string(64, 'a') + ":1", ""}));

}  // namespace
}  // namespace sluice::io
