// Layer and root-mean-square normalization over rows of `columns` neighbours, and their gradients.
//
// A team of threads has a row, which it reads once and keeps in shared memory (`cached`; longer rows
// are read again, mostly from the second-level cache). With the row at hand the variance is summed
// around the mean, not from squares. The formulas stand in dlf.ops.norm.
#include "rows.cuh"

template <int N, bool CENTRED>
__device__ __forceinline__ void forward(const scalar_t* x, const scalar_t* weight,
                                        const scalar_t* bias, scalar_t* y, scalar_t* mean_out,
                                        scalar_t* rstd_out, index_t count, index_t columns,
                                        double eps, index_t cached) {
  SHARED_MEMORY(scalar_t, shared);
  const index_t length = columns / N;
  Pack<N>* const cache = packs<N>(shared + threadIdx.y * pitch_of(columns));
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const Pack<N>* in = packs<N>(x + row * columns);
    Pack<N>* out = packs<N>(y + row * columns);
    Sum sum = Sum::empty(), square = Sum::empty();
    for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
      const Pack<N> pack = in[i];
      if (cached) cache[i] = pack;
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const acc_t v = wide(pack.at[k]);
        sum.value += CENTRED ? v : v * v;
      }
    }
    sum = team_reduce(sum);
    const Pack<N>* again = cached ? cache : in;
    const acc_t mean = CENTRED ? sum.value / acc_t(columns) : acc_t(0);
    if (CENTRED) {
      for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
        const Pack<N> pack = again[i];
#pragma unroll
        for (int k = 0; k < N; ++k) {
          const acc_t v = wide(pack.at[k]) - mean;
          square.value += v * v;
        }
      }
      sum = team_reduce(square);
    }
    const acc_t rstd = rsqrt(sum.value / acc_t(columns) + acc_t(eps));
    if (threadIdx.x == 0) {
      if (CENTRED) mean_out[row] = narrow(mean);
      rstd_out[row] = narrow(rstd);
    }
    for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
      Pack<N> pack = again[i];
      Pack<N> scale, shift;
      if (weight) scale = packs<N>(weight)[i];
      if (bias) shift = packs<N>(bias)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) {
        acc_t v = (wide(pack.at[k]) - mean) * rstd;
        if (weight) v *= wide(scale.at[k]);
        if (bias) v += wide(shift.at[k]);
        pack.at[k] = narrow(v);
      }
      out[i] = pack;
    }
  }
}

// `partial` is null, or takes the sums for weight and bias over each block's rows, (blocks, 2,
// columns); for these every team has 2 * columns sums in shared memory, where a thread adds only to
// its own columns.
template <int N, bool CENTRED>
__device__ __forceinline__ void backward(const scalar_t* grad, const scalar_t* x,
                                         const scalar_t* mean_in, const scalar_t* rstd_in,
                                         const scalar_t* weight, scalar_t* dx, acc_t* partial,
                                         index_t count, index_t columns) {
  SHARED_MEMORY(acc_t, shared);
  const index_t length = columns / N;
  acc_t* const by_weight = shared + threadIdx.y * 2 * columns;
  acc_t* const by_bias = by_weight + columns;
  if (partial)
    for (index_t i = threadIdx.x; i < length; i += blockDim.x)
#pragma unroll
      for (int k = 0; k < N; ++k) by_weight[i * N + k] = by_bias[i * N + k] = acc_t(0);
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const Pack<N>* in_grad = packs<N>(grad + row * columns);
    const Pack<N>* in = packs<N>(x + row * columns);
    Pack<N>* out = packs<N>(dx + row * columns);
    const acc_t mean = CENTRED ? acc_t(wide(mean_in[row])) : acc_t(0), rstd = wide(rstd_in[row]);
    TwoSums sums = TwoSums::empty();
    for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
      const Pack<N> g = in_grad[i], pack = in[i];
      Pack<N> scale;
      if (weight) scale = packs<N>(weight)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const acc_t slope = wide(g.at[k]), h = (wide(pack.at[k]) - mean) * rstd;
        const acc_t e = weight ? slope * wide(scale.at[k]) : slope;
        sums.first += e;
        sums.second += e * h;
        if (partial) {
          by_weight[i * N + k] += slope * h;
          if (CENTRED) by_bias[i * N + k] += slope;
        }
      }
    }
    sums = team_reduce(sums);
    const acc_t level = CENTRED ? sums.first / acc_t(columns) : acc_t(0);
    const acc_t along = sums.second / acc_t(columns);
    for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
      Pack<N> g = in_grad[i];
      const Pack<N> pack = in[i];
      Pack<N> scale;
      if (weight) scale = packs<N>(weight)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) {
        const acc_t h = (wide(pack.at[k]) - mean) * rstd;
        const acc_t e = weight ? wide(g.at[k]) * wide(scale.at[k]) : wide(g.at[k]);
        g.at[k] = narrow(rstd * (e - level - h * along));
      }
      out[i] = g;
    }
  }
  if (!partial) return;
  __syncthreads();
  const index_t threads = blockDim.x * blockDim.y;
  for (index_t i = threadIdx.y * blockDim.x + threadIdx.x; i < 2 * columns; i += threads) {
    acc_t sum = 0;
    for (unsigned team = 0; team < blockDim.y; ++team) sum += shared[team * 2 * columns + i];
    partial[blockIdx.x * 2 * columns + i] = sum;
  }
}

