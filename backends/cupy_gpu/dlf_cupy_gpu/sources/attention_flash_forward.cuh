// The forward pass of attention on tensor cores. Shared memory has a tile of keys and one of values:
// while one is multiplied with, the other is on its way.
#pragma once

#include "attention_flash.cuh"

// Weights of scores as they come by: maximum and sum of exponentials of a thread's two rows. Both
// are by powers of 2; `total` is the thread's own part.
struct Weights {
  float top[2], total[2];

  __device__ __forceinline__ Weights()
      : top{float(-infinity()), float(-infinity())}, total{0.0f, 0.0f} {}

  // Turns scores into weights, and gives the factors for what was summed up before.
  template <int N>
  __device__ __forceinline__ void take(Tiles<N>& scores, float (&factors)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float high = top[half];
#pragma unroll
      for (int n = 0; n < N; ++n)
        high = fmaxf(high, fmaxf(scores.at[n][2 * half], scores.at[n][2 * half + 1]));
      high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, 1));
      high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, 2));
      // Where nothing is seen yet the weights are 0, not NaN.
      const float shift = high == -infinity() ? 0.0f : high;
      factors[half] = exp2f(top[half] - shift);
      top[half] = high;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores.at[n][i] = exp2f(scores.at[n][i] - shift);
          sum += scores.at[n][i];
        }
      total[half] = total[half] * factors[half] + sum;
    }
  }
  __device__ __forceinline__ float whole(int half) const {
    float sum = total[half];
    sum += __shfl_xor_sync(FULL_WARP, sum, 1);
    return sum + __shfl_xor_sync(FULL_WARP, sum, 2);
  }
};

template <int N>
__device__ __forceinline__ void flash_forward(OPERAND(query), OPERAND(key), OPERAND(value), MASK,
                                              scalar_t* result, acc_t* logsumexp, SIZES) {
  constexpr int KEYS = HEAD <= 128 ? 64 : 32;
  SHARED_MEMORY(scalar_t, area);
  scalar_t *const k_tile = area, *const v_tile = area + KEYS * ROW;
  const index_t tiles = (queries + ROWS - 1) / ROWS;
#pragma unroll 1
  for (index_t work = blockIdx.x; work < tiles * batches; work += gridDim.x) {
    // The last queries see the most keys: those go first.
    const int first = int(tiles - 1 - work % tiles) * ROWS;
    const index_t batch = work / tiles;
    const int own = first + int(threadIdx.x) / 32 * 16;
    const Rows q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    Left<HEAD / 16> left;
    fetch_left(left, area, q, first, queries, features);
    fetch<KEYS>(k_tile, k, 0, keys, features);
    Tiles<HEAD / 8> sums;
    sums.clear();
    Weights weights;
    const int end = causal && first + ROWS < int(keys) ? first + ROWS : int(keys);
#pragma unroll 1
    for (int at = 0; at < end; at += KEYS) {
      copies_wait();
      __syncthreads();
      fetch<KEYS>(v_tile, v, at, keys, values);
      // Whether any of the warp's queries sees these keys.
      const bool seen = !causal || at < own + 16;
      Left<KEYS / 16> rounded;
      if (seen) {
        Tiles<KEYS / 8> scores;
        scores.clear();
        left.times_rows(scores, k_tile);
        Scope(score, own, at, KEYS).apply(scores);
        float factors[2];
        weights.take(scores, factors);
        sums.each([&](int half, int, int, float& sum) { sum *= factors[half]; });
        rounded.round(scores);
      }
      copies_wait();
      __syncthreads();
      if (at + KEYS < end) fetch<KEYS>(k_tile, k, at + KEYS, keys, features);
      if (seen) rounded.times(sums, v_tile);
    }
    const float all[2] = {weights.whole(0), weights.whole(1)};
    const float factors[2] = {all[0] == 0 ? 0 : 1 / all[0], all[1] == 0 ? 0 : 1 / all[1]};
    const index_t place = batch * queries + own;
    store_rows(result + place * values, sums, int(queries) - own, values, factors);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = threadIdx.x % 32 / 4 + 8 * half;
      if (threadIdx.x % 4 || own + row >= queries) continue;
      const float top = weights.top[half];
      const float level = top == infinity() ? top : (top + log2f(all[half])) / LOG2E;
      logsumexp[place + row] = acc_t(level);
    }
  }
}
