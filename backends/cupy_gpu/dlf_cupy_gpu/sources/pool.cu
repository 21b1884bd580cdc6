// Pooling of (planes, depth, height, width); two-dimensional pooling has a depth of 1.
#include "reduce.cuh"

// A dimension's numbers: sizes before and after, and the window's.
#define WINDOW(p) index_t p##_size, index_t p##_out, index_t p##_kernel, index_t p##_stride, index_t p##_pad
#define WINDOWS WINDOW(d), WINDOW(h), WINDOW(w)

// A plane has fewer than 2**31 elements: places in it are ints, whose divisions are short.
struct Window {
  int size, out, kernel, stride, pad, dilation;

  __device__ __forceinline__ int start(int place) const { return place * stride - pad; }
  // The first element of the window that lies inside.
  __device__ __forceinline__ int first(int place) const {
    const int at = start(place);
    return at < 0 ? at + (-at + dilation - 1) / dilation * dilation : at;
  }
  __device__ __forceinline__ int end(int place) const {
    return min(start(place) + (kernel - 1) * dilation + 1, size);
  }
  // The windows that have the element `at`: from `lowest` on, before `beyond`. Their dilation is 1.
  __device__ __forceinline__ int lowest(int at) const {
    const int from = at + pad - kernel + 1;
    return from <= 0 ? 0 : (from + stride - 1) / stride;
  }
  __device__ __forceinline__ int beyond(int at) const {
    return at + pad < 0 ? 0 : min((at + pad) / stride + 1, out);
  }
};

#define MAKE_WINDOW(p, dilation) \
  {int(p##_size), int(p##_out), int(p##_kernel), int(p##_stride), int(p##_pad), int(dilation)}

// The place of an element, or of a window, in its plane.
struct Place {
  index_t plane;
  int d, h, w;
  // Of `index` in (planes, depth, height, width).
  __device__ __forceinline__ Place(index_t index, int depth, int height, int width) {
    const int per_plane = depth * height * width;
    // Short where the index is, too.
    plane = index >> 31 ? index / per_plane : index_t(unsigned(index) / unsigned(per_plane));
    int at = int(index - plane * per_plane);
    w = at % width;
    at /= width;
    h = depth == 1 ? at : at % height;
    d = depth == 1 ? 0 : at / height;
  }
};

// The maximum of each window and its flat place in the plane: of equal values the first, of NaN the
// last; the first place inside where nothing is greater than -infinity.
KERNEL max_pool(const scalar_t* x, scalar_t* y, index_t* places, index_t planes, WINDOWS,
                index_t d_dilation, index_t h_dilation, index_t w_dilation) {
  const Window d = MAKE_WINDOW(d, d_dilation), h = MAKE_WINDOW(h, h_dilation);
  const Window w = MAKE_WINDOW(w, w_dilation);
  const index_t count = planes * d.out * h.out * w.out, size = index_t(d.size) * h.size * w.size;
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const Place to(i, d.out, h.out, w.out);
    const scalar_t* const plane = x + to.plane * size;
    const int first_d = d.first(to.d), first_h = h.first(to.h), first_w = w.first(to.w);
    const int end_d = d.end(to.d), end_h = h.end(to.h), end_w = w.end(to.w);
    acc_t best = -infinity();
    int place = (first_d * h.size + first_h) * w.size + first_w;
#pragma unroll 1
    for (int a = first_d; a < end_d; a += d.dilation)
#pragma unroll 1
      for (int b = first_h; b < end_h; b += h.dilation)
#pragma unroll 1
        for (int c = first_w; c < end_w; c += w.dilation) {
          const int at = (a * h.size + b) * w.size + c;
          const acc_t value = wide(plane[at]);
          if (value > best || value != value) {
            best = value;
            place = at;
          }
        }
    y[i] = narrow(best);
    places[i] = place;
  }
}

KERNEL window_sum(const scalar_t* x, scalar_t* y, index_t planes, WINDOWS) {
  const Window d = MAKE_WINDOW(d, 1), h = MAKE_WINDOW(h, 1), w = MAKE_WINDOW(w, 1);
  const index_t count = planes * d.out * h.out * w.out, size = index_t(d.size) * h.size * w.size;
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const Place to(i, d.out, h.out, w.out);
    const scalar_t* const plane = x + to.plane * size;
    const int end_d = d.end(to.d), end_h = h.end(to.h), end_w = w.end(to.w);
    acc_t sum = 0;
#pragma unroll 1
    for (int a = d.first(to.d); a < end_d; ++a)
#pragma unroll 1
      for (int b = h.first(to.h); b < end_h; ++b)
#pragma unroll 1
        for (int c = w.first(to.w); c < end_w; ++c)
          sum += wide(plane[(a * h.size + b) * w.size + c]);
    y[i] = narrow(sum);
  }
}

// The sum of each whole plane, which a warp has.
KERNEL plane_sum(const scalar_t* x, scalar_t* y, index_t planes, index_t size) {
  for (index_t i = index_t(blockIdx.x) * blockDim.y + threadIdx.y; i < planes;
       i += index_t(gridDim.x) * blockDim.y) {
    Sum sum = Sum::empty();
#pragma unroll 4
    for (index_t k = threadIdx.x; k < size; k += blockDim.x) sum.value += wide(x[i * size + k]);
    sum = team_reduce(sum);
    if (threadIdx.x == 0) y[i] = narrow(sum.value);
  }
}

// The gradient of window_sum: each element gathers from the windows that have it.
KERNEL window_spread(const scalar_t* grad, scalar_t* dx, index_t planes, WINDOWS) {
  const Window d = MAKE_WINDOW(d, 1), h = MAKE_WINDOW(h, 1), w = MAKE_WINDOW(w, 1);
  const index_t count = planes * d.size * h.size * w.size, out = index_t(d.out) * h.out * w.out;
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const Place to(i, d.size, h.size, w.size);
    const scalar_t* const plane = grad + to.plane * out;
    const int beyond_d = d.beyond(to.d), beyond_h = h.beyond(to.h), beyond_w = w.beyond(to.w);
    acc_t sum = 0;
#pragma unroll 1
    for (int a = d.lowest(to.d); a < beyond_d; ++a)
#pragma unroll 1
      for (int b = h.lowest(to.h); b < beyond_h; ++b)
#pragma unroll 1
        for (int c = w.lowest(to.w); c < beyond_w; ++c)
          sum += wide(plane[(a * h.out + b) * w.out + c]);
    dx[i] = narrow(sum);
  }
}
