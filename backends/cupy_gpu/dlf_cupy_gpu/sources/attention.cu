// Attention without its matrix of weights in memory (Dao et al., 2022 and 2023): a block has TILE
// queries and passes over the keys in tiles. Rows' maxima and denominators are corrected as further
// keys raise them, so one pass is enough.
#include "attention_flash_forward.cuh"

constexpr int TEAM = THREADS / TILE;

template <int N>
__device__ __forceinline__ void forward(OPERAND(query), OPERAND(key), OPERAND(value), MASK,
                                        scalar_t* result, acc_t* logsumexp, SIZES) {
  SHARED_MEMORY(scalar_t, area);
  __shared__ acc_t maxima[TILE], totals[TILE], factors[TILE];
  scalar_t* const weights = area + 2 * TILE * DEPTH_PITCH;
  // Short weights lie behind the scores, others take their place.
  acc_t* const scores = reinterpret_cast<acc_t*>(
      sizeof(scalar_t) == sizeof(acc_t) ? weights : weights + TILE * PITCH);
  const index_t tiles = (queries + TILE - 1) / TILE;
  const index_t panels = values > HEAD ? (values + HEAD - 1) / HEAD : 1;
  for (index_t work = blockIdx.x; work < tiles * panels * batches; work += gridDim.x) {
    // The last queries see the most keys: those go first.
    const index_t first = (tiles - 1 - work % tiles) * TILE, start = work / tiles % panels * HEAD;
    const index_t batch = work / tiles / panels;
    const Rows q = ROWS_OF(query), k = ROWS_OF(key), v = ROWS_OF(value);
    const Score score = SCORE;
    Sums<true> sums[CHUNKS];
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) sums[chunk].clear();
    __syncthreads();
    if (threadIdx.x < TILE) {
      maxima[threadIdx.x] = -infinity();
      totals[threadIdx.x] = acc_t(0);
    }
    const index_t end = score.end(first);
    for (index_t at = 0; at < end; at += TILE) {
      Sums<false> dots;
      dots.clear();
      products<N>(dots, q.at(first), q.step, queries - first, k.at(at), k.step, keys - at, features,
                  area, KEEPS && at && features <= DEPTH);
      __syncthreads();
      dots.each([&](int, int row, int column, acc_t& dot) {
        scores[row * SCORE_PITCH + column] = score(first + row, at + column, dot);
      });
      __syncthreads();
      const int row = threadIdx.x / TEAM, part = threadIdx.x % TEAM;
      acc_t top = -infinity(), total = acc_t(0);
      for (int column = part; column < TILE; column += TEAM) {
        const acc_t s = scores[row * SCORE_PITCH + column];
        top = s > top ? s : top;
      }
#pragma unroll
      for (int bits = TEAM / 2; bits; bits >>= 1) {
        const acc_t other = __shfl_xor_sync(FULL_WARP, top, bits);
        top = other > top ? other : top;
      }
      const acc_t before = maxima[row];
      top = before > top ? before : top;
      // Where nothing is seen yet the weights are 0, not NaN.
      const acc_t shift = top == -infinity() ? acc_t(0) : top;
      for (int column = part; column < TILE; column += TEAM) {
        const acc_t p = exp(scores[row * SCORE_PITCH + column] - shift);
        weights[row * PITCH + column] = narrow(p);
        total += p;
      }
#pragma unroll
      for (int bits = TEAM / 2; bits; bits >>= 1) total += __shfl_xor_sync(FULL_WARP, total, bits);
      if (part == 0) {
        const acc_t factor = exp(before - shift);
        maxima[row] = top;
        factors[row] = factor;
        totals[row] = totals[row] * factor + total;
      }
      __syncthreads();
#pragma unroll
      for (int chunk = 0; chunk < CHUNKS; ++chunk)
        sums[chunk].each([&](int, int row, int, acc_t& sum) { sum *= factors[row]; });
      weigh<N, true>(sums, weights, v.at(at) + start, v.step, keys - at, values - start, area);
    }
    __syncthreads();
    const index_t place = batch * queries + first;
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk)
      sums[chunk].each([&](int, int row, int column, acc_t& sum) {
        const index_t to = start + chunk * TILE + column;
        if (first + row < queries && to < values) {
          const acc_t total = totals[row];
          result[(place + row) * values + to] =
              narrow(total == acc_t(0) ? acc_t(0) : sum / total);
        }
      });
    if (start == 0 && threadIdx.x < TILE && first + threadIdx.x < queries) {
      const acc_t top = maxima[threadIdx.x];
      logsumexp[place + threadIdx.x] = top == infinity() ? top : top + log(totals[threadIdx.x]);
    }
  }
}

template <int N>
__device__ __forceinline__ void choose(OPERAND(query), OPERAND(key), OPERAND(value), MASK,
                                       scalar_t* result, acc_t* logsumexp, SIZES) {
  if constexpr (TENSOR_ATTENTION && N == WIDTH)
    flash_forward<N>(PASS(query), PASS(key), PASS(value), PASS_MASK, result, logsumexp, PASS_SIZES);
  else
    forward<N>(PASS(query), PASS(key), PASS(value), PASS_MASK, result, logsumexp, PASS_SIZES);
}

#define ENTRY(name, N)                                                                        \
  KERNEL name(OPERAND(query), OPERAND(key), OPERAND(value), MASK, scalar_t* result,           \
              acc_t* logsumexp, SIZES) {                                                      \
    choose<N>(PASS(query), PASS(key), PASS(value), PASS_MASK, result, logsumexp, PASS_SIZES); \
  }

ENTRY(attention, 1)
ENTRY(attention_wide, WIDTH)
