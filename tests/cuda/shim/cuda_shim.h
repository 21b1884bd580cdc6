// CUDA C++ for a host compiler: enough for the sources of dlf_cupy_gpu, for tests only.
//
// The sources are included once a dtype inside a namespace of that dtype's name; this header comes
// before them and has all standard includes.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "runtime.h"

#define DLF_HOST 1
#define KERNEL static void
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __align__(n) alignas(n)
#define __launch_bounds__(...)
// Blocks run one after another, so one copy is enough.
#define __shared__ static
#define SHARED_MEMORY(type, name) type* const name = reinterpret_cast<type*>(shim::dynamic_shared)

#define threadIdx (shim::thread_index)
#define blockIdx (shim::block_index)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)
#define warpSize 32

inline void __syncthreads() { shim::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { shim::warp_barrier(mask); }
inline void __threadfence() {}

template <class T>
T shim_exchange(unsigned mask, T value, unsigned from) {
  const shim::Slot* slots = shim::publish(mask, &value, sizeof(T));
  if (from > 31 || !(mask >> from & 1)) shim::fail("a lane outside of the mask is read");
  T out;
  memcpy(&out, slots[from & 31].bytes, sizeof(T));
  shim::warp_barrier(mask);
  return out;
}

// `width` splits the warp into segments, as on a card; lanes that would leave theirs read themselves.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned base = shim::lane() / width * width;
  return shim_exchange(mask, value, base + unsigned(source) % width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const unsigned self = shim::lane(), from = self ^ unsigned(bits);
  return shim_exchange(mask, value, from / width > self / width ? self : from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned self = shim::lane();
  return shim_exchange(mask, value, self % width + delta < unsigned(width) ? self + delta : self);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned self = shim::lane();
  return shim_exchange(mask, value, self % width >= delta ? self - delta : self);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const int flag = predicate != 0;
  const shim::Slot* slots = shim::publish(mask, &flag, sizeof flag);
  unsigned out = 0;
  for (unsigned i = 0; i < 32; ++i) {
    int there = 0;
    if (mask >> i & 1) memcpy(&there, slots[i].bytes, sizeof there);
    out |= unsigned(there) << i;
  }
  shim::warp_barrier(mask);
  return out;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}

// Copies that each thread of the block has started and not waited for.
struct shim_copy {
  void* to;
  const void* from;
  unsigned size;
};
inline std::vector<shim_copy> shim_copies[1024];
inline unsigned shim_rank() {
  const uint3 at = shim::thread_index, size = shim::block_size;
  return at.x + size.x * (at.y + size.y * at.z);
}

// Threads change only at barriers, so plain arithmetic is atomic.
template <class T>
T atomicAdd(T* where, T value) {
  const T old = *where;
  *where = old + value;
  return old;
}
template <class T>
T atomicMax(T* where, T value) {
  const T old = *where;
  if (value > old) *where = value;
  return old;
}
template <class T>
T atomicCAS(T* where, T compare, T value) {
  const T old = *where;
  if (old == compare) *where = value;
  return old;
}
template <class T>
T __ldg(const T* where) {
  return *where;
}

template <class T>
void __stwb(T* where, T value) {
  *where = value;
}

inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return unsigned(uint64_t(a) * uint64_t(b) >> 32);
}
inline unsigned __float_as_uint(float f) {
  unsigned u;
  memcpy(&u, &f, 4);
  return u;
}
inline float __uint_as_float(unsigned u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}
template <class T>
T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
  return a < b ? b : a;
}

// For each kernel: a function that calls it with arguments behind pointers, and its parameters, a
// letter each: p and the size of what it points to, i an int, q a 64-bit one, f float, d double.
template <class T>
constexpr char shim_kind() {
  if (std::is_pointer<T>::value) return char('0' + sizeof(std::remove_pointer_t<T>));
  if (std::is_floating_point<T>::value) return sizeof(T) == 8 ? 'd' : 'f';
  return sizeof(T) == 8 ? 'q' : sizeof(T) == 4 ? 'i' : sizeof(T) == 1 ? 'b' : '?';
}
template <class... A, size_t... I>
void shim_apply(void (*kernel)(A...), void** values, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_cv_t<A>*>(values[I])...);
}
template <class... A>
void shim_call(void (*kernel)(A...), void** values) {
  shim_apply(kernel, values, std::index_sequence_for<A...>());
}
template <class... A>
const char* shim_parameters(void (*)(A...)) {
  static const char kinds[] = {shim_kind<std::remove_cv_t<A>>()..., 0};
  return kinds;
}
#define SHIM_EXPORT(space, name)                                                         \
  extern "C" void space##_##name(void** values) { shim_call(space::name, values); }      \
  extern "C" const char* space##_##name##_parameters() { return shim_parameters(space::name); }
