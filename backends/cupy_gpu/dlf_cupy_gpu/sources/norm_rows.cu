// Layer and root-mean-square normalization over rows of `columns` neighbours, and their gradients.
//
// A team of threads has a row, which it reads once and keeps in shared memory (`cached`; longer rows
// are read again, mostly from the second-level cache). With the row at hand the variance is summed
// around the mean, not from squares. The formulas stand in dlf.ops.norm.
#include "rows.cuh"

// Reads a row: keeps it in `cache`, if not null, and sums it or, where that is not CENTRED, its squares.
template <bool CENTRED>
struct Read {
  scalar_t* cache;
  Sum sum;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& pack, index_t i) {
    if (cache) keep<M>(cache, i, pack);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const acc_t v = wide(pack.at[k]);
      sum.value += CENTRED ? v : v * v;
    }
  }
};

struct Squares {
  acc_t mean;
  Sum sum;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& pack, index_t) {
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const acc_t v = wide(pack.at[k]) - mean;
      sum.value += v * v;
    }
  }
};

struct Write {
  const scalar_t *weight, *bias;
  scalar_t* out;
  acc_t mean, rstd;
  template <int M>
  __device__ __forceinline__ void operator()(Pack<M> pack, index_t i) {
    Pack<M> scale, shift;
    if (weight) scale = load<M>(weight, i);
    if (bias) shift = load<M>(bias, i);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      acc_t v = (wide(pack.at[k]) - mean) * rstd;
      if (weight) v *= wide(scale.at[k]);
      if (bias) v += wide(shift.at[k]);
      pack.at[k] = narrow(v);
    }
    store<M>(out, i, pack);
  }
};

// N > 1 only where rows start at whole packs, so that `weight` and `bias` can be read in packs, too.
template <int N, bool CENTRED>
__device__ __forceinline__ void forward(const scalar_t* x, const scalar_t* weight,
                                        const scalar_t* bias, scalar_t* y, scalar_t* mean_out,
                                        scalar_t* rstd_out, index_t count, index_t columns,
                                        double eps, index_t cached) {
  SHARED_MEMORY(scalar_t, shared);
  scalar_t* const own = shared + threadIdx.y * pitch_of(columns);
  const acc_t share = near_quotient(acc_t(1), acc_t(columns));
#pragma unroll 1
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const scalar_t* const in = x + row * columns;
    Read<CENTRED> read = {cached ? own : nullptr, Sum::empty()};
    visit<N>(in, columns, read);
    Sum sum = team_reduce(read.sum);
    // A thread reads from the cache only what it wrote there.
    const scalar_t* const again = cached ? own : in;
    const acc_t mean = CENTRED ? sum.value * share : acc_t(0);
    if (CENTRED) {
      Squares squares = {mean, Sum::empty()};
      visit<N, 1>(again, columns, squares);
      sum = team_reduce(squares.sum);
    }
    const acc_t rstd = rsqrt(sum.value * share + acc_t(eps));
    if (threadIdx.x == 0) {
      if (CENTRED) mean_out[row] = narrow(mean);
      rstd_out[row] = narrow(rstd);
    }
    Write write = {weight, bias, y + row * columns, mean, rstd};
    visit<N, 1>(again, columns, write);
  }
}

// What the gradients of a row need: the sums along it and, if `by_weight` is not null, what it adds to
// the gradients of weight and bias. Element k of pack i has its sum at k * packs + i, so that
// neighbouring threads are in neighbouring banks.
template <bool CENTRED>
struct Along {
  const scalar_t* weight;
  acc_t *by_weight, *by_bias;
  index_t packs;
  acc_t mean, rstd;
  TwoSums sums;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& g, const Pack<M>& pack, index_t i) {
    Pack<M> scale;
    if (weight) scale = load<M>(weight, i);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const acc_t slope = wide(g.at[k]), h = (wide(pack.at[k]) - mean) * rstd;
      const acc_t e = weight ? slope * wide(scale.at[k]) : slope;
      sums.first += e;
      sums.second += e * h;
      if (by_weight) {
        by_weight[k * packs + i / M] += slope * h;
        if (CENTRED) by_bias[k * packs + i / M] += slope;
      }
    }
  }
};

struct WriteGradient {
  const scalar_t* weight;
  scalar_t* out;
  acc_t mean, rstd, level, along;
  template <int M>
  __device__ __forceinline__ void operator()(Pack<M> g, const Pack<M>& pack, index_t i) {
    Pack<M> scale;
    if (weight) scale = load<M>(weight, i);
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const acc_t h = (wide(pack.at[k]) - mean) * rstd;
      const acc_t e = weight ? wide(g.at[k]) * wide(scale.at[k]) : wide(g.at[k]);
      g.at[k] = narrow(rstd * (e - level - h * along));
    }
    store<M>(out, i, g);
  }
};

// `partial` is null, or takes the sums for weight and bias over each block's rows, (blocks, 2,
// columns); for these every team has 2 * columns sums in shared memory, where a thread adds only to
// its own columns.
template <int N, bool CENTRED>
__device__ __forceinline__ void backward(const scalar_t* grad, const scalar_t* x,
                                         const scalar_t* mean_in, const scalar_t* rstd_in,
                                         const scalar_t* weight, scalar_t* dx, acc_t* partial,
                                         index_t count, index_t columns) {
  SHARED_MEMORY(acc_t, shared);
  const index_t length = columns / N, threads = blockDim.x * blockDim.y;
  const index_t thread = threadIdx.y * blockDim.x + threadIdx.x;
  acc_t* const by_weight = partial ? shared + threadIdx.y * 2 * columns : nullptr;
  acc_t* const by_bias = partial ? by_weight + columns : nullptr;
  const acc_t share = near_quotient(acc_t(1), acc_t(columns));
  if (partial) {
#pragma unroll 1
    for (index_t i = thread; i < 2 * columns * blockDim.y; i += threads) shared[i] = acc_t(0);
    __syncthreads();
  }
#pragma unroll 1
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const scalar_t *const in_grad = grad + row * columns, *const in = x + row * columns;
    const acc_t mean = CENTRED ? acc_t(wide(mean_in[row])) : acc_t(0), rstd = wide(rstd_in[row]);
    Along<CENTRED> read = {weight, by_weight, by_bias, length, mean, rstd, TwoSums::empty()};
    visit_both<N>(in_grad, in, columns, read);
    const TwoSums sums = team_reduce(read.sums);
    const acc_t level = CENTRED ? sums.first * share : acc_t(0), along = sums.second * share;
    WriteGradient write = {weight, dx + row * columns, mean, rstd, level, along};
    visit_both<N>(in_grad, in, columns, write);
  }
  if (!partial) return;
  __syncthreads();
#pragma unroll 1
  for (index_t i = thread; i < 2 * columns; i += threads) {
    const index_t which = i < columns ? 0 : 1, column = i - which * columns;
    const index_t at = which * columns + column % N * length + column / N;
    acc_t sum = 0;
    for (unsigned team = 0; team < blockDim.y; ++team) sum += shared[team * 2 * columns + at];
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
