// Gradients of attention: weights are computed again from the logarithms of their denominators, a
// tile at a time. No kernel adds to what another block writes, so results are the same every time.
//
// With p the weights, a the gradients by them and inner the sum of p * a over a row, the gradient by
// the scores is p * (a - inner).
#include "attention.cuh"

#define BACKWARD OPERAND(grad), OPERAND(query), OPERAND(key), OPERAND(value), MASK
#define PASS_BACKWARD PASS(grad), PASS(query), PASS(key), PASS(value), PASS_MASK

__device__ __forceinline__ acc_t finite_or_zero(acc_t logsumexp) {
  return logsumexp == -infinity() ? acc_t(0) : logsumexp;
}

// `inner_sum` of every query, less the gradient by its `logsumexp` where there is one.
template <int N>
__device__ __forceinline__ void statistics(BACKWARD, const acc_t* logsumexp,
                                           const acc_t* grad_logsumexp, acc_t* inner_sum, SIZES) {
  SHARED_MEMORY(scalar_t, area);
  typedef Sums<false> Tile;
  __shared__ acc_t levels[TILE];
  acc_t* const partial = reinterpret_cast<acc_t*>(area);
  const index_t tiles = (queries + TILE - 1) / TILE;
  for (index_t work = blockIdx.x; work < tiles * batches; work += gridDim.x) {
    const index_t first = (tiles - 1 - work % tiles) * TILE, batch = work / tiles;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    const index_t place = batch * queries + first + threadIdx.x;
    const bool mine = threadIdx.x < TILE && first + threadIdx.x < queries;
    __syncthreads();
    if (threadIdx.x < TILE) levels[threadIdx.x] = mine ? finite_or_zero(logsumexp[place]) : acc_t(0);
    __syncthreads();
    acc_t along[Tile::ROWS];
#pragma unroll
    for (int i = 0; i < Tile::ROWS; ++i) along[i] = acc_t(0);
    const index_t end = score.end(first);
    for (index_t at = 0; at < end; at += TILE) {
      Tile dots, slopes;
      dots.clear();
      slopes.clear();
      products<N>(dots, q.at(first), q.step, queries - first, k.at(at), k.step, keys - at, features,
                  area);
      products<N>(slopes, g.at(first), g.step, queries - first, v.at(at), v.step, keys - at, values,
                  area);
      dots.with(slopes, [&](int i, int row, int column, acc_t& dot, acc_t slope) {
        along[i] += exp(score(first + row, at + column, dot) - levels[row]) * slope;
      });
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < Tile::ROWS; ++i)
      partial[Tile::row(i) * Tile::SLOTS + Tile::slot()] = along[i];
    __syncthreads();
    if (mine) {
      acc_t sum = grad_logsumexp ? -grad_logsumexp[place] : acc_t(0);
      for (int slot = 0; slot < Tile::SLOTS; ++slot)
        sum += partial[threadIdx.x * Tile::SLOTS + slot];
      inner_sum[place] = sum;
    }
  }
}

// The gradient by TILE queries, and by their scores where `by_scores` is not null.
template <int N>
__device__ __forceinline__ void by_queries(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,
                                           scalar_t* by_query, scalar_t* by_scores, SIZES) {
  SHARED_MEMORY(scalar_t, area);
  __shared__ acc_t levels[TILE], sums_of_rows[TILE];
  scalar_t* const weights = area + 2 * TILE * DEPTH_PITCH;
  const index_t tiles = (queries + TILE - 1) / TILE;
  const index_t panels = features > HEAD ? (features + HEAD - 1) / HEAD : 1;
  for (index_t work = blockIdx.x; work < tiles * panels * batches; work += gridDim.x) {
    const index_t first = (tiles - 1 - work % tiles) * TILE, start = work / tiles % panels * HEAD;
    const index_t batch = work / tiles / panels;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    const index_t place = batch * queries + first;
    __syncthreads();
    if (threadIdx.x < TILE) {
      const bool mine = first + threadIdx.x < queries;
      levels[threadIdx.x] = mine ? finite_or_zero(logsumexp[place + threadIdx.x]) : acc_t(0);
      sums_of_rows[threadIdx.x] = mine ? inner_sum[place + threadIdx.x] : acc_t(0);
    }
    __syncthreads();
    Sums<true> sums[CHUNKS];
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) sums[chunk].clear();
    const index_t end = score.end(first);
    for (index_t at = 0; at < end; at += TILE) {
      Sums<false> dots, slopes;
      dots.clear();
      slopes.clear();
      products<N>(dots, q.at(first), q.step, queries - first, k.at(at), k.step, keys - at, features,
                  area);
      products<N>(slopes, g.at(first), g.step, queries - first, v.at(at), v.step, keys - at, values,
                  area);
      __syncthreads();
      dots.with(slopes, [&](int, int row, int column, acc_t& dot, acc_t slope) {
        const acc_t p = exp(score(first + row, at + column, dot) - levels[row]);
        const scalar_t d = narrow(p * (slope - sums_of_rows[row]));
        weights[row * PITCH + column] = d;
        if (by_scores && start == 0 && first + row < queries && at + column < keys)
          by_scores[(place + row) * keys + at + column] = d;
      });
      weigh<N, true>(sums, weights, k.at(at) + start, k.step, keys - at, features - start, area);
    }
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk)
      sums[chunk].each([&](int, int row, int column, acc_t& sum) {
        const index_t to = start + chunk * TILE + column;
        if (first + row < queries && to < features)
          by_query[(place + row) * features + to] = narrow(sum * acc_t(scale));
      });
  }
}

