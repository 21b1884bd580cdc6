// What every source needs: the entry macro, conversions, 16-byte packs, and reductions over a warp
// or a block. A source is compiled once a dtype, with -DSCALAR=float, double, __half or
// __nv_bfloat16; arithmetic is in acc_t, which is float for the two short types.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// The shim of the tests, which compiles the sources for the host, has its own.
#ifndef DLF_HOST
// Blocks of 512 threads that a multiprocessor should hold at least: 1 leaves each thread 128
// registers, 3 leave 40.
#ifndef RESIDENT
#define RESIDENT 1
#endif
#define KERNEL extern "C" __global__ void __launch_bounds__(512, RESIDENT)
#define SHARED_MEMORY(type, name)                                 \
  extern __shared__ __align__(16) unsigned char dlf_shared[];     \
  type* const name = reinterpret_cast<type*>(dlf_shared)
#endif

typedef SCALAR scalar_t;
typedef long long index_t;

template <class T>
struct Accumulator {
  typedef float type;
};
template <>
struct Accumulator<double> {
  typedef double type;
};
typedef Accumulator<scalar_t>::type acc_t;

// Elements in 16 bytes.
constexpr int WIDTH = 16 / sizeof(scalar_t);
constexpr bool SHORT = sizeof(scalar_t) == 2;
constexpr unsigned FULL_WARP = 0xFFFFFFFFu;

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ double wide(double x) { return x; }
__device__ __forceinline__ float wide(__half x) { return __half2float(x); }
__device__ __forceinline__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T>
struct Narrow {
  static __device__ __forceinline__ T from(T x) { return x; }
};
template <>
struct Narrow<__half> {
  static __device__ __forceinline__ __half from(float x) { return __float2half_rn(x); }
};
template <>
struct Narrow<__nv_bfloat16> {
  static __device__ __forceinline__ __nv_bfloat16 from(float x) { return __float2bfloat16_rn(x); }
};
__device__ __forceinline__ scalar_t narrow(acc_t x) { return Narrow<scalar_t>::from(x); }

// N neighbours, moved by one instruction: N = WIDTH for addresses that are multiples of 16, else 1.
template <int N>
struct alignas(N * sizeof(scalar_t)) Pack {
  scalar_t at[N];
};

template <int N>
__device__ __forceinline__ const Pack<N>* packs(const scalar_t* p) {
  return reinterpret_cast<const Pack<N>*>(p);
}
template <int N>
__device__ __forceinline__ Pack<N>* packs(scalar_t* p) {
  return reinterpret_cast<Pack<N>*>(p);
}

__device__ __forceinline__ acc_t infinity() {
  return acc_t(__uint_as_float(0x7F800000u));
}

// To two units in the last place, without the steps that float takes for the last bit.
__device__ __forceinline__ float near_quotient(float a, float b) { return __fdividef(a, b); }
__device__ __forceinline__ double near_quotient(double a, double b) { return a / b; }

// Exponentials and quotients: for the two short types in few instructions, with errors far below
// theirs (a few in 10**6).
__device__ __forceinline__ acc_t exp_of(acc_t x) {
  return SHORT ? acc_t(exp2f(float(x) * 1.44269504088896340736f)) : exp(x);
}
__device__ __forceinline__ acc_t quotient(acc_t a, acc_t b) {
  return SHORT ? acc_t(__fdividef(float(a), float(b))) : a / b;
}
