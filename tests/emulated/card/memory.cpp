// Memory of the cards and pinned memory of the host. What nobody has written yet is NaN.
#include <cstdlib>
#include <cstring>
#include <map>

#include "card.h"

namespace card {
namespace {

struct Piece {
  std::size_t size;
  int device;
};

constexpr std::size_t kAlign = 512;
std::map<const char*, Piece> pieces, host;
std::map<int, std::size_t> used;
std::set<std::pair<int, int>> let_in;

const Piece* find(const std::map<const char*, Piece>& among, const void* address) {
  const char* at = static_cast<const char*>(address);
  auto next = among.upper_bound(at);
  if (next == among.begin()) return nullptr;
  --next;
  return at < next->first + next->second.size ? &next->second : nullptr;
}

void* fresh(std::size_t size) {
  void* made = nullptr;
  if (posix_memalign(&made, kAlign, size)) return nullptr;
  return std::memset(made, 0xFF, size);
}

}  // namespace

bool on_a_card(const void* address) { return find(pieces, address); }
bool pinned(const void* address) { return find(host, address); }
int card_of(const void* address) {
  const Piece* found = find(pieces, address);
  return found ? found->device : -1;
}
bool peers(int from, int to) { return from == to || let_in.count({from, to}); }
bool reachable(const void* address, int index) {
  const int where = card_of(address);
  return where < 0 ? pinned(address) : peers(index, where);
}

}  // namespace card

using namespace card;

CARD_ENTRY cudaError_t cudaMalloc(void** out, std::size_t size) {
  CARD_LOCK;
  *out = nullptr;
  if (int code = broken()) return cudaError_t(code);
  if (used[device] + size > memory_of_each)
    return cudaError_t(fail(cudaErrorMemoryAllocation,
                            text("%zu bytes, where %zu of %zu are free", size,
                                 memory_of_each - used[device], memory_of_each)));
  void* made = fresh(size ? size : 1);
  if (!made) return cudaError_t(fail(cudaErrorMemoryAllocation, "the host has no memory left"));
  pieces[static_cast<char*>(made)] = {size, device};
  used[device] += size;
  *out = made;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaFree(void* given) {
  CARD_LOCK;
  if (!given) return cudaSuccess;
  // A card waits for its work here, other than for what is captured.
  drain_all();
  auto found = pieces.find(static_cast<char*>(given));
  if (found == pieces.end())
    return cudaError_t(fail(cudaErrorInvalidValue, text("cudaFree of %p, no card's", given)));
  used[found->second.device] -= found->second.size;
  std::memset(given, 0xFF, found->second.size);
  pieces.erase(found);
  std::free(given);
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaHostAlloc(void** out, std::size_t size, unsigned) {
  CARD_LOCK;
  *out = fresh(size ? size : 1);
  if (!*out) return cudaError_t(fail(cudaErrorMemoryAllocation, "the host has no memory left"));
  host[static_cast<char*>(*out)] = {size ? size : 1, -1};
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaFreeHost(void* given) {
  CARD_LOCK;
  drain_all();
  if (given && !host.erase(static_cast<char*>(given)))
    return cudaError_t(fail(cudaErrorInvalidValue, "cudaFreeHost of memory that is not pinned"));
  std::free(given);
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaHostRegister(void* given, std::size_t size, unsigned) {
  CARD_LOCK;
  host[static_cast<char*>(given)] = {size, -1};
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaHostUnregister(void* given) {
  CARD_LOCK;
  drain_all();
  host.erase(static_cast<char*>(given));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  CARD_LOCK;
  *free_bytes = memory_of_each - used[device];
  *total = memory_of_each;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* out, const void* address) {
  CARD_LOCK;
  *out = cudaPointerAttributes();
  void* same = const_cast<void*>(address);
  if (on_a_card(address)) {
    out->type = cudaMemoryTypeDevice;
    out->device = card_of(address);
    out->devicePointer = same;
  } else if (pinned(address)) {
    out->type = cudaMemoryTypeHost;
    out->devicePointer = out->hostPointer = same;
  } else {
    out->type = cudaMemoryTypeUnregistered;
    out->device = -2;
    out->hostPointer = same;
  }
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceCanAccessPeer(int* out, int from, int to) {
  *out = from != to;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceEnablePeerAccess(int other, unsigned) {
  CARD_LOCK;
  if (other < 0 || other >= devices || other == device)
    return cudaError_t(fail(cudaErrorInvalidDevice, text("card %d as a peer", other)));
  if (!let_in.insert({device, other}).second)
    return cudaError_t(fail(cudaErrorPeerAccessAlreadyEnabled, "peer access is enabled already"));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceDisablePeerAccess(int other) {
  CARD_LOCK;
  let_in.erase({device, other});
  return cudaSuccess;
}
// For what is emulated in other libraries: whether all of these bytes are a card's or pinned.
CARD_ENTRY int card_on_card(const void* address, long long bytes) {
  CARD_LOCK;
  const Piece* found = find(pieces, address);
  if (!found) return pinned(address);
  const char* last = static_cast<const char*>(address) + bytes - 1;
  return find(pieces, last) == found;
}
