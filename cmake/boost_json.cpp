// Boost.JSON, compiled once: Debian's headers bring its sources along, so that no further package is needed.
#include <boost/json/src.hpp>
