// What runtime.cpp gives to the code that is compiled with cuda_shim.h: one CUDA block at a time,
// each of its threads a fiber of its own, so that barriers and warp exchanges work as on a card.
#pragma once

#include <cstddef>

struct uint3 {
  unsigned x, y, z;
};
typedef uint3 dim3;
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

namespace shim {

struct Slot {
  alignas(16) unsigned char bytes[16];
};

extern uint3 thread_index, block_index, block_size, grid_size;
extern unsigned char* dynamic_shared;

// __syncthreads: every thread of the block must come here.
void block_barrier();
// Every lane that `mask` names must come here with the same mask.
void warp_barrier(unsigned mask);
// Puts a value before the other lanes of `mask`, and gives the slots of the whole warp.
const Slot* publish(unsigned mask, const void* value, std::size_t size);
unsigned lane();
// Notes the first thing that went wrong in a launch and ends it.
void fail(const char* message);

}  // namespace shim
