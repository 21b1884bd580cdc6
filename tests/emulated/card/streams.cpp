// Streams: queues that run at once, or with DLF_CARD_LATE only when somebody waits for them.
#include "card.h"

namespace card {
namespace {

// As many as a card's queue holds; the host then waits for the first.
constexpr std::size_t kQueue = 1024;
std::set<Stream*> streams;

Stream* default_stream(int index) {
  static Stream made[kMostCards];
  made[index].device = index;
  return &made[index];
}

bool is_default(const Stream* stream) { return stream == default_stream(stream->device); }

}  // namespace

Stream* stream_of(void* handle) {
  if (!handle || handle == cudaStreamLegacy || handle == cudaStreamPerThread)
    return default_stream(device);
  return static_cast<Stream*>(handle);
}

void each_stream(const std::function<void(Stream*)>& visit) {
  for (int i = 0; i < devices; ++i) visit(default_stream(i));
  for (Stream* one : streams) visit(one);
}

void step(Stream* stream) {
  Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  // After a fault a card runs nothing.
  if (!broken()) work();
}

void drain(Stream* stream) {
  while (!stream->queue.empty()) step(stream);
}

void drain_all() { each_stream(drain); }

bool any_capture() {
  for (Stream* one : streams)
    if (one->capturing) return true;
  return false;
}

int refuse_capture(Stream* stream, const char* what) {
  if (!stream->capturing) return 0;
  stream->capturing->broken = true;
  return fail(cudaErrorStreamCaptureUnsupported, text("%s while the stream is captured", what));
}

int push(Stream* stream, Work work) {
  if (int code = broken()) return code;
  if (stream->capturing) {
    stream->capturing->works.push_back(std::move(work));
    return 0;
  }
  // The default stream comes after what blocking streams have, and these after what it has.
  if (is_default(stream)) {
    for (Stream* one : streams) {
      if (one->non_blocking || one->device != stream->device) continue;
      if (one->capturing) {
        one->capturing->broken = true;
        return fail(cudaErrorStreamCaptureImplicit,
                    "work on the default stream while a blocking stream is captured");
      }
      drain(one);
    }
  } else if (!stream->non_blocking) {
    drain(default_stream(stream->device));
  }
  if (!late) return work();
  stream->queue.push_back(std::move(work));
  if (stream->queue.size() > kQueue) step(stream);
  return 0;
}

}  // namespace card

using namespace card;

CARD_ENTRY cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned flags) {
  CARD_LOCK;
  auto* made = new card::Stream;
  made->non_blocking = flags & cudaStreamNonBlocking;
  made->device = device;
  streams.insert(made);
  *out = reinterpret_cast<cudaStream_t>(made);
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamCreate(cudaStream_t* out) {
  return cudaStreamCreateWithFlags(out, 0);
}
CARD_ENTRY cudaError_t cudaStreamCreateWithPriority(cudaStream_t* out, unsigned flags, int) {
  return cudaStreamCreateWithFlags(out, flags);
}
CARD_ENTRY cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* out) {
  *out = stream_of(stream)->non_blocking;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamGetPriority(cudaStream_t, int* out) {
  *out = 0;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  CARD_LOCK;
  // What is queued is still done; the handle stays valid memory for events that name it.
  drain(stream_of(stream));
  streams.erase(stream_of(stream));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  CARD_LOCK;
  card::Stream* stream = stream_of(handle);
  if (int code = refuse_capture(stream, "cudaStreamSynchronize")) return cudaError_t(code);
  ++waits;
  if (is_default(stream)) {
    for (card::Stream* one : streams)
      if (!one->non_blocking && one->device == stream->device) drain(one);
  }
  drain(stream);
  return cudaError_t(broken());
}
CARD_ENTRY cudaError_t cudaStreamQuery(cudaStream_t handle) {
  CARD_LOCK;
  card::Stream* stream = stream_of(handle);
  if (int code = refuse_capture(stream, "cudaStreamQuery")) return cudaError_t(code);
  if (int code = broken()) return cudaError_t(code);
  if (stream->queue.empty()) return cudaSuccess;
  // Who asks again and again will see the end.
  step(stream);
  return cudaErrorNotReady;
}
CARD_ENTRY cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t call, void* data) {
  CARD_LOCK;
  return cudaError_t(push(stream_of(stream), [=] {
    call(data);
    return 0;
  }));
}
CARD_ENTRY cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t call,
                                             void* data, unsigned) {
  CARD_LOCK;
  if (int code = refuse_capture(stream_of(stream), "cudaStreamAddCallback"))
    return cudaError_t(code);
  return cudaError_t(push(stream_of(stream), [=] {
    call(stream, cudaSuccess, data);
    return 0;
  }));
}
// For what is emulated in other libraries: queues `call(data)`.
CARD_ENTRY int card_push(void* stream, int (*call)(void*), void* data) {
  CARD_LOCK;
  return push(stream_of(stream), [=] { return call(data); });
}
CARD_ENTRY int card_is_idle() { return idle; }
CARD_ENTRY void card_count_launch(const char* name) {
  ++launches;
  say(name);
}
