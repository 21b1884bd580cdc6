// Reductions by a team of threads: the threads with one threadIdx.y, which are one warp
// (blockDim.x = 32) or the whole block (blockDim.x a multiple of 32, blockDim.y = 1).
#pragma once

#include "common.cuh"

// What is reduced: a value with `empty` and `merge`, and the exchange of one with another lane.
struct Sum {
  acc_t value;
  static __device__ __forceinline__ Sum empty() { return {acc_t(0)}; }
  __device__ __forceinline__ Sum merge(Sum o) const { return {value + o.value}; }
  __device__ __forceinline__ Sum lane(int bits) const {
    return {__shfl_xor_sync(FULL_WARP, value, bits)};
  }
};

struct TwoSums {
  acc_t first, second;
  static __device__ __forceinline__ TwoSums empty() { return {acc_t(0), acc_t(0)}; }
  __device__ __forceinline__ TwoSums merge(TwoSums o) const {
    return {first + o.first, second + o.second};
  }
  __device__ __forceinline__ TwoSums lane(int bits) const {
    return {__shfl_xor_sync(FULL_WARP, first, bits), __shfl_xor_sync(FULL_WARP, second, bits)};
  }
};

// Every thread of the team gets the result, and must call it.
template <class V>
__device__ __forceinline__ V team_reduce(V v) {
#pragma unroll
  for (int bits = 16; bits; bits >>= 1) v = v.merge(v.lane(bits));
  if (blockDim.x == 32) return v;
  __shared__ V slots[32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  __syncthreads();  // The slots may still be read for the reduction before this one.
  if (lane == 0) slots[warp] = v;
  __syncthreads();
  v = lane < blockDim.x / 32 ? slots[lane] : V::empty();
#pragma unroll
  for (int bits = 16; bits; bits >>= 1) v = v.merge(v.lane(bits));
  return v;
}
