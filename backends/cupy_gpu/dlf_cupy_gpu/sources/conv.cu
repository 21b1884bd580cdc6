// Convolutions as matrix products whose right operand is gathered from the image on its way to
// shared memory. Images are (batch, channels, d, h, w), weights (outputs, channels of a group, taps).
#include "conv.cuh"

// Rows are a group's outputs, columns the places of all images' results, the depth the channels'
// taps. `bias` may be null.
template <int N>
__device__ __forceinline__ void forward(const scalar_t* x, const scalar_t* weight,
                                        const scalar_t* bias, scalar_t* y, const Sizes s) {
  SHARED_MEMORY(scalar_t, left);
  __shared__ index_t offsets[DEPTH], places[TILE];
  __shared__ int reach_d[DEPTH], reach_h[DEPTH], reach_w[DEPTH];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const index_t depth = s.channels * s.taps(), columns = s.batch * s.places();
  const index_t down = (s.outputs + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
  const int lane = threadIdx.x % TILE;
  for (index_t work = blockIdx.x; work < down * across * s.groups; work += gridDim.x) {
    const index_t first = work % down * TILE, group = work / down / across;
    const index_t column = work / down % across * TILE + lane;
    const index_t image = column / s.places(), at = column % s.places();
    Place start = s.start(at);
    if (column >= columns) start.d = -FAR;
    const index_t source = (image * s.groups + group) * s.channels * s.volume();
    __syncthreads();
    if (threadIdx.x < TILE)
      places[lane] = column < columns
                         ? (image * s.groups + group) * s.outputs * s.places() + at
                         : index_t(-1);
    Sums<true> sums;
    sums.clear();
    for (index_t k = 0; k < depth; k += DEPTH) {
      __syncthreads();
      if (threadIdx.x < DEPTH) {
        const index_t mine = k + threadIdx.x;
        const Place reach = s.reach(mine % s.taps());
        offsets[threadIdx.x] = mine / s.taps() * s.volume();
        reach_d[threadIdx.x] = mine < depth ? reach.d : -FAR;
        reach_h[threadIdx.x] = reach.h;
        reach_w[threadIdx.x] = reach.w;
      }
      stage<N, TILE, DEPTH>(left, DEPTH_PITCH, weight + (group * s.outputs + first) * depth + k,
                            depth, s.outputs - first, depth - k);
      __syncthreads();
      for (int i = threadIdx.x / TILE; i < DEPTH; i += THREADS / TILE) {
        const int d = start.d + reach_d[i], h = start.h + reach_h[i], w = start.w + reach_w[i];
        right[i * PITCH + lane] =
            s.inside(d, h, w) ? x[source + offsets[i] + s.flat(d, h, w)] : narrow(acc_t(0));
      }
      __syncthreads();
      sums.template multiply<true>(left, DEPTH_PITCH, right, PITCH, DEPTH);
    }
    sums.each([&](int, int row, int column, acc_t& sum) {
      const index_t output = first + row;
      if (output < s.outputs && places[column] >= 0)
        y[places[column] + output * s.places()] =
            narrow(bias ? sum + wide(bias[group * s.outputs + output]) : sum);
    });
  }
}

// Rows are a group's channels, columns the places of all images, the depth the outputs' taps.
__device__ __forceinline__ void input_grad(const scalar_t* grad, const scalar_t* weight,
                                           scalar_t* dx, const Sizes s) {
  SHARED_MEMORY(scalar_t, left);
  __shared__ index_t offsets[DEPTH], weights[DEPTH], places[TILE];
  __shared__ int reach_d[DEPTH], reach_h[DEPTH], reach_w[DEPTH];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const index_t depth = s.outputs * s.taps(), columns = s.batch * s.volume();
  const index_t down = (s.channels + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
  const int lane = threadIdx.x % TILE;
  for (index_t work = blockIdx.x; work < down * across * s.groups; work += gridDim.x) {
    const index_t first = work % down * TILE, group = work / down / across;
    const index_t column = work / down % across * TILE + lane;
    const index_t image = column / s.volume(), at = column % s.volume();
    Place to = place_of(at, s.size.h, s.size.w);
    to = {to.d + s.padding.d, to.h + s.padding.h, to.w + s.padding.w};
    if (column >= columns) to.d = -FAR;
    const index_t source = (image * s.groups + group) * s.outputs * s.places();
    __syncthreads();
    if (threadIdx.x < TILE)
      places[lane] = column < columns
                         ? (image * s.groups + group) * s.channels * s.volume() + at
                         : index_t(-1);
    Sums<true> sums;
    sums.clear();
    for (index_t k = 0; k < depth; k += DEPTH) {
      __syncthreads();
      if (threadIdx.x < DEPTH) {
        const index_t mine = k + threadIdx.x, output = mine / s.taps(), tap = mine % s.taps();
        const Place reach = s.reach(tap);
        offsets[threadIdx.x] = output * s.places();
        weights[threadIdx.x] = mine < depth ? output * s.channels * s.taps() + tap : index_t(-1);
        reach_d[threadIdx.x] = mine < depth ? reach.d : FAR;
        reach_h[threadIdx.x] = reach.h;
        reach_w[threadIdx.x] = reach.w;
      }
      __syncthreads();
      const scalar_t* const from = weight + group * s.outputs * s.channels * s.taps();
      for (int i = threadIdx.x; i < TILE * DEPTH; i += THREADS) {
        const int row = i / DEPTH, step = i % DEPTH;
        const bool there = first + row < s.channels && weights[step] >= 0;
        left[row * DEPTH_PITCH + step] =
            there ? from[weights[step] + (first + row) * s.taps()] : narrow(acc_t(0));
      }
      for (int i = threadIdx.x / TILE; i < DEPTH; i += THREADS / TILE) {
        const int d = seen_by(to.d - reach_d[i], s.stride.d, s.out.d);
        const int h = seen_by(to.h - reach_h[i], s.stride.h, s.out.h);
        const int w = seen_by(to.w - reach_w[i], s.stride.w, s.out.w);
        right[i * PITCH + lane] =
            d >= 0 && h >= 0 && w >= 0
                ? grad[source + offsets[i] + (index_t(d) * s.out.h + h) * s.out.w + w]
                : narrow(acc_t(0));
      }
      __syncthreads();
      sums.template multiply<true>(left, DEPTH_PITCH, right, PITCH, DEPTH);
    }
    sums.each([&](int, int row, int column, acc_t& sum) {
      if (first + row < s.channels && places[column] >= 0)
        dx[places[column] + (first + row) * s.volume()] = narrow(sum);
    });
  }
}

// Rows are a group's outputs, columns the channels' taps, the depth the places of all images'
// results, which `splits` blocks share. `partial` is (splits, groups * outputs, channels * taps).
__device__ __forceinline__ void weight_grad(const scalar_t* grad, const scalar_t* x, acc_t* partial,
                                            scalar_t* dw, index_t splits, const Sizes s) {
  SHARED_MEMORY(scalar_t, left);
  __shared__ index_t outputs_at[DEPTH], inputs_at[DEPTH], channel_at[TILE];
  __shared__ int start_d[DEPTH], start_h[DEPTH], start_w[DEPTH];
  __shared__ int reach_d[TILE], reach_h[TILE], reach_w[TILE];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const index_t depth = s.batch * s.places(), columns = s.channels * s.taps();
  const index_t down = (s.outputs + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
  const index_t share = ((depth + DEPTH - 1) / DEPTH + splits - 1) / splits * DEPTH;
  for (index_t work = blockIdx.x; work < down * across * s.groups * splits; work += gridDim.x) {
    const index_t first = work % down * TILE, column = work / down % across * TILE;
    const index_t group = work / down / across % s.groups, split = work / down / across / s.groups;
    const index_t end = (split + 1) * share < depth ? (split + 1) * share : depth;
    __syncthreads();
    if (threadIdx.x < TILE) {
      const index_t mine = column + threadIdx.x;
      const Place reach = s.reach(mine % s.taps());
      channel_at[threadIdx.x] = mine / s.taps() * s.volume();
      reach_d[threadIdx.x] = mine < columns ? reach.d : -FAR;
      reach_h[threadIdx.x] = reach.h;
      reach_w[threadIdx.x] = reach.w;
    }
    Sums<false> sums;
    sums.clear();
    for (index_t k = split * share; k < end; k += DEPTH) {
      __syncthreads();
      if (threadIdx.x < DEPTH) {
        const index_t mine = k + threadIdx.x, image = mine / s.places(), at = mine % s.places();
        const Place start = s.start(at);
        outputs_at[threadIdx.x] =
            mine < end ? (image * s.groups + group) * s.outputs * s.places() + at : index_t(-1);
        inputs_at[threadIdx.x] = (image * s.groups + group) * s.channels * s.volume();
        start_d[threadIdx.x] = mine < end ? start.d : -FAR;
        start_h[threadIdx.x] = start.h;
        start_w[threadIdx.x] = start.w;
      }
      __syncthreads();
      const int step = threadIdx.x % DEPTH;
      const index_t from = outputs_at[step];
      for (int row = threadIdx.x / DEPTH; row < TILE; row += THREADS / DEPTH) {
        left[row * DEPTH_PITCH + step] = from >= 0 && first + row < s.outputs
                                             ? grad[from + (first + row) * s.places()]
                                             : narrow(acc_t(0));
        const int d = start_d[step] + reach_d[row], h = start_h[step] + reach_h[row],
                  w = start_w[step] + reach_w[row];
        right[row * DEPTH_PITCH + step] =
            s.inside(d, h, w) ? x[inputs_at[step] + channel_at[row] + s.flat(d, h, w)]
                              : narrow(acc_t(0));
      }
      __syncthreads();
      sums.template multiply<true>(left, DEPTH_PITCH, right, DEPTH_PITCH, DEPTH);
    }
    sums.each([&](int, int row, int to, acc_t& sum) {
      if (first + row < s.outputs && column + to < columns) {
        const index_t at = (group * s.outputs + first + row) * columns + column + to;
        if (partial)
          partial[split * s.groups * s.outputs * columns + at] = sum;
        else
          dw[at] = narrow(sum);
      }
    });
  }
}

KERNEL conv(const scalar_t* x, const scalar_t* weight, const scalar_t* bias, scalar_t* y, CONV) {
  forward<1>(x, weight, bias, y, SIZES);
}
KERNEL conv_wide(const scalar_t* x, const scalar_t* weight, const scalar_t* bias, scalar_t* y,
                 CONV) {
  forward<WIDTH>(x, weight, bias, y, SIZES);
}
KERNEL conv_input_grad(const scalar_t* grad, const scalar_t* weight, scalar_t* dx, CONV) {
  input_grad(grad, weight, dx, SIZES);
}
KERNEL conv_weight_grad(const scalar_t* grad, const scalar_t* x, acc_t* partial, scalar_t* dw,
                        index_t splits, CONV) {
  weight_grad(grad, x, partial, dw, splits, SIZES);
}

// (splits, count) summed over the splits, in their order.
KERNEL conv_weight_sum(const acc_t* partial, scalar_t* dw, index_t splits, index_t count) {
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    acc_t sum = 0;
    for (index_t split = 0; split < splits; ++split) sum += partial[split * count + i];
    dw[i] = narrow(sum);
  }
}
