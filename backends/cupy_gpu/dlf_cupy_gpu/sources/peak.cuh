// Maximum and sum of exponentials of a row in one pass (Milakov and Gimelshein, 2018).
#pragma once

#include "reduce.cuh"

// The maximum of some values, and the sum of exp(value - maximum).
struct Peak {
  acc_t top, sum;
  static __device__ __forceinline__ Peak empty() { return {-infinity(), acc_t(0)}; }
  __device__ __forceinline__ Peak merge(Peak o) const {
    const acc_t high = fmax(top, o.top);
    // Where all is -infinity, the difference of the two would be NaN.
    if (high == -infinity()) return {high, sum + o.sum};
    return {high, sum * exp_of(top - high) + o.sum * exp_of(o.top - high)};
  }
  __device__ __forceinline__ Peak lane(int bits) const {
    return {__shfl_xor_sync(FULL_WARP, top, bits), __shfl_xor_sync(FULL_WARP, sum, bits)};
  }
};

template <int N>
__device__ __forceinline__ void add_pack(Peak& peak, const Pack<N>& pack) {
  acc_t high = peak.top;
#pragma unroll
  for (int k = 0; k < N; ++k) high = fmax(high, wide(pack.at[k]));
  if (high > peak.top) peak.sum *= exp_of(peak.top - high);
  peak.top = high;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const acc_t x = wide(pack.at[k]);
    peak.sum += x == -infinity() ? acc_t(0) : exp_of(x - high);
  }
}
