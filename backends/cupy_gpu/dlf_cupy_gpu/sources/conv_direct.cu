// Convolutions of groups with few channels, depthwise ones above all: a thread for each element of
// the result, since a matrix product would leave most of a tile unused.
#include "conv.cuh"
#include "reduce.cuh"

KERNEL conv_direct(const scalar_t* x, const scalar_t* weight, const scalar_t* bias, scalar_t* y,
                   CONV) {
  const Sizes s = SIZES;
  const index_t total = s.groups * s.outputs, count = s.batch * total * s.places();
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t output = i / s.places() % total, image = i / s.places() / total;
    const Place start = s.start(i % s.places());
    const index_t first = (image * s.groups + output / s.outputs) * s.channels;
    const scalar_t* w = weight + output * s.channels * s.taps();
    acc_t sum = bias ? acc_t(wide(bias[output])) : acc_t(0);
    for (index_t channel = 0; channel < s.channels; ++channel) {
      const scalar_t* const from = x + (first + channel) * s.volume();
      for (int a = 0; a < s.kernel.d; ++a)
        for (int b = 0; b < s.kernel.h; ++b)
          for (int c = 0; c < s.kernel.w; ++c, ++w) {
            const int d = start.d + a * s.dilation.d, h = start.h + b * s.dilation.h,
                      at = start.w + c * s.dilation.w;
            if (s.inside(d, h, at)) sum += wide(from[s.flat(d, h, at)]) * wide(*w);
          }
    }
    y[i] = narrow(sum);
  }
}

KERNEL conv_direct_input_grad(const scalar_t* grad, const scalar_t* weight, scalar_t* dx, CONV) {
  const Sizes s = SIZES;
  const index_t total = s.groups * s.channels, count = s.batch * total * s.volume();
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t channel = i / s.volume() % total, image = i / s.volume() / total;
    const index_t group = channel / s.channels;
    const Place to = place_of(i % s.volume(), s.size.h, s.size.w);
    acc_t sum = 0;
    for (index_t k = 0; k < s.outputs; ++k) {
      const index_t output = group * s.outputs + k;
      const scalar_t* w = weight + (output * s.channels + channel % s.channels) * s.taps();
      const scalar_t* const from = grad + (image * s.groups * s.outputs + output) * s.places();
      for (int a = 0; a < s.kernel.d; ++a) {
        const int d = seen_by(to.d + s.padding.d - a * s.dilation.d, s.stride.d, s.out.d);
        for (int b = 0; b < s.kernel.h; ++b) {
          const int h = seen_by(to.h + s.padding.h - b * s.dilation.h, s.stride.h, s.out.h);
          for (int c = 0; c < s.kernel.w; ++c, ++w) {
            const int at = seen_by(to.w + s.padding.w - c * s.dilation.w, s.stride.w, s.out.w);
            if (d >= 0 && h >= 0 && at >= 0)
              sum += wide(from[(index_t(d) * s.out.h + h) * s.out.w + at]) * wide(*w);
          }
        }
      }
    }
    dx[i] = narrow(sum);
  }
}

// A block for each weight, which all its threads sum up.
KERNEL conv_direct_weight_grad(const scalar_t* grad, const scalar_t* x, scalar_t* dw, CONV) {
  const Sizes s = SIZES;
  const index_t count = s.groups * s.outputs * s.channels * s.taps();
  for (index_t i = blockIdx.x; i < count; i += gridDim.x) {
    const index_t channel = i / s.taps() % s.channels, output = i / s.taps() / s.channels;
    const index_t group = output / s.outputs;
    const Place reach = s.reach(i % s.taps());
    Sum sum = Sum::empty();
    for (index_t k = threadIdx.x; k < s.batch * s.places(); k += blockDim.x) {
      const index_t image = k / s.places(), at = k % s.places();
      const Place start = s.start(at);
      const int d = start.d + reach.d, h = start.h + reach.h, w = start.w + reach.w;
      if (s.inside(d, h, w))
        sum.value +=
            wide(grad[(image * s.groups * s.outputs + output) * s.places() + at]) *
            wide(x[((image * s.groups + group) * s.channels + channel) * s.volume() +
                   s.flat(d, h, w)]);
    }
    sum = team_reduce(sum);
    if (threadIdx.x == 0) dw[i] = narrow(sum.value);
  }
}
