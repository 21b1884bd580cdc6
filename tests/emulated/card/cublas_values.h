// Elements of cuBLAS's types as complex doubles.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <complex>
#include <cstddef>

namespace blas {

typedef std::complex<double> Value;

// Numbers of cudaDataType_t.
enum Type { kFloat = 0, kDouble = 1, kHalf = 2, kComplex = 4, kDoubleComplex = 5, kBfloat16 = 14 };
// Numbers of cublasComputeType_t.
enum Compute { kCompute16 = 64, kCompute16Pedantic, kCompute32 = 68, kCompute64 = 70,
               kCompute64Pedantic };

inline bool known(int type) {
  return type == kFloat || type == kDouble || type == kHalf || type == kComplex ||
         type == kDoubleComplex || type == kBfloat16;
}
inline bool complex(int type) { return type == kComplex || type == kDoubleComplex; }

inline std::size_t size_of(int type) {
  switch (type) {
    case kFloat: return 4;
    case kHalf:
    case kBfloat16: return 2;
    case kDoubleComplex: return 16;
  }
  return 8;
}

inline Value get(const void* from, int type, long long at) {
  switch (type) {
    case kFloat: return static_cast<const float*>(from)[at];
    case kDouble: return static_cast<const double*>(from)[at];
    case kHalf: return __half2float(static_cast<const __half*>(from)[at]);
    case kBfloat16: return __bfloat162float(static_cast<const __nv_bfloat16*>(from)[at]);
    case kComplex: return Value(static_cast<const std::complex<float>*>(from)[at]);
  }
  return static_cast<const Value*>(from)[at];
}

inline void put(void* to, int type, long long at, Value value) {
  const float narrow = float(value.real());
  switch (type) {
    case kFloat: static_cast<float*>(to)[at] = narrow; break;
    case kDouble: static_cast<double*>(to)[at] = value.real(); break;
    case kHalf: static_cast<__half*>(to)[at] = __float2half_rn(narrow); break;
    case kBfloat16: static_cast<__nv_bfloat16*>(to)[at] = __float2bfloat16_rn(narrow); break;
    case kComplex: static_cast<std::complex<float>*>(to)[at] = std::complex<float>(value); break;
    default: static_cast<Value*>(to)[at] = value;
  }
}

// alpha or beta, whose type follows from how the product is computed.
inline Value scalar(const void* from, int compute, int type) {
  if (compute == kCompute64 || compute == kCompute64Pedantic)
    return get(from, complex(type) ? kDoubleComplex : kDouble, 0);
  if (compute == kCompute16 || compute == kCompute16Pedantic) return get(from, kHalf, 0);
  return get(from, complex(type) ? kComplex : kFloat, 0);
}

}  // namespace blas
