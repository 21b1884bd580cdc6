// What attention on tensor cores shares (Dao, 2023): eight warps with 16 rows each, of which the
// operands, the scores and the sums stay in registers; the other operands come to shared memory by
// copies that run beside the products.
#pragma once

#include "attention.cuh"

// Whether a launch keeps to what these kernels can do: fewer than 2**30 rows of HEAD columns at most.
// The launcher says so for the `wide` entries of the two short types.
#ifndef FLASH
#define FLASH 0
#endif
constexpr bool TENSOR_ATTENTION = TENSOR && FLASH;
// Whether there is a mask: reading it takes registers.
#ifndef MASKED
#define MASKED 1
#endif

// Rows of a block, and elements between two rows in shared memory: eight neighbours start in
// different banks.
constexpr int ROWS = 128, ROW = HEAD + WIDTH;
constexpr float LOG2E = 1.44269504088896340736f;

// Sums of one warp: 16 by 8 * N, as mma.m16n8k16 has them.
template <int N>
struct Tiles {
  float at[N][4];
  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) at[n][i] = 0;
  }
  // f(which of the thread's two rows, row, column, sum).
  template <class F>
  __device__ __forceinline__ void each(F f) {
    const int row = threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        f(i / 2, row + i / 2 * 8, n * 8 + column + i % 2, at[n][i]);
  }
};

// The left operand of products: 16 rows and 16 * STEPS columns.
template <int STEPS>
struct Left {
  unsigned at[STEPS][4];

  // From 16 rows in shared memory.
  __device__ __forceinline__ void load(const scalar_t* rows) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < STEPS; ++k)
      load_matrices(at[k], rows + lane % 16 * ROW + k * 16 + lane / 16 * 8);
  }
  // Sums, rounded: where mma leaves them is where it wants them.
  __device__ __forceinline__ void round(const Tiles<2 * STEPS>& sums) {
#pragma unroll
    for (int k = 0; k < STEPS; ++k) {
      const float(&low)[4] = sums.at[2 * k], (&high)[4] = sums.at[2 * k + 1];
      at[k][0] = TensorCores<scalar_t>::pair(low[0], low[1]);
      at[k][1] = TensorCores<scalar_t>::pair(low[2], low[3]);
      at[k][2] = TensorCores<scalar_t>::pair(high[0], high[1]);
      at[k][3] = TensorCores<scalar_t>::pair(high[2], high[3]);
    }
  }
  // sums += this @ rows.T, for 8 * N rows of HEAD columns.
  template <int N>
  __device__ __forceinline__ void times_rows(Tiles<N>& sums, const scalar_t* rows) const {
    const int lane = threadIdx.x % 32;
    rows += (lane / 16 * 8 + lane % 8) * ROW + lane / 8 % 2 * 8;
#pragma unroll
    for (int k = 0; k < STEPS; ++k)
#pragma unroll
      for (int n = 0; n < N; n += 2) {
        unsigned b[4];
        load_matrices(b, rows + n * 8 * ROW + k * 16);
        TensorCores<scalar_t>::multiply(sums.at[n], at[k], b[0], b[1]);
        TensorCores<scalar_t>::multiply(sums.at[n + 1], at[k], b[2], b[3]);
      }
  }
  // sums += this @ rows, for 16 * STEPS rows of 8 * N columns.
  template <int N>
  __device__ __forceinline__ void times(Tiles<N>& sums, const scalar_t* rows) const {
    const int lane = threadIdx.x % 32;
    rows += lane % 16 * ROW + lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < STEPS; ++k)
#pragma unroll
      for (int n = 0; n < N; n += 2) {
        unsigned b[4];
        load_transposed(b, rows + k * 16 * ROW + n * 8);
        TensorCores<scalar_t>::multiply(sums.at[n], at[k], b[0], b[1]);
        TensorCores<scalar_t>::multiply(sums.at[n + 1], at[k], b[2], b[3]);
      }
  }
};

