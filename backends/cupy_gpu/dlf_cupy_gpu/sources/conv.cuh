// Sizes and places of convolutions in three dimensions; those of two have a depth of 1.
#pragma once

#include "gemm_tile.cuh"

struct Place {
  int d, h, w;
};

// `index` is that of a place in a volume of (any, height, width).
__device__ __forceinline__ Place place_of(index_t index, int height, int width) {
  const int w = int(index % width);
  index /= width;
  return {int(index / height), int(index % height), w};
}

// Channels are those of a group.
struct Sizes {
  index_t batch, groups, channels, outputs;
  Place size, out, kernel, stride, padding, dilation;

  __device__ __forceinline__ index_t volume() const { return index_t(size.d) * size.h * size.w; }
  __device__ __forceinline__ index_t places() const { return index_t(out.d) * out.h * out.w; }
  __device__ __forceinline__ index_t taps() const { return index_t(kernel.d) * kernel.h * kernel.w; }
  // Where the window of an output starts in the input.
  __device__ __forceinline__ Place start(index_t output) const {
    const Place p = place_of(output, out.h, out.w);
    return {p.d * stride.d - padding.d, p.h * stride.h - padding.h, p.w * stride.w - padding.w};
  }
  // How far a tap is from the start of its window.
  __device__ __forceinline__ Place reach(index_t tap) const {
    const Place p = place_of(tap, kernel.h, kernel.w);
    return {p.d * dilation.d, p.h * dilation.h, p.w * dilation.w};
  }
  __device__ __forceinline__ bool inside(int d, int h, int w) const {
    return unsigned(d) < unsigned(size.d) && unsigned(h) < unsigned(size.h) &&
           unsigned(w) < unsigned(size.w);
  }
  __device__ __forceinline__ index_t flat(int d, int h, int w) const {
    return (index_t(d) * size.h + h) * size.w + w;
  }
};

// Such a distance puts every place outside.
constexpr int FAR = 1 << 30;

// The output in one dimension that sees input `at`, padding included, through a tap; -1 if none.
__device__ __forceinline__ int seen_by(int at, int stride, int out) {
  if (at < 0) return -1;
  if (stride != 1) {
    const int by = at / stride;
    if (by * stride != at) return -1;
    at = by;
  }
  return at < out ? at : -1;
}

#define TRIPLE(name) index_t name##_d, index_t name##_h, index_t name##_w
#define CONV                                                                                       \
  index_t batch, index_t groups, index_t channels, index_t outputs, TRIPLE(size), TRIPLE(out),     \
      TRIPLE(kernel), TRIPLE(stride), TRIPLE(padding), TRIPLE(dilation)
#define AS_PLACE(name) \
  Place { int(name##_d), int(name##_h), int(name##_w) }
#define SIZES                                                                                 \
  Sizes {                                                                                     \
    batch, groups, channels, outputs, AS_PLACE(size), AS_PLACE(out), AS_PLACE(kernel),        \
        AS_PLACE(stride), AS_PLACE(padding), AS_PLACE(dilation)                               \
  }
