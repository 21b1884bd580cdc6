// The gradients of attention on tensor cores. Shared memory has two stages, of two operands each: the
// next one is on its way while one is multiplied with. A stage is taken in slices, whose scores and
// slopes fit into registers.
#pragma once

#include "attention_flash.cuh"

#define BACKWARD OPERAND(grad), OPERAND(query), OPERAND(key), OPERAND(value), MASK
#define PASS_BACKWARD PASS(grad), PASS(query), PASS(key), PASS(value), PASS_MASK

constexpr int STAGE = HEAD <= 64 ? 64 : 32;

// Starts the copies of two operands' rows into a stage.
__device__ __forceinline__ void fetch_stage(scalar_t* to, const Rows& first, int first_columns,
                                            const Rows& second, int second_columns, int at,
                                            int rows) {
  fetch<STAGE>(to, first, at, rows, first_columns);
  fetch<STAGE>(to + STAGE * ROW, second, at, rows, second_columns);
}

// By powers of 2; 0 where nothing is seen, so that the weights are 0 and not NaN.
__device__ __forceinline__ float level_of(float logsumexp) {
  return logsumexp == -infinity() ? 0.0f : logsumexp * LOG2E;
}

template <int N>
__device__ __forceinline__ void flash_by_queries(BACKWARD, const acc_t* logsumexp,
                                                 const acc_t* inner_sum, scalar_t* by_query,
                                                 scalar_t* by_scores, SIZES) {
  constexpr int SLICE = HEAD <= 64 && !MASKED ? 16 : 32;
  SHARED_MEMORY(scalar_t, area);
  const index_t tiles = (queries + ROWS - 1) / ROWS;
#pragma unroll 1
  for (index_t work = blockIdx.x; work < tiles * batches; work += gridDim.x) {
    const int first = int(tiles - 1 - work % tiles) * ROWS;
    const index_t batch = work / tiles;
    const int own = first + int(threadIdx.x) / 32 * 16;
    const index_t place = batch * queries + own;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    Left<HEAD / 16> q_left, g_left;
    fetch_left(q_left, area, q, first, queries, features);
    fetch_left(g_left, area, g, first, queries, values);
    fetch_stage(area, k, features, v, values, 0, keys);
    float levels[2], inner_sums[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = Scope::row(half);
      const bool mine = own + row < queries;
      levels[half] = mine ? level_of(float(logsumexp[place + row])) : 0.0f;
      inner_sums[half] = mine ? float(inner_sum[place + row]) : 0.0f;
    }
    Tiles<HEAD / 8> sums;
    sums.clear();
    const int end = causal && first + ROWS < int(keys) ? first + ROWS : int(keys);
    int turn = 0;
#pragma unroll 1
    for (int at = 0; at < end; at += STAGE, turn ^= 1) {
      copies_wait();
      __syncthreads();
      if (at + STAGE < end)
        fetch_stage(area + (turn ^ 1) * 2 * STAGE * ROW, k, features, v, values, at + STAGE, keys);
#pragma unroll 1
      for (int part = 0; part < STAGE; part += SLICE) {
        if (causal && at + part > own + 15) break;
        const scalar_t* const k_rows = area + (turn * 2 * STAGE + part) * ROW;
        Tiles<SLICE / 8> scores, slopes;
        scores.clear();
        slopes.clear();
        q_left.times_rows(scores, k_rows);
        Scope(score, own, at + part, SLICE).apply(scores);
        g_left.times_rows(slopes, k_rows + STAGE * ROW);
#pragma unroll
        for (int n = 0; n < SLICE / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            scores.at[n][i] =
                exp2f(scores.at[n][i] - levels[i / 2]) * (slopes.at[n][i] - inner_sums[i / 2]);
        if (MASKED && by_scores)
          scores.each([&](int, int row, int column, float& d) {
            const int to = at + part + column;
            if (own + row < queries && to < keys)
              by_scores[(place + row) * keys + to] = narrow(acc_t(d));
          });
        Left<SLICE / 16> rounded;
        rounded.round(scores);
        rounded.times(sums, k_rows);
      }
    }
    const float factors[2] = {float(scale), float(scale)};
    store_rows(by_query + place * features, sums, int(queries) - own, features, factors);
  }
}

// A warp has 16 keys: products are transposed, so that their weights are left operands again.
template <int N>
__device__ __forceinline__ void flash_by_keys(BACKWARD, const acc_t* logsumexp,
                                              const acc_t* inner_sum, scalar_t* by_key,
                                              scalar_t* by_value, SIZES) {
  constexpr int SLICE = HEAD <= 64 ? 32 : 16;
  SHARED_MEMORY(scalar_t, area);
  __shared__ float levels[2][STAGE], inner_sums[2][STAGE];
  const index_t tiles = (keys + ROWS - 1) / ROWS;
#pragma unroll 1
  for (index_t work = blockIdx.x; work < tiles * batches; work += gridDim.x) {
    const int first = int(work % tiles) * ROWS;
    const index_t batch = work / tiles;
    const int own = first + int(threadIdx.x) / 32 * 16;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    Left<HEAD / 16> k_left, v_left;
    fetch_left(k_left, area, k, first, keys, features);
    fetch_left(v_left, area, v, first, keys, values);
    // A causal query sees keys up to its own place.
    const int start = causal ? first : 0, count = int(queries);
    const auto fetch_next = [&](int turn, int at) {
      fetch_stage(area + turn * 2 * STAGE * ROW, q, features, g, values, at, queries);
      if (threadIdx.x < STAGE) {
        const bool there = at + int(threadIdx.x) < count;
        const index_t place = there ? batch * queries + at + threadIdx.x : 0;
        // acc_t is float wherever this runs.
        copy_float_async(&levels[turn][threadIdx.x],
                         reinterpret_cast<const float*>(logsumexp + place), there);
        copy_float_async(&inner_sums[turn][threadIdx.x],
                         reinterpret_cast<const float*>(inner_sum + place), there);
      }
    };
    Tiles<HEAD / 8> of_keys, of_values;
    of_keys.clear();
    of_values.clear();
    if (start < count) fetch_next(0, start);
    int turn = 0;
#pragma unroll 1
    for (int at = start; at < count; at += STAGE, turn ^= 1) {
      copies_wait();
      __syncthreads();
      if (at + STAGE < count) fetch_next(turn ^ 1, at + STAGE);
#pragma unroll 1
      for (int part = 0; part < STAGE; part += SLICE) {
        if (causal && at + part + SLICE <= own) continue;
        const scalar_t* const q_rows = area + (turn * 2 * STAGE + part) * ROW;
        const scalar_t* const g_rows = q_rows + STAGE * ROW;
        Tiles<SLICE / 8> scores, slopes;
        scores.clear();
        slopes.clear();
        k_left.times_rows(scores, q_rows);
        Scope::transposed(score, at + part, own, SLICE).apply(scores);
        scores.each([&](int, int, int column, float& s) {
          s = exp2f(s - level_of(levels[turn][part + column]));
        });
        Left<SLICE / 16> rounded;
        rounded.round(scores);
        rounded.times(of_values, g_rows);
        v_left.times_rows(slopes, g_rows);
        slopes.each([&](int, int, int column, float& slope) {
          slope -= inner_sums[turn][part + column];
        });
#pragma unroll
        for (int n = 0; n < SLICE / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) scores.at[n][i] *= slopes.at[n][i];
        rounded.round(scores);
        rounded.times(of_keys, q_rows);
      }
    }
    const float once[2] = {1.0f, 1.0f}, factors[2] = {float(scale), float(scale)};
    const index_t place = batch * keys + own;
    store_rows(by_value + place * values, of_values, int(keys) - own, values, once);
    store_rows(by_key + place * features, of_keys, int(keys) - own, features, factors);
  }
}
