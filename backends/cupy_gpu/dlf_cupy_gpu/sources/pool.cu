// Pooling of (planes, depth, height, width); two-dimensional pooling has a depth of 1.
#include "reduce.cuh"

// A dimension's numbers: sizes before and after, and the window's.
#define WINDOW(p) index_t p##_size, index_t p##_out, index_t p##_kernel, index_t p##_stride, index_t p##_pad
#define WINDOWS WINDOW(d), WINDOW(h), WINDOW(w)

struct Window {
  index_t size, out, kernel, stride, pad, dilation;

  __device__ __forceinline__ index_t start(index_t place) const { return place * stride - pad; }
  // The first element of the window that lies inside.
  __device__ __forceinline__ index_t first(index_t place) const {
    const index_t at = start(place);
    return at < 0 ? at + (-at + dilation - 1) / dilation * dilation : at;
  }
  __device__ __forceinline__ index_t end(index_t place) const {
    return min(start(place) + (kernel - 1) * dilation + 1, size);
  }
  // The windows that have the element `at`: from `lowest` on, before `beyond`. Their dilation is 1.
  __device__ __forceinline__ index_t lowest(index_t at) const {
    const index_t from = at + pad - kernel + 1;
    return from <= 0 ? 0 : (from + stride - 1) / stride;
  }
  __device__ __forceinline__ index_t beyond(index_t at) const {
    return at + pad < 0 ? 0 : min((at + pad) / stride + 1, out);
  }
};

#define MAKE_WINDOW(p, dilation) {p##_size, p##_out, p##_kernel, p##_stride, p##_pad, dilation}

// The maximum of each window and its flat place in the plane: of equal values the first, of NaN the
// last; the first place inside where nothing is greater than -infinity.
KERNEL max_pool(const scalar_t* x, scalar_t* y, index_t* places, index_t planes, WINDOWS,
                index_t d_dilation, index_t h_dilation, index_t w_dilation) {
  const Window d = MAKE_WINDOW(d, d_dilation), h = MAKE_WINDOW(h, h_dilation);
  const Window w = MAKE_WINDOW(w, w_dilation);
  const index_t per_plane = d.out * h.out * w.out;
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < planes * per_plane;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t wi = i % w.out, hi = i / w.out % h.out, di = i / (w.out * h.out) % d.out;
    const scalar_t* plane = x + i / per_plane * d.size * h.size * w.size;
    acc_t best = -infinity();
    index_t place = (d.first(di) * h.size + h.first(hi)) * w.size + w.first(wi);
    for (index_t a = d.first(di); a < d.end(di); a += d.dilation)
      for (index_t b = h.first(hi); b < h.end(hi); b += h.dilation)
        for (index_t c = w.first(wi); c < w.end(wi); c += w.dilation) {
          const index_t at = (a * h.size + b) * w.size + c;
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
  const index_t per_plane = d.out * h.out * w.out;
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < planes * per_plane;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t wi = i % w.out, hi = i / w.out % h.out, di = i / (w.out * h.out) % d.out;
    const scalar_t* plane = x + i / per_plane * d.size * h.size * w.size;
    acc_t sum = 0;
    for (index_t a = d.first(di); a < d.end(di); ++a)
      for (index_t b = h.first(hi); b < h.end(hi); ++b)
        for (index_t c = w.first(wi); c < w.end(wi); ++c)
          sum += wide(plane[(a * h.size + b) * w.size + c]);
    y[i] = narrow(sum);
  }
}

// The sum of each whole plane, which a warp has.
KERNEL plane_sum(const scalar_t* x, scalar_t* y, index_t planes, index_t size) {
  for (index_t i = index_t(blockIdx.x) * blockDim.y + threadIdx.y; i < planes;
       i += index_t(gridDim.x) * blockDim.y) {
    Sum sum = Sum::empty();
    for (index_t k = threadIdx.x; k < size; k += blockDim.x) sum.value += wide(x[i * size + k]);
    sum = team_reduce(sum);
    if (threadIdx.x == 0) y[i] = narrow(sum.value);
  }
}

// The gradient of window_sum: each element gathers from the windows that have it.
KERNEL window_spread(const scalar_t* grad, scalar_t* dx, index_t planes, WINDOWS) {
  const Window d = MAKE_WINDOW(d, 1), h = MAKE_WINDOW(h, 1), w = MAKE_WINDOW(w, 1);
  const index_t per_plane = d.size * h.size * w.size;
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < planes * per_plane;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t wi = i % w.size, hi = i / w.size % h.size, di = i / (w.size * h.size) % d.size;
    const scalar_t* plane = grad + i / per_plane * d.out * h.out * w.out;
    acc_t sum = 0;
    for (index_t a = d.lowest(di); a < d.beyond(di); ++a)
      for (index_t b = h.lowest(hi); b < h.beyond(hi); ++b)
        for (index_t c = w.lowest(wi); c < w.beyond(wi); ++c)
          sum += wide(plane[(a * h.out + b) * w.out + c]);
    dx[i] = narrow(sum);
  }
}
