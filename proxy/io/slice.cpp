#include "proxy/io/slice.hpp"

#include "proxy/io/block_pool.hpp"

namespace sluice::io {

void Slice::recycle(Block* block) { block->pool->give_back(block); }

}  // namespace sluice::io
