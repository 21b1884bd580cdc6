// Gradients of attention: weights are computed again from the logarithms of their denominators, a
// tile at a time. No kernel adds to what another block writes, so results are the same every time;
// for that, queries and keys have a kernel each, and both compute the weights.
//
// With p the weights, a the gradients by them and inner the sum of p * a over a row, the gradient by
// the scores is p * (a - inner). As a is grad @ value.T, inner is the sum of grad * output (Dao et
// al., 2022), which takes no product of matrices.
#include "attention_flash_backward.cuh"

// The sums of two operands take more than the 128 registers of two blocks, in chunks of HEAD or on
// tensor cores.
#ifdef DLF_HOST
#define ROOMY_KERNEL KERNEL
#else
#define ROOMY_KERNEL extern "C" __global__ void __launch_bounds__(256, HEAD > 64 || FLASH ? 1 : BLOCKS)
#endif

__device__ __forceinline__ acc_t finite_or_zero(acc_t logsumexp) {
  return logsumexp == -infinity() ? acc_t(0) : logsumexp;
}

// `inner_sum` of every query, less the gradient by its `logsumexp` where there is one. A warp takes a
// row at a time; `output` is contiguous.
template <int N>
__device__ __forceinline__ void statistics(BACKWARD, const scalar_t* output,
                                           const acc_t* grad_logsumexp, acc_t* inner_sum, SIZES) {
  const index_t tiles = (queries + TILE - 1) / TILE;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (index_t work = blockIdx.x; work < tiles * batches; work += gridDim.x) {
    const index_t first = work % tiles * TILE, batch = work / tiles;
    const index_t end = first + TILE < queries ? first + TILE : queries;
    const Rows g = ROWS_OF(grad);
    for (index_t row = first + warp; row < end; row += THREADS / 32) {
      const index_t place = batch * queries + row;
      const scalar_t* const slopes = g.at(row);
      const scalar_t* const results = output + place * values;
      acc_t sum = acc_t(0);
      for (index_t i = lane; i < values / N; i += 32) {
        const Pack<N> slope = packs<N>(slopes)[i], result = packs<N>(results)[i];
#pragma unroll
        for (int k = 0; k < N; ++k) sum += wide(slope.at[k]) * wide(result.at[k]);
      }
#pragma unroll
      for (int bits = 16; bits; bits >>= 1) sum += __shfl_xor_sync(FULL_WARP, sum, bits);
      if (lane == 0)
        inner_sum[place] = grad_logsumexp ? sum - grad_logsumexp[place] : sum;
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

// The gradients by TILE keys and by their values.
template <int N>
__device__ __forceinline__ void by_keys(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,
                                        scalar_t* by_key, scalar_t* by_value, SIZES) {
  SHARED_MEMORY(scalar_t, area);
  __shared__ acc_t levels[TILE], sums_of_rows[TILE];
  scalar_t* const weights = area + 2 * TILE * DEPTH_PITCH;
  const index_t columns = features > values ? features : values;
  const index_t tiles = (keys + TILE - 1) / TILE;
  const index_t panels = columns > HEAD ? (columns + HEAD - 1) / HEAD : 1;
  for (index_t work = blockIdx.x; work < tiles * panels * batches; work += gridDim.x) {
    const index_t first = work % tiles * TILE, start = work / tiles % panels * HEAD;
    const index_t batch = work / tiles / panels;
    const Rows g = ROWS_OF(grad), q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    Sums<true> of_keys[CHUNKS], of_values[CHUNKS];
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) {
      of_keys[chunk].clear();
      of_values[chunk].clear();
    }
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
      products<N>(slopes, g.at(at), g.step, queries - at, v.at(first), v.step, keys - first, values,
                  area);
      __syncthreads();
      dots.with(slopes, [&](int, int row, int column, acc_t& dot, acc_t slope) {
        const acc_t p = exp(score(at + row, first + column, dot) - levels[row]);
        weights[row * PITCH + column] = narrow(p);
        dot = p * (slope - sums_of_rows[row]);
      });
      weigh<N, false>(of_values, weights, g.at(at) + start, g.step, queries - at, values - start,
                      area);
      __syncthreads();
      dots.each([&](int, int row, int column, acc_t& d) {
        weights[row * PITCH + column] = narrow(d);
      });
      weigh<N, false>(of_keys, weights, q.at(at) + start, q.step, queries - at, features - start,
                      area);
    }
    const index_t place = batch * keys + first;
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) {
      of_values[chunk].each([&](int, int row, int column, acc_t& sum) {
        const index_t to = start + chunk * TILE + column;
        if (first + row < keys && to < values) by_value[(place + row) * values + to] = narrow(sum);
      });
      of_keys[chunk].each([&](int, int row, int column, acc_t& sum) {
        const index_t to = start + chunk * TILE + column;
        if (first + row < keys && to < features)
          by_key[(place + row) * features + to] = narrow(sum * acc_t(scale));
      });
    }
  }
}

template <int N>
__device__ __forceinline__ void choose_queries(BACKWARD, const acc_t* logsumexp,
                                               const acc_t* inner_sum, scalar_t* by_query,
                                               scalar_t* by_scores, SIZES) {
  if constexpr (TENSOR_ATTENTION && N == WIDTH)
    flash_by_queries<N>(PASS_BACKWARD, logsumexp, inner_sum, by_query, by_scores, PASS_SIZES);
  else
    by_queries<N>(PASS_BACKWARD, logsumexp, inner_sum, by_query, by_scores, PASS_SIZES);
}

template <int N>
__device__ __forceinline__ void choose_keys(BACKWARD, const acc_t* logsumexp,
                                            const acc_t* inner_sum, scalar_t* by_key,
                                            scalar_t* by_value, SIZES) {
  if constexpr (TENSOR_ATTENTION && N == WIDTH)
    flash_by_keys<N>(PASS_BACKWARD, logsumexp, inner_sum, by_key, by_value, PASS_SIZES);
  else
    by_keys<N>(PASS_BACKWARD, logsumexp, inner_sum, by_key, by_value, PASS_SIZES);
}

#define ENTRIES(suffix, N)                                                                       \
  KERNEL statistics##suffix(BACKWARD, const scalar_t* output, const acc_t* grad_logsumexp,       \
                            acc_t* inner_sum, SIZES) {                                           \
    statistics<N>(PASS_BACKWARD, output, grad_logsumexp, inner_sum, PASS_SIZES);                 \
  }                                                                                              \
  KERNEL by_query##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,              \
                          scalar_t* by_query, scalar_t* by_scores, SIZES) {                      \
    choose_queries<N>(PASS_BACKWARD, logsumexp, inner_sum, by_query, by_scores, PASS_SIZES);     \
  }                                                                                              \
  ROOMY_KERNEL by_key##suffix(BACKWARD, const acc_t* logsumexp, const acc_t* inner_sum,          \
                              scalar_t* by_key, scalar_t* by_value, SIZES) {                     \
    choose_keys<N>(PASS_BACKWARD, logsumexp, inner_sum, by_key, by_value, PASS_SIZES);           \
  }

ENTRIES(_narrow, 1)
ENTRIES(_wide, WIDTH)
