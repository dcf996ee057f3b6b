#include "router/classify.hpp"
