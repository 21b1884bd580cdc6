// Runs one launch: its blocks one after another, the threads of a block as fibers.
//
// This file is compiled without instrumentation, so that AddressSanitizer leaves the fibers' stacks
// alone. The kernels are compiled with it, and see only memory from `shim_alloc`, which has poisoned
// bytes on both sides.
#include "runtime.h"

#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <vector>

#ifdef SHIM_SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(a, n) ((void)(a), (void)(n))
#define __asan_unpoison_memory_region(a, n) ((void)(a), (void)(n))
#endif

namespace {

enum State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

struct Fiber {
  uint3 index;
  unsigned rank, mask;
  State state;
  bool started;
  jmp_buf registers;
  ucontext_t context;
};

struct Warp {
  unsigned lanes, arrived, done;
  shim::Slot slots[32];
};

constexpr std::size_t kStack = 128 * 1024, kZone = 256;

std::vector<Fiber> fibers;
std::vector<Warp> warps;
std::vector<unsigned char*> stacks;
Fiber* current;
jmp_buf scheduler;
unsigned at_barrier, done;
bool abandoned;
char message[8192];

void (*body)(void**);
void** arguments;

[[noreturn]] void back() { _longjmp(scheduler, 1); }

void wait_here() {
  if (!_setjmp(current->registers)) back();
}

void entry() {
  body(arguments);
  current->state = kDone;
  warps[current->rank / 32].done |= 1u << current->rank % 32;
  ++done;
  back();
}

void resume(Fiber& fiber) {
  current = &fiber;
  shim::thread_index = fiber.index;
  if (_setjmp(scheduler)) return;
  if (fiber.started) _longjmp(fiber.registers, 1);
  fiber.started = true;
  setcontext(&fiber.context);
}

void prepare(std::size_t count) {
  while (stacks.size() < count) stacks.push_back(static_cast<unsigned char*>(std::malloc(kStack)));
  fibers.assign(count, Fiber());
  warps.assign((count + 31) / 32, Warp());
  at_barrier = done = 0;
  // Threads that were abandoned leave the poison of their frames behind.
  for (unsigned char* stack : stacks)
    if (abandoned) __asan_unpoison_memory_region(stack, kStack);
  abandoned = false;
  for (std::size_t i = 0; i < count; ++i) {
    Fiber& fiber = fibers[i];
    fiber.rank = static_cast<unsigned>(i);
    fiber.index.x = fiber.rank % shim::block_size.x;
    fiber.index.y = fiber.rank / shim::block_size.x % shim::block_size.y;
    fiber.index.z = fiber.rank / (shim::block_size.x * shim::block_size.y);
    warps[i / 32].lanes |= 1u << i % 32;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = stacks[i];
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
  }
}

// Resumes the lanes of a warp until each has returned or waits for other warps.
bool run_warp(std::size_t warp, bool falling) {
  const std::size_t start = warp * 32, count = std::min<std::size_t>(32, fibers.size() - start);
  bool any = false;
  for (bool progress = true; progress;) {
    progress = false;
    for (std::size_t i = 0; i < count && !message[0]; ++i) {
      Fiber& fiber = fibers[start + (falling ? count - 1 - i : i)];
      if (fiber.state != kReady) continue;
      resume(fiber);
      any = progress = true;
    }
  }
  return any;
}

// Each warp runs as far ahead of the others as barriers let it, the first one first in even blocks
// and the last one first in odd ones: a result that depends on an order that no barrier gives comes
// out wrong in one of them.
void run_block(bool falling) {
  while (done < fibers.size() && !message[0]) {
    bool progress = false;
    for (std::size_t w = 0; w < warps.size() && !message[0]; ++w)
      progress |= run_warp(falling ? warps.size() - 1 - w : w, falling);
    if (!progress && !message[0])
      shim::fail("deadlock: not all threads come to a barrier or to a warp operation");
  }
}

// Wide accesses to odd addresses and wild pointers end in a signal.
void on_signal(int number) {
  shim::fail(number == SIGFPE ? "integer division by zero" : "access to an invalid address");
  back();
}

class Signals {
 public:
  Signals() {
    stack_t other = {};
    other.ss_sp = memory;
    other.ss_size = sizeof memory;
    sigaltstack(&other, &stack);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < 3; ++i) sigaction(numbers[i], &action, &actions[i]);
  }
  ~Signals() {
    for (int i = 0; i < 3; ++i) sigaction(numbers[i], &actions[i], nullptr);
    sigaltstack(&stack, nullptr);
  }

 private:
  static constexpr int numbers[3] = {SIGSEGV, SIGBUS, SIGFPE};
  static unsigned char memory[64 * 1024];
  struct sigaction actions[3];
  stack_t stack;
};
unsigned char Signals::memory[64 * 1024];

}  // namespace

