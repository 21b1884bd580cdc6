// Launches: everything that a driver or a card would refuse is checked, and some things more.
#include "launches.h"

#include <cuda.h>

#include <cstdint>
#include <cstring>

using namespace card;

namespace {

struct Size {
  unsigned x, y, z;
};

// Of the arguments of the launch to come, as the overlay's `Function` tells them: 0 bytes where it
// does not know.
struct Given {
  int size;
  char kind;
};
thread_local std::vector<Given> given;
thread_local bool told = false;

// A copy of the arguments, and where each of them starts.
struct Arguments {
  std::vector<unsigned char> bytes;
  std::vector<void*> values;
};

std::string shape_fault(const Size& grid, const Size& block) {
  const bool empty = !grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z;
  const std::size_t threads = std::size_t(block.x) * block.y * block.z;
  if (!empty && grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 && threads <= 1024 &&
      block.z <= 64)
    return "";
  return text("grid (%u, %u, %u) of blocks (%u, %u, %u)", grid.x, grid.y, grid.z, block.x, block.y,
              block.z);
}

std::string argument_fault(const CardKernel& kernel) {
  if (!told) return "";
  if (int(given.size()) != kernel.count)
    return text("%zu arguments for %d parameters", given.size(), kernel.count);
  for (int i = 0; i < kernel.count; ++i) {
    const Given& one = given[i];
    const char kind = kernel.kinds[i];
    const bool number = kind == 'i' || kind == 'f';
    if (one.kind == 'a') {
      if (number) return text("parameter %d is a number and got an array", i);
      continue;
    }
    if (!one.size) continue;
    if (one.size < kernel.sizes[i])
      return text("parameter %d has %d bytes and got %d", i, kernel.sizes[i], one.size);
    if (number && one.kind != '0' && ((one.kind == 'f') != (kind == 'f') ||
                                      (kind == 'f' && one.size != kernel.sizes[i])))
      return text("parameter %d is %s of %d bytes and got %s of %d", i,
                  kind == 'f' ? "a float" : "an integer", kernel.sizes[i],
                  one.kind == 'f' ? "a float" : "an integer", one.size);
  }
  return "";
}

// Null pointers may be passed: whether they may be read is the kernel's affair.
std::string pointer_fault(const CardKernel& kernel, const std::vector<void*>& values, int index) {
  for (int i = 0; i < kernel.count; ++i) {
    if (kernel.kinds[i] != 'p' && kernel.kinds[i] != 'a') continue;
    void* address;
    std::memcpy(&address, values[i], sizeof address);
    if (!address || reachable(address, index)) continue;
    const int where = card_of(address);
    if (where >= 0)
      return text("parameter %d is memory of card %d, on card %d, which was not let in", i, where,
                  index);
    // An array without elements may point behind the last one of its memory.
    if (kernel.kinds[i] == 'a' || on_a_card(static_cast<char*>(address) - 1)) continue;
    return text("parameter %d, %p, is no card's memory", i, address);
  }
  return "";
}

std::shared_ptr<Arguments> taken(const CardKernel& kernel, void** from) {
  constexpr std::size_t kAlign = 16;
  auto out = std::make_shared<Arguments>();
  std::size_t total = kAlign;
  for (int i = 0; i < kernel.count; ++i) total += (kernel.sizes[i] + kAlign - 1) / kAlign * kAlign;
  out->bytes.resize(total);
  auto at = (reinterpret_cast<std::uintptr_t>(out->bytes.data()) + kAlign - 1) / kAlign * kAlign;
  for (int i = 0; i < kernel.count; ++i) {
    void* place = reinterpret_cast<void*>(at);
    std::memcpy(place, from[i], kernel.sizes[i]);
    out->values.push_back(place);
    at += (kernel.sizes[i] + kAlign - 1) / kAlign * kAlign;
  }
  return out;
}

int launch(Function* function, Size grid, Size block, unsigned shared, card::Stream* stream,
           void** arguments) {
  const CardKernel& kernel = *function->kernel;
  const char* name = function->name.c_str();
  ++launches;
  say(text("%s grid (%u, %u, %u) block (%u, %u, %u) shared %u", name, grid.x, grid.y, grid.z,
           block.x, block.y, block.z, shared));
  std::string fault = argument_fault(kernel);
  told = false;
  if (fault.empty()) fault = shape_fault(grid, block);
  if (fault.empty() && int(shared) > function->shared_limit)
    fault = text("%u bytes of dynamic shared memory, where %d are allowed", shared,
                 function->shared_limit);
  if (!fault.empty()) return fail(cudaErrorInvalidValue, text("kernel %s: %s", name, fault.c_str()));
  if (function->device != device || stream->device != device)
    return fail(cudaErrorInvalidResourceHandle,
                text("kernel %s of card %d on a stream of card %d, while card %d is current", name,
                     function->device, stream->device, device));
  auto held = taken(kernel, arguments);
  fault = pointer_fault(kernel, held->values, device);
  if (!fault.empty())
    return lasting(cudaErrorIllegalAddress, text("kernel %s: %s", name, fault.c_str()));
  if (idle) return 0;
  return push(stream, [=] {
    const unsigned grids[3] = {grid.x, grid.y, grid.z}, blocks[3] = {block.x, block.y, block.z};
    // A graph may be launched long after its memory was freed.
    const std::string freed = pointer_fault(*function->kernel, held->values, function->device);
    if (!freed.empty())
      return lasting(cudaErrorIllegalAddress,
                     text("kernel %s: %s", function->name.c_str(), freed.c_str()));
    const char* wrong = run_kernel(*function->kernel, held->values.data(), grids, blocks, shared);
    if (!wrong) return 0;
    return lasting(cudaErrorLaunchFailure, text("kernel %s: %s", function->name.c_str(), wrong));
  });
}

}  // namespace

// From the overlay's `Function`, for each argument of the launch that follows in this thread.
CARD_ENTRY void card_arguments_begin() {
  given.clear();
  told = true;
}
CARD_ENTRY void card_argument(int size, int kind) { given.push_back({size, char(kind)}); }

CARD_ENTRY CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                   unsigned grid_z, unsigned block_x, unsigned block_y,
                                   unsigned block_z, unsigned shared, CUstream stream,
                                   void** arguments, void**) {
  CARD_LOCK;
  return CUresult(launch(reinterpret_cast<Function*>(function), {grid_x, grid_y, grid_z},
                         {block_x, block_y, block_z}, shared, stream_of(stream), arguments));
}
CARD_ENTRY CUresult cuFuncGetAttribute(int* out, CUfunction_attribute which, CUfunction function) {
  *out = 0;
  if (which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) *out = 1024;
  if (which == CU_FUNC_ATTRIBUTE_NUM_REGS) *out = 32;
  if (which == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    *out = reinterpret_cast<Function*>(function)->shared_limit;
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute which, int value) {
  CARD_LOCK;
  if (which != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_SUCCESS;
  if (value < 0 || value > kSharedAtMost)
    return CUresult(fail(CUDA_ERROR_INVALID_VALUE,
                         text("%d bytes of shared memory, of at most %d", value, kSharedAtMost)));
  reinterpret_cast<Function*>(function)->shared_limit = value;
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* out, CUfunction, int,
                                                                std::size_t) {
  *out = 2;
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction,
                                                     CUoccupancyB2DSize, std::size_t, int) {
  *grid = 8;
  *block = 256;
  return CUDA_SUCCESS;
}
