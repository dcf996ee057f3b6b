#include "proxy/io/endpoint.hpp"