// The gradient by TILE keys, or by their values.
template <int N, bool VALUES>
__device__ __forceinline__ void by_keys(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,
                                        scalar_t* by_key, SIZES) {
  SHARED_MEMORY(scalar_t, area);
  __shared__ acc_t levels[TILE], sums_of_rows[TILE];
  scalar_t* const weights = area + 2 * TILE * DEPTH_PITCH;
  const index_t columns = VALUES ? values : features;
  const index_t tiles = (keys + TILE - 1) / TILE;
  const index_t panels = columns > HEAD ? (columns + HEAD - 1) / HEAD : 1;
  for (index_t work = blockIdx.x; work < tiles * panels * batches; work += gridDim.x) {
    const index_t first = work % tiles * TILE, start = work / tiles % panels * HEAD;
    const index_t batch = work / tiles / panels;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Rows right = VALUES ? g : q;
    const Score score = SCORE;
    Sums<true> sums[CHUNKS];
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) sums[chunk].clear();
    // A causal query sees keys up to its own place, and tiles begin at the same places.
    for (index_t at = causal ? first : 0; at < queries; at += TILE) {
      Sums<false> dots, slopes;
      dots.clear();
      slopes.clear();
      __syncthreads();
      if (threadIdx.x < TILE) {
        const bool mine = at + threadIdx.x < queries;
        const index_t place = batch * queries + at + threadIdx.x;
        levels[threadIdx.x] = mine ? finite_or_zero(logsumexp[place]) : acc_t(0);
        sums_of_rows[threadIdx.x] = mine ? inner_sum[place] : acc_t(0);
      }
      products<N>(dots, q.at(at), q.step, queries - at, k.at(first), k.step, keys - first, features,
                  area);
      if (!VALUES)
        products<N>(slopes, g.at(at), g.step, queries - at, v.at(first), v.step, keys - first,
                    values, area);
      __syncthreads();
      dots.with(slopes, [&](int, int row, int column, acc_t& dot, acc_t slope) {
        const acc_t p = exp(score(at + row, first + column, dot) - levels[row]);
        weights[row * PITCH + column] = narrow(VALUES ? p : p * (slope - sums_of_rows[row]));
      });
      weigh<N, false>(sums, weights, right.at(at) + start, right.step, queries - at,
                      columns - start, area);
    }
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk)
      sums[chunk].each([&](int, int row, int column, acc_t& sum) {
        const index_t to = start + chunk * TILE + column;
        if (first + row < keys && to < columns)
          by_key[(batch * keys + first + row) * columns + to] =
              narrow(VALUES ? sum : sum * acc_t(scale));
      });
  }
}

#define ENTRIES(suffix, N)                                                                        \
  KERNEL statistics##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* grad_logsumexp,        \
                            acc_t* inner_sum, SIZES) {                                            \
    statistics<N>(PASS_BACKWARD, logsumexp, grad_logsumexp, inner_sum, PASS_SIZES);               \
  }                                                                                               \
  KERNEL by_query##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,                   \
                          scalar_t* by_query, scalar_t* by_scores, SIZES) {                       \
    by_queries<N>(PASS_BACKWARD, logsumexp, inner_sum, by_query, by_scores, PASS_SIZES);              \
  }                                                                                               \
  KERNEL by_key##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum, scalar_t* by_key,   \
                        SIZES) {                                                                  \
    by_keys<N, false>(PASS_BACKWARD, logsumexp, inner_sum, by_key, PASS_SIZES);                       \
  }                                                                                               \
  KERNEL by_value##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,                   \
                          scalar_t* by_value, SIZES) {                                            \
    by_keys<N, true>(PASS_BACKWARD, logsumexp, inner_sum, by_value, PASS_SIZES);                      \
  }

ENTRIES(_narrow, 1)
ENTRIES(_wide, WIDTH)
