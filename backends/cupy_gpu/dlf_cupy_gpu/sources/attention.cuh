// What attention forward and backward share: operands with strides, scores, and the two kinds of
// products, of rows with rows and of weights with rows.
#pragma once

#include "gemm_tile.cuh"

// Columns of the result that a block holds at once; wider heads are done in panels of these.
#ifndef HEAD
#define HEAD 64
#endif

constexpr int CHUNKS = (HEAD + TILE - 1) / TILE;
constexpr int SCORE_PITCH = TILE + 16 / sizeof(acc_t);
// Where a tile of values fits in the right operand's part, the left one can stay.
constexpr bool KEEPS = PITCH <= DEPTH_PITCH;
constexpr int VALUES_AT = KEEPS ? TILE * DEPTH_PITCH : 0;

// One matrix of a batch; its rows are contiguous.
struct Rows {
  const scalar_t* data;
  index_t step;
  __device__ __forceinline__ const scalar_t* at(index_t row) const { return data + row * step; }
};

// A batch has two dimensions, of which the inner one has size `inner`.
__device__ __forceinline__ Rows rows_of(const scalar_t* data, index_t by_outer, index_t by_inner,
                                        index_t step, index_t batch, index_t inner) {
  return {data + batch / inner * by_outer + batch % inner * by_inner, step};
}

// What becomes of a dot product: scaled, masked, minus infinity where there is no such pair.
struct Score {
  const scalar_t* mask;
  index_t by_query, by_key, queries, keys, causal;
  acc_t scale;
  __device__ __forceinline__ acc_t operator()(index_t query, index_t key, acc_t dot) const {
    if (query >= queries || key >= keys || (causal && key > query)) return -infinity();
    const acc_t score = dot * scale;
    return mask ? score + wide(mask[query * by_query + key * by_key]) : score;
  }
  // Behind the last key that any of the TILE queries from `query` on may see.
  __device__ __forceinline__ index_t end(index_t query) const {
    return causal && query + TILE < keys ? query + TILE : keys;
  }
};

// sums += left @ right.T over `depth` columns, from `left_rows` and `right_rows` rows. With `kept`
// the left operand is there from the last time.
template <int N>
__device__ __forceinline__ void products(Sums<false>& sums, const scalar_t* left,
                                         index_t left_step, index_t left_rows,
                                         const scalar_t* right, index_t right_step,
                                         index_t right_rows, index_t depth, scalar_t* area,
                                         bool kept = false) {
  scalar_t* const other = area + TILE * DEPTH_PITCH;
  for (index_t d = 0; d < depth; d += DEPTH) {
    __syncthreads();
    if (!kept)
      stage<N, TILE, DEPTH>(area, DEPTH_PITCH, left + d, left_step, left_rows, depth - d);
    stage<N, TILE, DEPTH>(other, DEPTH_PITCH, right + d, right_step, right_rows, depth - d);
    __syncthreads();
    sums.template multiply<true>(area, DEPTH_PITCH, other, DEPTH_PITCH, DEPTH);
  }
}

// sums += weights @ right, or weights.T @ right, for up to CHUNKS tiles of `columns` columns.
template <int N, bool STRAIGHT>
__device__ __forceinline__ void weigh(Sums<true> (&sums)[CHUNKS], const scalar_t* weights,
                                      const scalar_t* right, index_t step, index_t rows,
                                      index_t columns, scalar_t* area) {
  area += VALUES_AT;
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; ++chunk) {
    if (chunk && chunk * TILE >= columns) break;
    __syncthreads();
    stage<N, TILE, TILE>(area, PITCH, right + chunk * TILE, step, rows, columns - chunk * TILE);
    __syncthreads();
    sums[chunk].template multiply<STRAIGHT>(weights, PITCH, area, PITCH, TILE);
  }
}

#define OPERAND(name) \
  const scalar_t *name, index_t name##_outer, index_t name##_inner, index_t name##_step
#define ROWS_OF(name) rows_of(name, name##_outer, name##_inner, name##_step, batch, inner)
#define MASK                                                                     \
  const scalar_t *mask, index_t mask_outer, index_t mask_inner, index_t mask_by_query, \
      index_t mask_by_key
#define SCORE                                                                        \
  Score {                                                                            \
    mask ? mask + batch / inner * mask_outer + batch % inner * mask_inner : nullptr, \
        mask_by_query, mask_by_key, queries, keys, causal, acc_t(scale)              \
  }
#define SIZES                                                                                  \
  index_t batches, index_t inner, index_t queries, index_t keys, index_t features, index_t values, \
      index_t causal, double scale
#define PASS(name) name, name##_outer, name##_inner, name##_step
#define PASS_MASK mask, mask_outer, mask_inner, mask_by_query, mask_by_key
#define PASS_SIZES batches, inner, queries, keys, features, values, causal, scale
