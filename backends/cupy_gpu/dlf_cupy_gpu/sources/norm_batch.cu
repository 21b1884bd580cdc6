// Batch normalization of (batch, channels, inner) by each channel's own statistics, and its gradient.
//
// Three launches: every block sums a share of a channel (*_partial), a warp joins the shares of one
// channel and makes its coefficients (*_join), and a last pass over the elements applies them
// (*_apply). *_planes has the elements of one sample and channel beside each other; *_columns is for
// few of these, and lets neighbouring threads have neighbouring columns of (batch, channels * inner).
#include "rows.cuh"

// Count, mean and sum of squared distances from the mean (Chan, Golub and LeVeque, 1983).
struct Moments {
  acc_t count, mean, square;
  static __device__ __forceinline__ Moments empty() { return {acc_t(0), acc_t(0), acc_t(0)}; }
  __device__ __forceinline__ Moments merge(Moments o) const {
    const acc_t all = count + o.count;
    if (all == acc_t(0)) return *this;
    const acc_t share = near_quotient(o.count, all), apart = o.mean - mean;
    // Of infinities the mean is one, and the variance NaN.
    if (apart - apart != acc_t(0)) return {all, mean + o.mean, apart - apart};
    return {all, mean + apart * share, square + o.square + apart * apart * count * share};
  }
  __device__ __forceinline__ Moments lane(int bits) const {
    return {__shfl_xor_sync(FULL_WARP, count, bits), __shfl_xor_sync(FULL_WARP, mean, bits),
            __shfl_xor_sync(FULL_WARP, square, bits)};
  }
};

// The moments of up to four packs, of which the first `there` count: around their own mean.
template <int N>
__device__ __forceinline__ Moments of_packs(const Pack<N> (&packs)[4], int there) {
  acc_t mean = 0, square = 0;
#pragma unroll
  for (int c = 0; c < 4; ++c)
#pragma unroll
    for (int k = 0; k < N; ++k) mean += c < there ? acc_t(wide(packs[c].at[k])) : acc_t(0);
  mean *= there == 4 ? acc_t(1) / acc_t(4 * N) : there == 3 ? acc_t(1) / acc_t(3 * N)
          : there == 2 ? acc_t(1) / acc_t(2 * N) : acc_t(1) / acc_t(N);
#pragma unroll
  for (int c = 0; c < 4; ++c)
#pragma unroll
    for (int k = 0; k < N; ++k) {
      const acc_t apart = wide(packs[c].at[k]) - mean;
      square += c < there ? apart * apart : acc_t(0);
    }
  return {acc_t(N * there), mean, square};
}

// A block has a channel and a share of its pieces: `chunk` packs or less of one sample's plane.
// `lanes` threads, a power of two, share a piece.
struct Place {
  index_t piece, step, lane, channel, split;
  __device__ __forceinline__ Place(index_t splits, index_t lanes) {
    const index_t teams = blockDim.x / lanes;
    channel = blockIdx.x / splits;
    split = blockIdx.x % splits;
    piece = split * teams + threadIdx.x / lanes;
    step = splits * teams;
    lane = threadIdx.x % lanes;
  }
};

constexpr index_t CHUNK = 4096;

template <int N>
__device__ __forceinline__ void forward_planes(const scalar_t* x, acc_t* partial, index_t batch,
                                               index_t channels, index_t inner, index_t splits,
                                               index_t lanes) {
  const Place at(splits, lanes);
  const index_t length = inner / N, chunks = (length + CHUNK - 1) / CHUNK;
  Moments moments = Moments::empty();
  for (index_t piece = at.piece; piece < batch * chunks; piece += at.step) {
    const scalar_t* const in = x + (piece / chunks * channels + at.channel) * inner;
    const index_t start = piece % chunks * CHUNK, end = min(start + CHUNK, length);
    // Several packs are read at once, and merged by one division.
#pragma unroll 1
    for (index_t i = start + at.lane; i < end; i += 4 * lanes) {
      Pack<N> packs[4];
      int there = 0;
#pragma unroll
      for (int b = 0; b < 4; ++b)
        if (i + b * lanes < end) {
          packs[b] = load<N>(in, (i + b * lanes) * N);
          there = b + 1;
        }
      moments = moments.merge(of_packs<N>(packs, there));
    }
  }
  moments = team_reduce(moments);
  if (threadIdx.x == 0) {
    acc_t* out = partial + 3 * (at.split * channels + at.channel);
    out[0] = moments.count;
    out[1] = moments.mean;
    out[2] = moments.square;
  }
}

