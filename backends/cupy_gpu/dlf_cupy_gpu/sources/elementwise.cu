// Activations and their gradients, one pass each. The formulas and the values at kinks are those of
// dlf.ops.activation; a, b and c are an op's numbers in their order.
//
// *_wide moves 16 bytes at a time and needs aligned addresses; what is left over at the end goes one
// by one.
// Threads have one access at a time, so there have to be many; float64 takes too many registers.
#define RESIDENT (sizeof(SCALAR) == 8 ? 1 : 3)
#include "common.cuh"

constexpr double SQRT_HALF = 0.70710678118654752440;
constexpr double TANH_SCALE = 0.79788456080286535588;  // sqrt(2 / pi)
constexpr double TANH_CUBIC = 0.044715;

template <int N, class F>
__device__ __forceinline__ void unary(const scalar_t* __restrict__ x, scalar_t* __restrict__ y,
                                      index_t count, F f) {
  const index_t start = index_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = index_t(gridDim.x) * blockDim.x, length = count / N;
  // Unrolled, the loop would divide to know its turns, and most threads have but one.
#pragma unroll 1
  for (index_t i = start; i < length; i += step) {
    Pack<N> pack = packs<N>(x)[i];
#pragma unroll
    for (int k = 0; k < N; ++k) pack.at[k] = narrow(f(wide(pack.at[k])));
    packs<N>(y)[i] = pack;
  }
#pragma unroll 1
  for (index_t i = length * N + start; i < count; i += step) y[i] = narrow(f(wide(x[i])));
}

template <int N, class F>
__device__ __forceinline__ void binary(const scalar_t* __restrict__ x,
                                       const scalar_t* __restrict__ other,
                                       scalar_t* __restrict__ y, index_t count, F f) {
  const index_t start = index_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = index_t(gridDim.x) * blockDim.x, length = count / N;
  // Unrolled, the loop would divide to know its turns, and most threads have but one.
#pragma unroll 1
  for (index_t i = start; i < length; i += step) {
    Pack<N> pack = packs<N>(x)[i];
    const Pack<N> with = packs<N>(other)[i];
#pragma unroll
    for (int k = 0; k < N; ++k) pack.at[k] = narrow(f(wide(pack.at[k]), wide(with.at[k])));
    packs<N>(y)[i] = pack;
  }
#pragma unroll 1
  for (index_t i = length * N + start; i < count; i += step)
    y[i] = narrow(f(wide(x[i]), wide(other[i])));
}

__device__ __forceinline__ acc_t sigmoid_of(acc_t x) {
  return quotient(acc_t(1), acc_t(1) + exp_of(-x));
}
__device__ __forceinline__ acc_t silu_of(acc_t x) { return quotient(x, acc_t(1) + exp_of(-x)); }
// erf(x / sqrt(2)) + 1, halved.
__device__ __forceinline__ acc_t normal_cdf(acc_t x) {
  return acc_t(0.5) + acc_t(0.5) * erf(x * acc_t(SQRT_HALF));
}
__device__ __forceinline__ acc_t softplus_of(acc_t x) {
  return fmax(x, acc_t(0)) + log1p(exp(-fabs(x)));
}
// NaN stays NaN.
__device__ __forceinline__ acc_t clamped(acc_t x, acc_t low, acc_t high) {
  return x < low ? low : x > high ? high : x;
}
__device__ __forceinline__ acc_t tanh_inner(acc_t x) {
  const acc_t u = acc_t(TANH_SCALE) * (x + acc_t(TANH_CUBIC) * x * x * x);
  // Absolute errors count here, since 1 is added to it.
  return SHORT ? acc_t(1) - quotient(acc_t(2), acc_t(1) + exp_of(acc_t(2) * u)) : tanh(u);
}
__device__ __forceinline__ acc_t gelu_tanh_slope(acc_t x) {
  const acc_t t = tanh_inner(x);
  const acc_t inner = acc_t(TANH_SCALE) * (acc_t(1) + acc_t(3 * TANH_CUBIC) * x * x);
  return acc_t(0.5) * (acc_t(1) + t) + acc_t(0.5) * x * (acc_t(1) - t * t) * inner;
}
__device__ __forceinline__ acc_t gelu_slope(acc_t x) {
  return normal_cdf(x) + x * exp_of(acc_t(-0.5) * x * x) * acc_t(0.5 * TANH_SCALE);
}
__device__ __forceinline__ acc_t silu_slope(acc_t x) {
  const acc_t gate = sigmoid_of(x);
  return gate * (acc_t(1) + x * (acc_t(1) - gate));
}

#define UNARY_SIZE(name, N, expression)                                                           \
  KERNEL name(const scalar_t* x, scalar_t* y, index_t count, double a_, double b_, double c_) {   \
    const acc_t a = acc_t(a_), b = acc_t(b_), c = acc_t(c_);                                      \
    unary<N>(x, y, count, [=](acc_t x) -> acc_t {                                                 \
      (void)a, (void)b, (void)c;                                                                  \
      return expression;                                                                          \
    });                                                                                           \
  }