// Starts to copy COUNT rows from `first` on; those that are not there, and columns up to HEAD, become
// 0. `copies_wait` and a barrier come before the first use.
template <int COUNT>
__device__ __forceinline__ void fetch(scalar_t* to, const Rows& from, int first, int rows,
                                      int columns) {
  constexpr int ALONG = HEAD / WIDTH;
  // Unrolled, the addresses would take registers that sums need.
#pragma unroll 1
  for (int i = threadIdx.x; i < COUNT * ALONG; i += THREADS) {
    const int row = i / ALONG, column = i % ALONG * WIDTH;
    const bool there = first + row < rows && column < columns;
    copy_async(to + row * ROW + column, there ? from.at(first + row) + column : from.data, there);
  }
}

// The left operand of each warp: its 16 of ROWS rows. `area` may be overwritten afterwards.
__device__ __forceinline__ void fetch_left(Left<HEAD / 16>& to, scalar_t* area, const Rows& from,
                                           int first, int rows, int columns) {
  __syncthreads();
  fetch<ROWS>(area, from, first, rows, columns);
  copies_wait();
  __syncthreads();
  to.load(area + threadIdx.x / 32 * 16 * ROW);
  __syncthreads();
}

// Which of a warp's dot products count, and what a mask adds to them. Rows are queries and columns
// keys, or the other way round; both start at the places that are given.
struct Scope {
  float scale;
  bool whole;
  // Of each of the thread's two rows: the first column that counts, the one behind the last, its
  // mask, and how far the mask's next column is.
  int low[2], high[2];
  const scalar_t* mask[2];
  index_t step;

  static __device__ __forceinline__ int row(int half) { return threadIdx.x % 32 / 4 + 8 * half; }

  __device__ __forceinline__ Scope(const Score& score, int query, int key, int columns)
      : scale(float(score.scale) * LOG2E), step(score.by_key) {
    const int queries = int(score.queries), keys = int(score.keys);
    // The first row sees the least.
    whole = !score.mask && key + columns <= (score.causal ? min(query + 1, keys) : keys);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = query + row(half);
      low[half] = 0;
      high[half] = at >= queries ? 0 : (score.causal ? min(at + 1, keys) : keys) - key;
      mask[half] = score.mask ? score.mask + at * score.by_query + key * score.by_key : nullptr;
    }
  }
  // Of transposed products, whose rows are 16 keys.
  static __device__ __forceinline__ Scope transposed(const Score& score, int query, int key,
                                                     int columns) {
    const int queries = int(score.queries), keys = int(score.keys);
    Scope scope(score, 0, 0, 0);
    scope.step = score.by_query;
    scope.whole = !score.mask && query + columns <= queries && key + 16 <= keys &&
                  !(score.causal && key + 15 > query);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int at = key + row(half);
      scope.low[half] = score.causal ? at - query : 0;
      scope.high[half] = at < keys ? queries - query : 0;
      scope.mask[half] =
          score.mask ? score.mask + query * score.by_query + at * score.by_key : nullptr;
    }
    return scope;
  }
  // Makes scores of dot products, by powers of 2.
  template <int N>
  __device__ __forceinline__ void apply(Tiles<N>& dots) const {
    if (whole) {
      dots.each([&](int, int, int, float& dot) { dot *= scale; });
      return;
    }
    dots.each([&](int half, int, int column, float& dot) {
      float score = -infinity();
      if (column >= low[half] && column < high[half]) {
        score = dot * scale;
        if (MASKED && mask[half]) score += float(wide(mask[half][column * step])) * LOG2E;
      }
      dot = score;
    });
  }
};

// Two neighbours of a row, where columns are even.
__device__ __forceinline__ void store_pair(scalar_t* to, float low, float high) {
  *reinterpret_cast<unsigned*>(to) = TensorCores<scalar_t>::pair(low, high);
}
// Sums of a warp into HEAD columns of its rows in memory, of which `rows` and `columns` are there.
template <int N>
__device__ __forceinline__ void store_rows(scalar_t* to, const Tiles<N>& sums, int rows,
                                           int columns, const float (&factors)[2]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane / 4 + half * 8;
    if (row >= rows) continue;
#pragma unroll
    for (int n = 0; n < N; ++n)
      if (n * 8 < columns)
        store_pair(to + index_t(row) * columns + n * 8 + lane % 4 * 2, sums.at[n][2 * half] * factors[half],
                   sums.at[n][2 * half + 1] * factors[half]);
  }
}
