// Events: places in streams.
#include <chrono>

#include "card.h"

namespace card {
namespace {

struct Event {
  bool timing = true, recorded = false, reached = true;
  Stream* stream = nullptr;
  // Of the last record: work that waits for an earlier one has nothing to wait for.
  std::size_t number = 0;
  double time = 0;
};

using Known = std::shared_ptr<Event>;
Known& event_of(void* handle) { return *static_cast<Known*>(handle); }

double now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since).count();
}

// Runs the event's stream until it is there.
void reach(Event& event) {
  while (event.recorded && !event.reached && event.stream && !event.stream->queue.empty())
    step(event.stream);
}

}  // namespace
}  // namespace card

using namespace card;

CARD_ENTRY cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned flags) {
  auto made = std::make_shared<Event>();
  made->timing = !(flags & cudaEventDisableTiming);
  *out = reinterpret_cast<cudaEvent_t>(new Known(made));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaEventCreate(cudaEvent_t* out) {
  return cudaEventCreateWithFlags(out, 0);
}
CARD_ENTRY cudaError_t cudaEventDestroy(cudaEvent_t event) {
  CARD_LOCK;
  delete static_cast<Known*>(static_cast<void*>(event));
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
  CARD_LOCK;
  Known event = event_of(handle);
  event->recorded = true;
  event->reached = false;
  event->stream = stream_of(stream);
  const std::size_t number = ++event->number;
  return cudaError_t(push(event->stream, [=] {
    if (event->number == number) {
      event->reached = true;
      event->time = now();
    }
    return 0;
  }));
}
CARD_ENTRY cudaError_t cudaEventQuery(cudaEvent_t handle) {
  CARD_LOCK;
  Event& event = *event_of(handle);
  if (int code = broken()) return cudaError_t(code);
  if (!event.recorded || event.reached) return cudaSuccess;
  if (int code = refuse_capture(event.stream, "cudaEventQuery")) return cudaError_t(code);
  if (!event.stream->queue.empty()) step(event.stream);
  return cudaErrorNotReady;
}
CARD_ENTRY cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  CARD_LOCK;
  Event& event = *event_of(handle);
  if (event.recorded && !event.reached)
    if (int code = refuse_capture(event.stream, "cudaEventSynchronize")) return cudaError_t(code);
  ++waits;
  reach(event);
  return cudaError_t(broken());
}
CARD_ENTRY cudaError_t cudaEventElapsedTime(float* out, cudaEvent_t from, cudaEvent_t to) {
  CARD_LOCK;
  const Event &first = *event_of(from), &second = *event_of(to);
  if (!first.timing || !second.timing || !first.recorded || !second.recorded)
    return cudaError_t(
        fail(cudaErrorInvalidResourceHandle, "the time between events that have or are none"));
  if (!first.reached || !second.reached)
    return cudaError_t(fail(cudaErrorNotReady, "the time between events that are not reached"));
  *out = float(second.time - first.time);
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t of, unsigned) {
  CARD_LOCK;
  Known event = event_of(of);
  card::Stream* stream = stream_of(handle);
  // Waiting for an event of a captured stream takes part in the capture.
  if (event->recorded && !event->reached && event->stream->capturing && !stream->capturing)
    stream->capturing = event->stream->capturing;
  // Within a capture the order of recording is one that the graph's edges allow.
  if (stream->capturing) return cudaSuccess;
  const std::size_t number = event->number;
  return cudaError_t(push(stream, [=] {
    if (event->number == number) reach(*event);
    return 0;
  }));
}