#define UNARY(name, expression)     \
  UNARY_SIZE(name, 1, (expression)) \
  UNARY_SIZE(name##_wide, WIDTH, (expression))

#define BINARY_SIZE(name, N, expression)                                                          \
  KERNEL name(const scalar_t* g, const scalar_t* x, scalar_t* y, index_t count, double a_) {      \
    const acc_t a = acc_t(a_);                                                                    \
    binary<N>(g, x, y, count, [=](acc_t g, acc_t x) -> acc_t {                                    \
      (void)a;                                                                                    \
      return expression;                                                                          \
    });                                                                                           \
  }
#define BINARY(name, expression)     \
  BINARY_SIZE(name, 1, (expression)) \
  BINARY_SIZE(name##_wide, WIDTH, (expression))

UNARY(relu, x <= acc_t(0) ? acc_t(0) : x)
UNARY(sigmoid, sigmoid_of(x))
UNARY(silu, silu_of(x))
UNARY(gelu, x * normal_cdf(x))
UNARY(gelu_tanh, acc_t(0.5) * x * (acc_t(1) + tanh_inner(x)))
UNARY(mish, x * tanh(x > acc_t(20) ? x : softplus_of(x)))
UNARY(logsigmoid, fmin(x, acc_t(0)) - log1p(exp(-fabs(x))))
UNARY(softplus, x * a > b ? x : softplus_of(x * a) / a)
UNARY(elu, x > acc_t(0) ? x * b : expm1(x * c) * (a * b))
UNARY(leaky_relu, x > acc_t(0) ? x : x * a)
UNARY(hardtanh, clamped(x, a, b))
UNARY(hardsigmoid, clamped(x + acc_t(3), acc_t(0), acc_t(6)) * acc_t(1.0 / 6))
UNARY(hardswish, x * clamped(x + acc_t(3), acc_t(0), acc_t(6)) * acc_t(1.0 / 6))
UNARY(threshold, x <= a ? b : x)

BINARY(sigmoid_backward, g * x * (acc_t(1) - x))
BINARY(silu_backward, g * silu_slope(x))
BINARY(gelu_backward, g * gelu_slope(x))
BINARY(gelu_tanh_backward, g * gelu_tanh_slope(x))
BINARY(threshold_backward, x <= a ? acc_t(0) : g)

// y = activation(x + bias), where `bias` has an element for each of `columns`: what a matrix product
// without an epilogue of its own leaves to do. Rows are a multiple of N long.
template <int N, class F>
__device__ __forceinline__ void biased(const scalar_t* x, const scalar_t* bias, scalar_t* y,
                                       index_t rows, index_t columns, F f) {
  const index_t length = columns / N;
  const index_t step = index_t(gridDim.x) * blockDim.y;
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < rows; row += step) {
    const Pack<N>* in = packs<N>(x + row * columns);
    Pack<N>* out = packs<N>(y + row * columns);
    for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
      Pack<N> pack = in[i];
      const Pack<N> shift = packs<N>(bias)[i];
#pragma unroll
      for (int k = 0; k < N; ++k) pack.at[k] = narrow(f(wide(pack.at[k]) + wide(shift.at[k])));
      out[i] = pack;
    }
  }
}

// `y` may be `x`.
#define BIASED_SIZE(name, N, expression)                                                          \
  KERNEL name(const scalar_t* x, const scalar_t* bias, scalar_t* y, index_t rows,                 \
              index_t columns) {                                                                  \
    biased<N>(x, bias, y, rows, columns, [=](acc_t x) -> acc_t { return expression; });           \
  }
#define BIASED(name, expression)     \
  BIASED_SIZE(name, 1, (expression)) \
  BIASED_SIZE(name##_wide, WIDTH, (expression))

BIASED(bias_none, x)
BIASED(bias_relu, x <= acc_t(0) ? acc_t(0) : x)
BIASED(bias_silu, silu_of(x))
BIASED(bias_gelu, x * normal_cdf(x))
BIASED(bias_gelu_tanh, acc_t(0.5) * x * (acc_t(1) + tanh_inner(x)))

// Every row of y becomes `bias`: what a matrix product is then added to.
template <int N>
__device__ __forceinline__ void repeated(const scalar_t* bias, scalar_t* y, index_t rows,
                                         index_t columns) {
  const index_t length = columns / N, step = index_t(gridDim.x) * blockDim.y;
#pragma unroll 1
  for (index_t i = threadIdx.x; i < length; i += blockDim.x) {
    const Pack<N> pack = packs<N>(bias)[i];
#pragma unroll 1
    for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < rows; row += step)
      packs<N>(y + row * columns)[i] = pack;
  }
}
KERNEL repeat(const scalar_t* bias, scalar_t* y, index_t rows, index_t columns) {
  repeated<1>(bias, y, rows, columns);
}
KERNEL repeat_wide(const scalar_t* bias, scalar_t* y, index_t rows, index_t columns) {
  repeated<WIDTH>(bias, y, rows, columns);
}
