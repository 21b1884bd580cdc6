// What every kernel of CuPy's begins with; compiled once, since there are many of them.
#pragma once

#include "cupy_kernels.h"
#include "kernel.h"

#include <cupy/complex.cuh>
#include <cupy/carray.cuh>
#include <cupy/float16.cuh>
#include <cupy/bfloat16.cuh>
#include <cupy/atomics.cuh>
#include <cupy/math_constants.h>

// Arrays are passed by value, and begin with where their elements are.
template <class T, int dims, bool contiguous, bool short_index>
struct CardKind<CArray<T, dims, contiguous, short_index>> {
  static constexpr char value = 'a';
};
