// Runs launches with the runtime of tests/cuda/shim, whose state this file shares.
//
// There a barrier after the return of a thread is an error, as the project's own kernels have it.
// CUDA lets threads return early and counts those that are left; CuPy's kernels do that.
#define block_barrier strict_block_barrier
#include "../../cuda/shim/runtime.cpp"
#undef block_barrier

#include "kernel.h"

namespace {

int threads;

// Whether all that have not returned, of whom `leaving` are about to, are at the barrier.
void open_barrier(unsigned leaving) {
  if (!at_barrier || at_barrier + done + leaving != fibers.size()) return;
  at_barrier = 0;
  for (Fiber& fiber : fibers)
    if (fiber.state == kAtBlockBarrier) fiber.state = kReady;
}

void run_straight(void (*kernel)(void**), void** values, const uint3& grid, const uint3& block) {
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        shim::block_index = {x, y, z};
        for (unsigned c = 0; c < block.z; ++c)
          for (unsigned b = 0; b < block.y; ++b)
            for (unsigned a = 0; a < block.x; ++a) {
              shim::thread_index = {a, b, c};
              kernel(values);
            }
      }
}

}  // namespace

namespace shim {

void block_barrier() {
  if (threads != kCardFibers) return strict_block_barrier();
  ++at_barrier;
  current->state = kAtBlockBarrier;
  open_barrier(0);
  if (current->state == kAtBlockBarrier) wait_here();
}

}  // namespace shim

namespace card {

void kernel_returns() {
  if (threads == kCardFibers) open_barrier(1);
}

// Gives nullptr, or what went wrong first.
const char* run_kernel(const CardKernel& kernel, void** values, const unsigned* grid,
                       const unsigned* block, std::size_t shared) {
  threads = kernel.threads;
  if (threads != kCardStraight) return shim_launch(kernel.call, values, grid, block, shared);
  message[0] = 0;
  shim::grid_size = {grid[0], grid[1], grid[2]};
  shim::block_size = {block[0], block[1], block[2]};
  std::vector<unsigned char> memory(shared + 16);
  shim::dynamic_shared = memory.data();
  Signals signals;
  // A signal comes back here; nothing of the kernel's has a destructor.
  if (!_setjmp(scheduler)) run_straight(kernel.call, values, shim::grid_size, shim::block_size);
  return message[0] ? message : nullptr;
}

}  // namespace card
