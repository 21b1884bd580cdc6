// Sums of an array over some of its dimensions, in an order that does not change from run to run.
//
// Where one block an output would leave most multiprocessors idle, the summands are split: each share
// writes its sum to `partial`, (splits, outputs), and sum_finish adds them up.
#include "rows.cuh"

struct Add {
  acc_t sum;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& pack, index_t) {
#pragma unroll
    for (int k = 0; k < M; ++k) sum += wide(pack.at[k]);
  }
};

// (outer, outputs, inner) -> (outputs): a team takes an output's rows of `inner` elements, every
// splits-th of the outer ones. Either `y` or `partial` is null.
KERNEL sum_rows(const scalar_t* x, scalar_t* y, acc_t* partial, index_t outer, index_t outputs,
                index_t inner, index_t splits) {
  const index_t tasks = outputs * splits, step = index_t(gridDim.x) * blockDim.y;
#pragma unroll 1
  for (index_t task = index_t(blockIdx.x) * blockDim.y + threadIdx.y; task < tasks; task += step) {
    const index_t output = task % outputs, split = task / outputs;
    Add add = {acc_t(0)};
#pragma unroll 1
    for (index_t o = split; o < outer; o += splits)
      visit<WIDTH>(x + (o * outputs + output) * inner, inner, add);
    const acc_t sum = team_reduce(Sum{add.sum}).value;
    if (threadIdx.x) continue;
    if (y)
      y[output] = narrow(sum);
    else
      partial[task] = sum;
  }
}

// (batch, rows, columns) -> (batch, columns): a block takes 32 packs of columns, and of the rows all
// those that are left over when its number of 16 is divided by the splits. Blocks of 32 by 16.
template <int N>
__device__ __forceinline__ void columns(const scalar_t* x, scalar_t* y, acc_t* partial,
                                        index_t batch, index_t rows, index_t count,
                                        index_t splits) {
  __shared__ acc_t slots[16][N][33];
  const index_t packs = count / N, across = (packs + 31) / 32;
  const index_t pack = blockIdx.x % across * 32 + threadIdx.x, share = blockIdx.x / across;
  const index_t item = share % batch, split = share / batch;
  acc_t sums[N];
#pragma unroll
  for (int k = 0; k < N; ++k) sums[k] = acc_t(0);
  if (pack < packs) {
    const scalar_t* const from = x + item * rows * count + pack * N;
    const index_t step = splits * 16;
    index_t row = split * 16 + threadIdx.y;
#pragma unroll 1
    for (; row + 3 * step < rows; row += 4 * step) {
      Pack<N> read[4];
#pragma unroll
      for (int b = 0; b < 4; ++b) read[b] = load<N>(from, (row + b * step) * count);
#pragma unroll
      for (int b = 0; b < 4; ++b)
#pragma unroll
        for (int k = 0; k < N; ++k) sums[k] += wide(read[b].at[k]);
    }
#pragma unroll 1
    for (; row < rows; row += step) {
      const Pack<N> read = load<N>(from, row * count);
#pragma unroll
      for (int k = 0; k < N; ++k) sums[k] += wide(read.at[k]);
    }
  }
#pragma unroll
  for (int k = 0; k < N; ++k) slots[threadIdx.y][k][threadIdx.x] = sums[k];
  __syncthreads();
  const index_t thread = threadIdx.y * 32 + threadIdx.x;
#pragma unroll 1
  for (index_t i = thread; i < 32 * N; i += 512) {
    const index_t column = blockIdx.x % across * 32 * N + i;
    if (column >= count) continue;
    acc_t sum = 0;
#pragma unroll
    for (int k = 0; k < 16; ++k) sum += slots[k][i % N][i / N];
    if (y)
      y[item * count + column] = narrow(sum);
    else
      partial[(split * batch + item) * count + column] = sum;
  }
}

KERNEL sum_columns(const scalar_t* x, scalar_t* y, acc_t* partial, index_t batch, index_t rows,
                   index_t count, index_t splits) {
  columns<1>(x, y, partial, batch, rows, count, splits);
}
KERNEL sum_columns_wide(const scalar_t* x, scalar_t* y, acc_t* partial, index_t batch, index_t rows,
                        index_t count, index_t splits) {
  columns<WIDTH>(x, y, partial, batch, rows, count, splits);
}

// (splits, outputs) -> (outputs). Blocks of 32 outputs by 16 threads down the splits.
KERNEL sum_finish(const acc_t* partial, scalar_t* y, index_t splits, index_t outputs) {
  __shared__ acc_t slots[16][32];
  const index_t at = index_t(blockIdx.x) * 32 + threadIdx.x;
  acc_t sum = 0;
  if (at < outputs)
    for (index_t split = threadIdx.y; split < splits; split += 16) sum += partial[split * outputs + at];
  slots[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y || at >= outputs) return;
  for (int k = 1; k < 16; ++k) sum += slots[k][threadIdx.x];
  y[at] = narrow(sum);
}
