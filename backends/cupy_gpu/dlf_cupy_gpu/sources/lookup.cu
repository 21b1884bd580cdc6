// Rows by index, and sums at indices: embedding, index_add and scatter_add.
//
// Sums go into `out`, which is in acc_t. *_atomic adds as the threads come, so that the order of a
// sum's terms, and with it the last bits, may change from run to run. *_sorted takes the indices in
// stable order, and adds the terms of one place one after another.
#include "common.cuh"

// out[i] = table[index[i]], rows of `columns` elements; a row out of range becomes NaN.
template <int N>
__device__ __forceinline__ void take_rows(const scalar_t* table, const index_t* index, scalar_t* out,
                                          index_t count, index_t rows, index_t columns) {
  const index_t length = columns / N, step = index_t(gridDim.x) * blockDim.y;
  for (index_t i = index_t(blockIdx.x) * blockDim.y + threadIdx.y; i < count; i += step) {
    const index_t row = index[i];
    const bool there = row >= 0 && row < rows;
    for (index_t k = threadIdx.x; k < length; k += blockDim.x) {
      Pack<N> pack;
      if (there) {
        pack = packs<N>(table + row * columns)[k];
      } else {
#pragma unroll
        for (int j = 0; j < N; ++j) pack.at[j] = narrow(infinity() - infinity());
      }
      packs<N>(out + i * columns)[k] = pack;
    }
  }
}

KERNEL embedding(const scalar_t* table, const index_t* index, scalar_t* out, index_t count,
                 index_t rows, index_t columns) {
  take_rows<1>(table, index, out, count, rows, columns);
}
KERNEL embedding_wide(const scalar_t* table, const index_t* index, scalar_t* out, index_t count,
                      index_t rows, index_t columns) {
  take_rows<WIDTH>(table, index, out, count, rows, columns);
}

// How often each row occurs.
KERNEL count_rows(const index_t* index, int* counts, index_t count, index_t rows) {
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x)
    if (index[i] >= 0 && index[i] < rows) atomicAdd(counts + index[i], 1);
}

// `source` is (outer, count, inner), `out` is (outer, size, inner), `index` (count) or, with `own`,
// (outer, count, inner). Nothing is added for the index `skipped`; `counts`, if not null, divides.
KERNEL index_add_atomic(acc_t* out, const index_t* index, const scalar_t* source, const int* counts,
                        index_t outer, index_t count, index_t inner, index_t size, index_t skipped,
                        index_t own) {
  const index_t all = outer * count * inner;
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < all;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t row = i / inner;
    const index_t at = index[own ? i : row % count];
    if (at < 0 || at >= size || at == skipped) continue;
    const acc_t value = wide(source[i]);
    atomicAdd(out + (row / count * size + at) * inner + i % inner,
              counts ? value / acc_t(counts[at]) : value);
  }
}

// The same without `own`: a team of threads has a row of `source` at a time, and looks its index up
// once.
KERNEL index_add_rows(acc_t* out, const index_t* index, const scalar_t* source, const int* counts,
                      index_t outer, index_t count, index_t inner, index_t size, index_t skipped) {
#pragma unroll 1
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < outer * count;
       row += index_t(gridDim.x) * blockDim.y) {
    const index_t at = index[outer == 1 ? row : row % count];
    if (at < 0 || at >= size || at == skipped) continue;
    acc_t* const to = out + ((outer == 1 ? 0 : row / count * size) + at) * inner;
    const scalar_t* const from = source + row * inner;
    const acc_t share = counts ? acc_t(1) / acc_t(counts[at]) : acc_t(1);
#pragma unroll 4
    for (index_t k = threadIdx.x; k < inner; k += blockDim.x)
      atomicAdd(to + k, counts ? wide(from[k]) * share : acc_t(wide(from[k])));
  }
}

// `order` sorts `index` stably; `sorted` is the index in that order. A thread has a place of `out`:
// that of the sorted index at `row`, if that is the first of its kind.
KERNEL index_add_sorted(acc_t* out, const index_t* sorted, const index_t* order,
                        const scalar_t* source, const int* counts, index_t outer, index_t count,
                        index_t inner, index_t size, index_t skipped) {
  const index_t columns = outer * inner, all = count * columns;
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < all;
       i += index_t(gridDim.x) * blockDim.x) {
    index_t row = i / columns;
    const index_t o = i % columns / inner, column = i % inner, at = sorted[row];
    if (at < 0 || at >= size || at == skipped || (row && sorted[row - 1] == at)) continue;
    acc_t* const place = out + (o * size + at) * inner + column;
    acc_t sum = *place;
    for (; row < count && sorted[row] == at; ++row) {
      const acc_t value = wide(source[(o * count + order[row]) * inner + column]);
      sum += counts ? value / acc_t(counts[at]) : value;
    }
    *place = sum;
  }
}
