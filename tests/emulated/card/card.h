// What the parts of the emulated card share. Entries of the CUDA interfaces hold `mutex` while they
// run, kernels included: the card does one thing at a time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define CARD_ENTRY extern "C" __attribute__((visibility("default")))
#define CARD_LOCK std::lock_guard<std::recursive_mutex> card_guard(card::mutex)

namespace card {

// Gives 0, or the error that every later call will give, too.
using Work = std::function<int()>;

struct Graph {
  std::vector<Work> works;
  bool broken = false;
};

struct Stream {
  bool non_blocking = false;
  int device = 0;
  std::deque<Work> queue;
  std::shared_ptr<Graph> capturing;
};

extern std::recursive_mutex mutex;
extern thread_local int device;

// From the environment, see settings.cpp.
constexpr int kMostCards = 16;
extern bool late, idle, trace;
extern int devices;
extern std::size_t memory_of_each;

// Counted since the process began: kernels and products, and times that the host waited.
extern long launches, waits;

// errors.cpp
int fail(int code, const std::string& what);
int broken();
int lasting(int code, const std::string& what);
std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));
void say(const std::string& what);

// streams.cpp
Stream* stream_of(void* handle);
int push(Stream* stream, Work work);
void step(Stream* stream);
void drain(Stream* stream);
void drain_all();
bool any_capture();
int refuse_capture(Stream* stream, const char* what);
void each_stream(const std::function<void(Stream*)>& visit);

// memory.cpp
bool on_a_card(const void* address);
bool pinned(const void* address);
int card_of(const void* address);
// Whether work on `device` may touch `address`; peers that were let in count.
bool reachable(const void* address, int device);
bool peers(int from, int to);

}  // namespace card