template <int N>
__device__ __forceinline__ void backward_planes(const scalar_t* grad, const scalar_t* x,
                                                const scalar_t* mean_in, const scalar_t* var,
                                                acc_t* partial, double eps, index_t batch,
                                                index_t channels, index_t inner, index_t splits,
                                                index_t lanes) {
  const Place at(splits, lanes);
  const index_t length = inner / N, chunks = (length + CHUNK - 1) / CHUNK;
  const acc_t mean = wide(mean_in[at.channel]), rstd = rsqrt(wide(var[at.channel]) + acc_t(eps));
  TwoSums sums = TwoSums::empty();
  for (index_t piece = at.piece; piece < batch * chunks; piece += at.step) {
    const index_t plane = (piece / chunks * channels + at.channel) * inner;
    const index_t start = piece % chunks * CHUNK, end = min(start + CHUNK, length);
#pragma unroll 1
    for (index_t i = start + at.lane; i < end; i += 2 * lanes) {
      Pack<N> pack[2], g[2];
#pragma unroll
      for (int b = 0; b < 2; ++b) {
        if (i + b * lanes >= end) break;
        pack[b] = load<N>(x + plane, (i + b * lanes) * N);
        g[b] = load<N>(grad + plane, (i + b * lanes) * N);
      }
#pragma unroll
      for (int b = 0; b < 2; ++b) {
        if (i + b * lanes >= end) break;
#pragma unroll
        for (int k = 0; k < N; ++k) {
          sums.first += wide(g[b].at[k]);
          sums.second += wide(g[b].at[k]) * ((wide(pack[b].at[k]) - mean) * rstd);
        }
      }
    }
  }
  sums = team_reduce(sums);
  if (threadIdx.x == 0) {
    acc_t* out = partial + 2 * (at.split * channels + at.channel);
    out[0] = sums.first;
    out[1] = sums.second;
  }
}

// Blocks of 32 by 16 threads: 32 columns, and a share of the samples. `partial` has a row for each
// split.
KERNEL forward_partial_columns(const scalar_t* x, acc_t* partial, index_t batch, index_t columns,
                               index_t splits) {
  __shared__ Moments slots[16][32];
  const index_t split = blockIdx.x % splits, column = blockIdx.x / splits * 32 + threadIdx.x;
  Moments moments = Moments::empty();
  if (column < columns) {
    for (index_t n = split * 16 + threadIdx.y; n < batch; n += splits * 16) {
      const Moments one = {acc_t(1), wide(x[n * columns + column]), acc_t(0)};
      moments = moments.merge(one);
    }
  }
  slots[threadIdx.y][threadIdx.x] = moments;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
    for (int k = 1; k < 16; ++k) moments = moments.merge(slots[k][threadIdx.x]);
    acc_t* out = partial + 3 * (split * columns + column);
    out[0] = moments.count;
    out[1] = moments.mean;
    out[2] = moments.square;
  }
}

KERNEL backward_partial_columns(const scalar_t* grad, const scalar_t* x, const scalar_t* mean_in,
                                const scalar_t* var, acc_t* partial, double eps, index_t batch,
                                index_t columns, index_t inner, index_t splits) {
  __shared__ TwoSums slots[16][32];
  const index_t split = blockIdx.x % splits, column = blockIdx.x / splits * 32 + threadIdx.x;
  TwoSums sums = TwoSums::empty();
  if (column < columns) {
    const acc_t mean = wide(mean_in[column / inner]);
    const acc_t rstd = rsqrt(wide(var[column / inner]) + acc_t(eps));
    for (index_t n = split * 16 + threadIdx.y; n < batch; n += splits * 16) {
      const acc_t slope = wide(grad[n * columns + column]);
      sums.first += slope;
      sums.second += slope * ((wide(x[n * columns + column]) - mean) * rstd);
    }
  }
  slots[threadIdx.y][threadIdx.x] = sums;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
    for (int k = 1; k < 16; ++k) sums = sums.merge(slots[k][threadIdx.x]);
    acc_t* out = partial + 2 * (split * columns + column);
    out[0] = sums.first;
    out[1] = sums.second;
  }
}

