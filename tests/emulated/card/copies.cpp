// Copies and fills, in the order of their streams.
#include <cstring>

#include "card.h"

using namespace card;

namespace {

const char* const kKinds[] = {"host to host", "host to card", "card to host", "card to card"};

int wrong(const void* to, const void* from, int kind) {
  const bool to_card = on_a_card(to), from_card = on_a_card(from);
  const bool asked[2] = {kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice,
                         kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice};
  if (kind == cudaMemcpyDefault || (to_card == asked[0] && from_card == asked[1])) return 0;
  return fail(cudaErrorInvalidValue, text("a copy %s to %p from %p, which are not there",
                                          kKinds[kind], to, from));
}

Work copying(void* to, const void* from, std::size_t size) {
  return [=] {
    if (!idle) std::memcpy(to, from, size);
    return 0;
  };
}

int copy(void* to, const void* from, std::size_t size, int kind, card::Stream* stream) {
  if (!size) return 0;
  if (int code = wrong(to, from, kind)) return code;
  say(text("copy of %zu bytes", size));
  const bool from_pageable = !on_a_card(from) && !pinned(from);
  const bool to_pageable = !on_a_card(to) && !pinned(to);
  if (from_pageable || to_pageable)
    if (int code = refuse_capture(stream, "a copy of pageable memory")) return code;
  if (from_pageable) {
    // The driver takes the bytes before it returns.
    const char* bytes = static_cast<const char*>(from);
    auto taken = std::make_shared<std::vector<char>>(bytes, bytes + size);
    return push(stream, [=] {
      std::memcpy(to, taken->data(), size);
      return 0;
    });
  }
  const int code = push(stream, copying(to, from, size));
  if (to_pageable) {
    ++waits;
    drain(stream);
    return code ? code : broken();
  }
  return code;
}

}  // namespace

CARD_ENTRY cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size,
                                       cudaMemcpyKind kind, cudaStream_t stream) {
  CARD_LOCK;
  return cudaError_t(copy(to, from, size, kind, stream_of(stream)));
}
CARD_ENTRY cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size,
                                  cudaMemcpyKind kind) {
  CARD_LOCK;
  card::Stream* stream = stream_of(nullptr);
  if (int code = copy(to, from, size, kind, stream)) return cudaError_t(code);
  ++waits;
  drain(stream);
  return cudaError_t(broken());
}
CARD_ENTRY cudaError_t cudaMemcpyPeerAsync(void* to, int to_card, const void* from, int from_card,
                                           std::size_t size, cudaStream_t stream) {
  CARD_LOCK;
  if (size && (card_of(to) != to_card || card_of(from) != from_card))
    return cudaError_t(fail(cudaErrorInvalidValue,
                            text("a copy to card %d from card %d of memory of cards %d and %d",
                                 to_card, from_card, card_of(to), card_of(from))));
  say(text("copy of %zu bytes between cards", size));
  return cudaError_t(push(stream_of(stream), copying(to, from, size)));
}
CARD_ENTRY cudaError_t cudaMemcpyPeer(void* to, int to_card, const void* from, int from_card,
                                      std::size_t size) {
  CARD_LOCK;
  drain_all();
  return cudaMemcpyPeerAsync(to, to_card, from, from_card, size, nullptr);
}
CARD_ENTRY cudaError_t cudaMemsetAsync(void* to, int value, std::size_t size,
                                       cudaStream_t stream) {
  CARD_LOCK;
  if (size && !on_a_card(to))
    return cudaError_t(fail(cudaErrorInvalidValue, text("a fill of %p, no card's memory", to)));
  return cudaError_t(push(stream_of(stream), [=] {
    std::memset(to, value, size);
    return 0;
  }));
}
CARD_ENTRY cudaError_t cudaMemset(void* to, int value, std::size_t size) {
  return cudaMemsetAsync(to, value, size, nullptr);
}
