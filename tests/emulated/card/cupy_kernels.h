// CUDA C++ for a host compiler: enough for the kernels that CuPy writes, with CUDA's own headers.
// The project's sources have tests/cuda/shim instead.
#pragma once

#include <cuComplex.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <vector_functions.h>
#include <vector_types.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <tuple>
#include <type_traits>
#include <utility>

#undef __device__
#undef __host__
#undef __global__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __launch_bounds__
#undef __restrict__
#define __device__
#define __host__
#define __global__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
// Blocks run one after another, so one copy is enough.
#define __shared__ static
#define __CUDA_ARCH__ 900
#define __CUDACC_VER_MAJOR__ CARD_CUDA_MAJOR
#define __CUDACC_VER_MINOR__ 0

// As in tests/cuda/shim/runtime.h, but with CUDA's own uint3.
namespace shim {
struct Slot {
  alignas(16) unsigned char bytes[16];
};
extern ::uint3 thread_index, block_index, block_size, grid_size;
extern unsigned char* dynamic_shared;
void block_barrier();
void warp_barrier(unsigned mask);
const Slot* publish(unsigned mask, const void* value, std::size_t size);
unsigned lane();
}  // namespace shim

#define threadIdx (shim::thread_index)
#define blockIdx (shim::block_index)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)
#define warpSize 32

inline void __syncthreads() { shim::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { shim::warp_barrier(mask); }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T>
T card_exchange(unsigned mask, T value, unsigned from) {
  const shim::Slot* slots = shim::publish(mask, &value, sizeof(T));
  T out;
  memcpy(&out, slots[from & 31].bytes, sizeof(T));
  shim::warp_barrier(mask);
  return out;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned base = shim::lane() / width * width;
  return card_exchange(mask, value, base + unsigned(source) % width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const unsigned self = shim::lane(), from = self ^ unsigned(bits);
  return card_exchange(mask, value, from / width > self / width ? self : from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned self = shim::lane();
  return card_exchange(mask, value, self % width + delta < unsigned(width) ? self + delta : self);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned self = shim::lane();
  return card_exchange(mask, value, self % width >= delta ? self - delta : self);
}

// Threads change only at barriers, so plain arithmetic is atomic.
template <class T, class F>
T card_atomic(T* where, F changed) {
  const T old = *where;
  *where = changed(old);
  return old;
}
template <class T, class U>
T atomicAdd(T* where, U by) {
  return card_atomic(where, [&](T old) { return T(old + T(by)); });
}
template <class T, class U>
T atomicMax(T* where, U by) {
  return card_atomic(where, [&](T old) { return T(by) > old ? T(by) : old; });
}
template <class T, class U>
T atomicMin(T* where, U by) {
  return card_atomic(where, [&](T old) { return T(by) < old ? T(by) : old; });
}
template <class T, class U>
T atomicExch(T* where, U by) {
  return card_atomic(where, [&](T) { return T(by); });
}
template <class T, class U>
T atomicOr(T* where, U by) {
  return card_atomic(where, [&](T old) { return T(old | by); });
}
template <class T, class U>
T atomicAnd(T* where, U by) {
  return card_atomic(where, [&](T old) { return T(old & by); });
}
template <class T, class U, class V>
T atomicCAS(T* where, U expected, V by) {
  return card_atomic(where, [&](T old) { return old == T(expected) ? T(by) : old; });
}
template <class T>
T __ldg(const T* where) {
  return *where;
}

#include "cupy_math.h"
