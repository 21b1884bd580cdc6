// Convolutions as matrix products whose right operand is gathered from the image on its way to
// shared memory. Images are (batch, channels, d, h, w), weights (outputs, channels of a group, taps).
#include "conv.cuh"

// What the windows of one column of outputs read: the first of them starts at `base` and `start`.
struct Window {
  index_t base;
  Place start;
};
// A step of the sum: how far it is from the start of a window, in elements and in each dimension.
struct alignas(16) Step {
  int offset, d, h, w;
};

__device__ __forceinline__ Step step_of(const Sizes& s, int index, int depth) {
  if (index >= depth) return {0, -FAR, 0, 0};
  const int taps = int(s.taps()), channel = index / taps;
  const Place reach = s.reach(index - channel * taps);
  return {int(channel * s.volume() + s.flat(reach.d, reach.h, reach.w)), reach.d, reach.h, reach.w};
}

// Part of a tile of (DEPTH, TILE) elements of the image: a thread has one column.
struct Gathered {
  static constexpr int BETWEEN = THREADS / TILE, COUNT = DEPTH / BETWEEN;
  scalar_t at[COUNT];

  __device__ __forceinline__ void read(const scalar_t* x, const Sizes& s, const Window& window,
                                       const Step* steps) {
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const Step step = steps[threadIdx.x / TILE + c * BETWEEN];
      const bool inside = s.inside(window.start.d + step.d, window.start.h + step.h,
                                   window.start.w + step.w);
      at[c] = inside ? x[window.base + step.offset] : narrow(acc_t(0));
    }
  }
  __device__ __forceinline__ void write(scalar_t* tile) const {
#pragma unroll
    for (int c = 0; c < COUNT; ++c)
      tile[(threadIdx.x / TILE + c * BETWEEN) * PITCH + threadIdx.x % TILE] = at[c];
  }
};