// A warp a channel; `group` shares of a channel lie beside each other. `coefficients` is (2,
// channels): mean, and 1 / standard deviation times weight.
KERNEL forward_join(const acc_t* partial, const scalar_t* weight, scalar_t* mean, scalar_t* var,
                    acc_t* coefficients, double eps, index_t channels, index_t splits,
                    index_t group) {
  for (index_t c = index_t(blockIdx.x) * blockDim.y + threadIdx.y; c < channels;
       c += index_t(gridDim.x) * blockDim.y) {
    Moments moments = Moments::empty();
    for (index_t i = threadIdx.x; i < splits * group; i += 32) {
      const acc_t* part = partial + 3 * ((i / group * channels + c) * group + i % group);
      const Moments one = {part[0], part[1], part[2]};
      moments = moments.merge(one);
    }
    moments = team_reduce(moments);
    if (threadIdx.x == 0) {
      const acc_t variance = moments.square / moments.count;
      const acc_t rstd = rsqrt(variance + acc_t(eps));
      mean[c] = narrow(moments.mean);
      var[c] = narrow(variance);
      coefficients[c] = moments.mean;
      coefficients[channels + c] = weight ? rstd * wide(weight[c]) : rstd;
    }
  }
}

// `coefficients` is (5, channels): mean, 1 / standard deviation, that times weight, the mean of the
// gradient, and that of the gradient times the normal values.
KERNEL backward_join(const acc_t* partial, const scalar_t* weight, const scalar_t* mean,
                     const scalar_t* var, scalar_t* by_weight, scalar_t* by_bias,
                     acc_t* coefficients, double eps, index_t channels, index_t splits,
                     index_t group, index_t count) {
  for (index_t c = index_t(blockIdx.x) * blockDim.y + threadIdx.y; c < channels;
       c += index_t(gridDim.x) * blockDim.y) {
    TwoSums sums = TwoSums::empty();
    for (index_t i = threadIdx.x; i < splits * group; i += 32) {
      const acc_t* part = partial + 2 * ((i / group * channels + c) * group + i % group);
      const TwoSums one = {part[0], part[1]};
      sums = sums.merge(one);
    }
    sums = team_reduce(sums);
    if (threadIdx.x == 0) {
      const acc_t rstd = rsqrt(wide(var[c]) + acc_t(eps));
      by_bias[c] = narrow(sums.first);
      by_weight[c] = narrow(sums.second);
      coefficients[c] = wide(mean[c]);
      coefficients[channels + c] = rstd;
      coefficients[2 * channels + c] = weight ? rstd * wide(weight[c]) : rstd;
      coefficients[3 * channels + c] = sums.first / acc_t(count);
      coefficients[4 * channels + c] = sums.second / acc_t(count);
    }
  }
}

struct Forward {
  acc_t mean, scale, shift;
  __device__ __forceinline__ Forward(const acc_t* coefficients, const scalar_t* bias, index_t c,
                                     index_t channels)
      : mean(coefficients[c]),
        scale(coefficients[channels + c]),
        shift(bias ? acc_t(wide(bias[c])) : acc_t(0)) {}
  __device__ __forceinline__ acc_t operator()(acc_t x) const { return (x - mean) * scale + shift; }
};

struct Backward {
  acc_t mean, rstd, scale, level, along;
  __device__ __forceinline__ Backward(const acc_t* coefficients, index_t c, index_t channels)
      : mean(coefficients[c]),
        rstd(coefficients[channels + c]),
        scale(coefficients[2 * channels + c]),
        level(coefficients[3 * channels + c]),
        along(coefficients[4 * channels + c]) {}
  __device__ __forceinline__ acc_t operator()(acc_t grad, acc_t x) const {
    return scale * (grad - level - (x - mean) * rstd * along);
  }
};

// Here a block has pieces of any channel: `lanes` threads a piece.
template <int N>
__device__ __forceinline__ void apply_forward(const scalar_t* x, const acc_t* coefficients,
                                              const scalar_t* bias, scalar_t* y, index_t planes,
                                              index_t channels, index_t inner, index_t lanes) {
  const index_t length = inner / N, chunks = (length + CHUNK - 1) / CHUNK;
  const index_t teams = blockDim.x / lanes;
  for (index_t piece = blockIdx.x * teams + threadIdx.x / lanes; piece < planes * chunks;
       piece += gridDim.x * teams) {
    const index_t plane = piece / chunks;
    const Forward f(coefficients, bias, plane % channels, channels);
    const index_t start = piece % chunks * CHUNK, end = min(start + CHUNK, length);
#pragma unroll 1
    for (index_t i = start + threadIdx.x % lanes; i < end; i += lanes) {
      Pack<N> pack = packs<N>(x + plane * inner)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) pack.at[k] = narrow(f(wide(pack.at[k])));
      packs<N>(y + plane * inner)[i] = pack;
    }
  }
}

