// Capturing a stream's work in a graph, and launching it.
#include "card.h"

using namespace card;
using Held = std::shared_ptr<card::Graph>;

namespace {
Held& graph_of(void* handle) { return *static_cast<Held*>(handle); }
}  // namespace

CARD_ENTRY cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode) {
  CARD_LOCK;
  if (!handle)
    return cudaError_t(
        fail(cudaErrorStreamCaptureUnsupported, "a capture of the default stream was begun"));
  card::Stream* stream = stream_of(handle);
  if (stream->capturing)
    return cudaError_t(fail(cudaErrorIllegalState, "the stream is captured already"));
  stream->capturing = std::make_shared<card::Graph>();
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* out) {
  CARD_LOCK;
  Held made = stream_of(handle)->capturing;
  *out = nullptr;
  if (!made) return cudaError_t(fail(cudaErrorIllegalState, "the stream is not captured"));
  each_stream([&](card::Stream* one) {
    if (one->capturing == made) one->capturing = nullptr;
  });
  if (made->broken)
    return cudaError_t(
        fail(cudaErrorStreamCaptureInvalidated, "a call that a capture forbids ended it before"));
  *out = reinterpret_cast<cudaGraph_t>(new Held(made));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* out) {
  CARD_LOCK;
  const Held& made = stream_of(stream)->capturing;
  *out = !made          ? cudaStreamCaptureStatusNone
         : made->broken ? cudaStreamCaptureStatusInvalidated
                        : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph,
                                            unsigned long long) {
  CARD_LOCK;
  *out = reinterpret_cast<cudaGraphExec_t>(new Held(graph_of(graph)));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  CARD_LOCK;
  delete static_cast<Held*>(static_cast<void*>(graph));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  CARD_LOCK;
  delete static_cast<Held*>(static_cast<void*>(graph));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
CARD_ENTRY cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  CARD_LOCK;
  Held made = graph_of(graph);
  return cudaError_t(push(stream_of(stream), [made] {
    for (const Work& work : made->works)
      if (int code = work()) return code;
    return 0;
  }));
}