// Rows are a group's outputs, columns the places of all images' results, the depth the channels'
// taps. Operands of the next step are on their way while those of one are multiplied. `bias` may be
// null.
template <int N>
__device__ __forceinline__ void forward(const scalar_t* x, const scalar_t* weight,
                                        const scalar_t* bias, scalar_t* y, const Sizes s) {
  // Single short weights would take too many registers.
  constexpr bool AHEAD = N > 1 || !SHORT;
  SHARED_MEMORY(scalar_t, left);
  __shared__ index_t places[TILE];
  __shared__ Step steps[2][DEPTH];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const int depth = int(s.channels * s.taps()), lane = threadIdx.x % TILE;
  const index_t columns = s.batch * s.places();
  const index_t down = (s.outputs + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
#pragma unroll 1
  for (index_t work = blockIdx.x; work < down * across * s.groups; work += gridDim.x) {
    const index_t first = work % down * TILE, group = work / down / across;
    const index_t column = work / down % across * TILE + lane;
    const index_t image = column / s.places(), at = column % s.places();
    Window window = {0, s.start(at)};
    window.base = (image * s.groups + group) * s.channels * s.volume() +
                  s.flat(window.start.d, window.start.h, window.start.w);
    if (column >= columns) window.start.d = -FAR;
    const scalar_t* const rows = weight + (group * s.outputs + first) * depth;
    const int below = int(min(s.outputs - first, index_t(TILE)));
    __syncthreads();
    if (threadIdx.x < TILE)
      places[lane] = column < columns
                         ? (image * s.groups + group) * s.outputs * s.places() + at
                         : index_t(-1);
    if (threadIdx.x < DEPTH) steps[0][threadIdx.x] = step_of(s, threadIdx.x, depth);
    __syncthreads();
    Gathered gathered;
    Staged<N, TILE, DEPTH> weights;
    gathered.read(x, s, window, steps[0]);
    if (AHEAD) weights.read(rows, depth, below, depth);
    Sums<true> sums;
    sums.clear();
    int turn = 0;
#pragma unroll 1
    for (int k = 0; k < depth; k += DEPTH) {
      __syncthreads();
      gathered.write(right);
      if (AHEAD)
        weights.write(left, DEPTH_PITCH);
      else
        stage<N, TILE, DEPTH>(left, DEPTH_PITCH, rows + k, depth, below, depth - k);
      const int next = k + DEPTH;
      turn ^= 1;
      if (threadIdx.x < DEPTH) steps[turn][threadIdx.x] = step_of(s, next + threadIdx.x, depth);
      __syncthreads();
      if (next < depth) {
        gathered.read(x, s, window, steps[turn]);
        if (AHEAD) weights.read(rows + next, depth, below, depth - next);
      }
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

// The part of `Gathered` for gradients: what reaches an input through a step of the sum, which is an
// output and a tap. `offset` is that of the output's channel.
struct Scattered {
  static constexpr int BETWEEN = THREADS / TILE, COUNT = DEPTH / BETWEEN;
  scalar_t at[COUNT];

  __device__ __forceinline__ void read(const scalar_t* grad, const Sizes& s, index_t base, Place to,
                                       const Step* steps) {
    if (s.stride.d == 1 && s.stride.h == 1 && s.stride.w == 1) {
#pragma unroll
      for (int c = 0; c < COUNT; ++c) {
        const Step step = steps[threadIdx.x / TILE + c * BETWEEN];
        const int d = to.d - step.d, h = to.h - step.h, w = to.w - step.w;
        const bool seen = unsigned(d) < unsigned(s.out.d) && unsigned(h) < unsigned(s.out.h) &&
                          unsigned(w) < unsigned(s.out.w);
        at[c] = seen ? grad[base + step.offset + (d * s.out.h + h) * s.out.w + w]
                     : narrow(acc_t(0));
      }
      return;
    }
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const Step step = steps[threadIdx.x / TILE + c * BETWEEN];
      const int d = seen_by(to.d - step.d, s.stride.d, s.out.d);
      const int h = seen_by(to.h - step.h, s.stride.h, s.out.h);
      const int w = seen_by(to.w - step.w, s.stride.w, s.out.w);
      at[c] = d >= 0 && h >= 0 && w >= 0
                  ? grad[base + step.offset + (index_t(d) * s.out.h + h) * s.out.w + w]
                  : narrow(acc_t(0));
    }
  }
  __device__ __forceinline__ void write(scalar_t* tile) const {
#pragma unroll
    for (int c = 0; c < COUNT; ++c)
      tile[(threadIdx.x / TILE + c * BETWEEN) * PITCH + threadIdx.x % TILE] = at[c];
  }
};

// Rows are a group's channels, columns the places of all images, the depth the outputs' taps. Gradients
// of the next step are on their way while those of one are multiplied.
__device__ __forceinline__ void input_grad(const scalar_t* grad, const scalar_t* weight,
                                           scalar_t* dx, const Sizes s) {
  SHARED_MEMORY(scalar_t, left);
  __shared__ index_t places[TILE];
  __shared__ Step steps[2][DEPTH];
  __shared__ int weights[2][DEPTH];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const int depth = int(s.outputs * s.taps()), taps = int(s.taps()), lane = threadIdx.x % TILE;
  const index_t columns = s.batch * s.volume();
  const index_t down = (s.channels + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
  const auto prepare = [&](int turn, int k) {
    if (threadIdx.x >= DEPTH) return;
    const int index = k + threadIdx.x, output = index / taps, tap = index - output * taps;
    const Place reach = s.reach(tap);
    const bool there = index < depth;
    steps[turn][threadIdx.x] = {there ? int(output * s.places()) : 0, there ? reach.d : FAR, reach.h,
                                reach.w};
    weights[turn][threadIdx.x] = there ? int(output * s.channels * taps + tap) : -1;
  };
#pragma unroll 1
  for (index_t work = blockIdx.x; work < down * across * s.groups; work += gridDim.x) {
    const index_t first = work % down * TILE, group = work / down / across;
    const index_t column = work / down % across * TILE + lane;
    const index_t image = column / s.volume(), at = column % s.volume();
    Place to = place_of(at, s.size.h, s.size.w);
    to = {to.d + s.padding.d, to.h + s.padding.h, to.w + s.padding.w};
    if (column >= columns) to.d = -FAR;
    const index_t source = (image * s.groups + group) * s.outputs * s.places();
    const scalar_t* const from = weight + (group * s.outputs * s.channels + first) * taps;
    __syncthreads();
    if (threadIdx.x < TILE)
      places[lane] = column < columns
                         ? (image * s.groups + group) * s.channels * s.volume() + at
                         : index_t(-1);
    prepare(0, 0);
    __syncthreads();
    Scattered scattered;
    scattered.read(grad, s, source, to, steps[0]);
    Sums<true> sums;
    sums.clear();
    int turn = 0;
#pragma unroll 1
    for (int k = 0; k < depth; k += DEPTH, turn ^= 1) {
      __syncthreads();
      scattered.write(right);
#pragma unroll 4
      for (int i = threadIdx.x; i < TILE * DEPTH; i += THREADS) {
        const int row = i / DEPTH, step = i % DEPTH, place = weights[turn][step];
        left[row * DEPTH_PITCH + step] =
            first + row < s.channels && place >= 0 ? from[place + row * taps] : narrow(acc_t(0));
      }
      prepare(turn ^ 1, k + DEPTH);
      __syncthreads();
      if (k + DEPTH < depth) scattered.read(grad, s, source, to, steps[turn ^ 1]);
      sums.template multiply<true>(left, DEPTH_PITCH, right, PITCH, DEPTH);
    }
    sums.each([&](int, int row, int column, acc_t& sum) {
      if (first + row < s.channels && places[column] >= 0)
        dx[places[column] + (first + row) * s.volume()] = narrow(sum);
    });
  }
}

// Parts of both operands of a weight's gradient, (TILE, DEPTH): a thread has one place of the sum.
struct Paired {
  static constexpr int BETWEEN = THREADS / DEPTH, COUNT = TILE / BETWEEN;
  scalar_t grads[COUNT], inputs[COUNT];

  // `place` is one of all images' results, of `group`; `there` tells whether it counts.
  __device__ __forceinline__ void read(const scalar_t* grad, const scalar_t* x, const Sizes& s,
                                       index_t group, index_t first, index_t place, bool there,
                                       const Step* steps) {
    const index_t image = place / s.places(), at = place - image * s.places();
    const int own = threadIdx.x / DEPTH, rows = there ? int(min(s.outputs - first, index_t(TILE))) : 0;
    const scalar_t* const from =
        grad + ((image * s.groups + group) * s.outputs + first) * s.places() + at;
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const int row = own + c * BETWEEN;
      grads[c] = row < rows ? from[row * s.places()] : narrow(acc_t(0));
    }
    Place start = s.start(at);
    const index_t base = (image * s.groups + group) * s.channels * s.volume() +
                         s.flat(start.d, start.h, start.w);
    if (!there) start.d = -FAR;
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const Step step = steps[own + c * BETWEEN];
      const bool inside = s.inside(start.d + step.d, start.h + step.h, start.w + step.w);
      inputs[c] = inside ? x[base + step.offset] : narrow(acc_t(0));
    }
  }
  __device__ __forceinline__ void write(scalar_t* left, scalar_t* right) const {
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const int to = (threadIdx.x / DEPTH + c * BETWEEN) * DEPTH_PITCH + threadIdx.x % DEPTH;
      left[to] = grads[c];
      right[to] = inputs[c];
    }
  }
};

// Rows are a group's outputs, columns the channels' taps, the depth the places of all images'
// results, which `splits` blocks share. `partial` is (splits, groups * outputs, channels * taps).
__device__ __forceinline__ void weight_grad(const scalar_t* grad, const scalar_t* x, acc_t* partial,
                                            scalar_t* dw, index_t splits, const Sizes s) {
  SHARED_MEMORY(scalar_t, left);
  __shared__ Step steps[TILE];
  scalar_t* const right = left + TILE * DEPTH_PITCH;
  const index_t depth = s.batch * s.places(), columns = s.channels * s.taps();
  const index_t down = (s.outputs + TILE - 1) / TILE, across = (columns + TILE - 1) / TILE;
  const index_t share = ((depth + DEPTH - 1) / DEPTH + splits - 1) / splits * DEPTH;
#pragma unroll 1
  for (index_t work = blockIdx.x; work < down * across * s.groups * splits; work += gridDim.x) {
    const index_t first = work % down * TILE, column = work / down % across * TILE;
    const index_t group = work / down / across % s.groups, split = work / down / across / s.groups;
    const index_t end = (split + 1) * share < depth ? (split + 1) * share : depth;
    __syncthreads();
    if (threadIdx.x < TILE)
      steps[threadIdx.x] = step_of(s, int(column) + int(threadIdx.x), int(columns));
    __syncthreads();
    Sums<false> sums;
    sums.clear();
    Paired parts;
    index_t place = split * share + threadIdx.x % DEPTH;
    parts.read(grad, x, s, group, first, place, place < end, steps);
#pragma unroll 1
    for (index_t k = split * share; k < end; k += DEPTH) {
      __syncthreads();
      parts.write(left, right);
      __syncthreads();
      place += DEPTH;
      if (k + DEPTH < end) parts.read(grad, x, s, group, first, place, place < end, steps);
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