template <int N>
__device__ __forceinline__ void apply_backward(const scalar_t* grad, const scalar_t* x,
                                               const acc_t* coefficients, scalar_t* dx,
                                               index_t planes, index_t channels, index_t inner,
                                               index_t lanes) {
  const index_t length = inner / N, chunks = (length + CHUNK - 1) / CHUNK;
  const index_t teams = blockDim.x / lanes;
  for (index_t piece = blockIdx.x * teams + threadIdx.x / lanes; piece < planes * chunks;
       piece += gridDim.x * teams) {
    const index_t plane = piece / chunks;
    const Backward f(coefficients, plane % channels, channels);
    const index_t start = piece % chunks * CHUNK, end = min(start + CHUNK, length);
#pragma unroll 1
    for (index_t i = start + threadIdx.x % lanes; i < end; i += lanes) {
      Pack<N> g = packs<N>(grad + plane * inner)[i];
      const Pack<N> pack = packs<N>(x + plane * inner)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) g.at[k] = narrow(f(wide(g.at[k]), wide(pack.at[k])));
      packs<N>(dx + plane * inner)[i] = g;
    }
  }
}

KERNEL forward_apply_columns(const scalar_t* x, const acc_t* coefficients, const scalar_t* bias,
                             scalar_t* y, index_t batch, index_t channels, index_t inner,
                             index_t splits) {
  const index_t columns = channels * inner;
  const index_t split = blockIdx.x % splits, column = blockIdx.x / splits * 32 + threadIdx.x;
  if (column >= columns) return;
  const Forward f(coefficients, bias, column / inner, channels);
  for (index_t n = split * 16 + threadIdx.y; n < batch; n += splits * 16)
    y[n * columns + column] = narrow(f(wide(x[n * columns + column])));
}

KERNEL backward_apply_columns(const scalar_t* grad, const scalar_t* x, const acc_t* coefficients,
                              scalar_t* dx, index_t batch, index_t channels, index_t inner,
                              index_t splits) {
  const index_t columns = channels * inner;
  const index_t split = blockIdx.x % splits, column = blockIdx.x / splits * 32 + threadIdx.x;
  if (column >= columns) return;
  const Backward f(coefficients, column / inner, channels);
  for (index_t n = split * 16 + threadIdx.y; n < batch; n += splits * 16) {
    const index_t at = n * columns + column;
    dx[at] = narrow(f(wide(grad[at]), wide(x[at])));
  }
}

#define ENTRIES(suffix, N)                                                                        \
  KERNEL forward_partial_planes##suffix(const scalar_t* x, acc_t* partial, index_t batch,         \
                                        index_t channels, index_t inner, index_t splits,          \
                                        index_t lanes) {                                          \
    forward_planes<N>(x, partial, batch, channels, inner, splits, lanes);                         \
  }                                                                                               \
  KERNEL backward_partial_planes##suffix(                                                         \
      const scalar_t* grad, const scalar_t* x, const scalar_t* mean, const scalar_t* var,         \
      acc_t* partial, double eps, index_t batch, index_t channels, index_t inner, index_t splits, \
      index_t lanes) {                                                                            \
    backward_planes<N>(grad, x, mean, var, partial, eps, batch, channels, inner, splits, lanes);  \
  }                                                                                               \
  KERNEL forward_apply_planes##suffix(const scalar_t* x, const acc_t* coefficients,               \
                                      const scalar_t* bias, scalar_t* y, index_t planes,          \
                                      index_t channels, index_t inner, index_t lanes) {           \
    apply_forward<N>(x, coefficients, bias, y, planes, channels, inner, lanes);                   \
  }                                                                                               \
  KERNEL backward_apply_planes##suffix(const scalar_t* grad, const scalar_t* x,                   \
                                       const acc_t* coefficients, scalar_t* dx, index_t planes,   \
                                       index_t channels, index_t inner, index_t lanes) {          \
    apply_backward<N>(grad, x, coefficients, dx, planes, channels, inner, lanes);                 \
  }

ENTRIES(, 1)
ENTRIES(_wide, WIDTH)