#define ENTRIES(name, N, CENTRED)                                                                 \
  KERNEL name(const scalar_t* x, const scalar_t* weight, const scalar_t* bias, scalar_t* y,       \
              scalar_t* mean, scalar_t* rstd, index_t count, index_t columns, double eps,         \
              index_t cached) {                                                                   \
    forward<N, CENTRED>(x, weight, bias, y, mean, rstd, count, columns, eps, cached);             \
  }                                                                                               \
  KERNEL name##_backward(const scalar_t* grad, const scalar_t* x, const scalar_t* mean,           \
                         const scalar_t* rstd, const scalar_t* weight, scalar_t* dx,              \
                         acc_t* partial, index_t count, index_t columns) {                        \
    backward<N, CENTRED>(grad, x, mean, rstd, weight, dx, partial, count, columns);               \
  }

ENTRIES(layer_norm, 1, true)
ENTRIES(layer_norm_wide, WIDTH, true)
ENTRIES(rms_norm, 1, false)
ENTRIES(rms_norm_wide, WIDTH, false)

// The sums for weight and bias where shared memory cannot hold them: a block has 32 columns and a
// share of the rows. Blocks of 32 by 16 threads; `partial` is (splits, 2, columns). `mean` may be
// null.
KERNEL columns_partial(const scalar_t* grad, const scalar_t* x, const scalar_t* mean,
                       const scalar_t* rstd, acc_t* partial, index_t count, index_t columns,
                       index_t splits) {
  __shared__ acc_t slots[2][16][32];
  const index_t split = blockIdx.x % splits, column = blockIdx.x / splits * 32 + threadIdx.x;
  acc_t by_weight = 0, by_bias = 0;
  if (column < columns) {
    for (index_t row = split * 16 + threadIdx.y; row < count; row += splits * 16) {
      const acc_t slope = wide(grad[row * columns + column]);
      const acc_t centre = mean ? acc_t(wide(mean[row])) : acc_t(0);
      by_weight += slope * (wide(x[row * columns + column]) - centre) * wide(rstd[row]);
      by_bias += slope;
    }
  }
  slots[0][threadIdx.y][threadIdx.x] = by_weight;
  slots[1][threadIdx.y][threadIdx.x] = by_bias;
  __syncthreads();
  if (threadIdx.y < 2 && column < columns) {
    acc_t sum = 0;
    for (int k = 0; k < 16; ++k) sum += slots[threadIdx.y][k][threadIdx.x];
    partial[(split * 2 + threadIdx.y) * columns + column] = sum;
  }
}

// (parts, 2, columns) summed over the parts, in their order. Blocks of 32 by 16 threads.
KERNEL columns_finish(const acc_t* partial, scalar_t* by_weight, scalar_t* by_bias, index_t parts,
                      index_t columns) {
  __shared__ acc_t slots[16][32];
  const index_t at = index_t(blockIdx.x) * 32 + threadIdx.x;
  acc_t sum = 0;
  if (at < 2 * columns)
    for (index_t part = threadIdx.y; part < parts; part += 16) sum += partial[part * 2 * columns + at];
  slots[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && at < 2 * columns) {
    sum = 0;
    for (int k = 0; k < 16; ++k) sum += slots[k][threadIdx.x];
    if (at < columns)
      by_weight[at] = narrow(sum);
    else if (by_bias)
      by_bias[at - columns] = narrow(sum);
  }
}