namespace shim {

uint3 thread_index, block_index, block_size, grid_size;
unsigned char* dynamic_shared;

void fail(const char* text) {
  if (!message[0]) {
    std::snprintf(message, sizeof message, "block (%u, %u, %u), thread (%u, %u, %u): %s",
                  block_index.x, block_index.y, block_index.z, thread_index.x, thread_index.y,
                  thread_index.z, text);
  }
}

unsigned lane() { return current->rank % 32; }

void block_barrier() {
  if (done) fail("__syncthreads after a thread of the block has returned");
  if (++at_barrier == fibers.size()) {
    at_barrier = 0;
    for (Fiber& fiber : fibers) fiber.state = kReady;
    return;
  }
  current->state = kAtBlockBarrier;
  wait_here();
}

void warp_barrier(unsigned mask) {
  Warp& warp = warps[current->rank / 32];
  const unsigned self = 1u << lane();
  if (!(mask & self)) fail("a warp operation's mask does not name the calling lane");
  if (mask & ~warp.lanes) fail("a warp operation's mask names lanes that do not exist");
  if (mask & warp.done) fail("a warp operation's mask names lanes that have returned");
  if (message[0]) back();
  current->mask = mask;
  warp.arrived |= self;
  if ((warp.arrived & mask) == mask) {
    warp.arrived &= ~mask;
    for (unsigned i = 0; i < 32; ++i) {
      if (!(mask >> i & 1)) continue;
      Fiber& fiber = fibers[current->rank / 32 * 32 + i];
      if (fiber.mask != mask) fail("lanes of one warp operation name different masks");
      fiber.state = kReady;
    }
    return;
  }
  current->state = kAtWarpBarrier;
  wait_here();
}

const Slot* publish(unsigned mask, const void* value, std::size_t size) {
  Warp& warp = warps[current->rank / 32];
  std::memcpy(warp.slots[lane()].bytes, value, size);
  warp_barrier(mask);
  return warp.slots;
}

}  // namespace shim

extern "C" {

// Read by AddressSanitizer when it is loaded, which is after the interpreter that loads this.
const char* __asan_default_options() {
  return "verify_asan_link_order=0:detect_leaks=0:halt_on_error=0:handle_segv=0:handle_sigbus=0:"
         "handle_sigfpe=0:suppress_equal_pcs=0:detect_stack_use_after_return=0:log_path=/dev/null";
}

const char* __ubsan_default_options() { return "print_stacktrace=0:halt_on_error=0"; }

void __ubsan_get_current_report_data(const char** kind, const char** text, const char** file,
                                     unsigned* line, unsigned* column, char** address)
    __attribute__((weak));

void __ubsan_on_report() {
  const char *kind = "undefined behaviour", *text = "", *file = "";
  unsigned line = 0, column = 0;
  char* address = nullptr;
  if (__ubsan_get_current_report_data)
    __ubsan_get_current_report_data(&kind, &text, &file, &line, &column, &address);
  char full[2048];
  std::snprintf(full, sizeof full, "%s:%u: %s: %s", file, line, kind, text);
  shim::fail(full);
}

static void on_asan_report(const char* text) { shim::fail(text); }

void shim_start() {
#ifdef SHIM_SANITIZED
  __asan_set_error_report_callback(on_asan_report);
#else
  (void)on_asan_report;
#endif
}

// `size` bytes whose address is `offset` above a multiple of 256, with poison on both sides.
unsigned char* shim_alloc(std::size_t size, std::size_t offset, void** block) {
  const std::size_t total = size + offset + 3 * kZone;
  unsigned char* base = static_cast<unsigned char*>(std::malloc(total));
  *block = base;
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(base) + kZone;
  const std::uintptr_t start = (first + 255) / 256 * 256 + offset;
  unsigned char* data = reinterpret_cast<unsigned char*>(start);
  std::memset(base, 0xFF, total);
  __asan_poison_memory_region(base, static_cast<std::size_t>(data - base));
  __asan_poison_memory_region(data + size, static_cast<std::size_t>(base + total - data - size));
  __asan_unpoison_memory_region(data, size);
  return data;
}

void shim_free(void* block, std::size_t size, std::size_t offset) {
  __asan_unpoison_memory_region(block, size + offset + 3 * kZone);
  std::free(block);
}

// Gives nullptr, or what went wrong first.
const char* shim_launch(void (*kernel)(void**), void** values, const unsigned* grid,
                        const unsigned* block, std::size_t shared) {
  message[0] = 0;
  body = kernel;
  arguments = values;
  shim::grid_size = {grid[0], grid[1], grid[2]};
  shim::block_size = {block[0], block[1], block[2]};
  const std::size_t count = std::size_t(block[0]) * block[1] * block[2];
  void* memory;
  Signals signals;
  shim::dynamic_shared = shim_alloc(shared, 0, &memory);
  for (unsigned z = 0; z < grid[2]; ++z)
    for (unsigned y = 0; y < grid[1]; ++y)
      for (unsigned x = 0; x < grid[0] && !message[0]; ++x) {
        shim::block_index = {x, y, z};
        // Shared memory starts with what the last block left: here, with NaN.
        std::memset(shim::dynamic_shared, 0xFF, shared);
        prepare(count);
        run_block((x + y + z) % 2 == 1);
      }
  abandoned = message[0];
  shim_free(memory, shared, 0);
  return message[0] ? message : nullptr;
}

}  // extern "C"
