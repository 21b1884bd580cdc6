// __half on the host: 16 bits, and the conversions that the sources use.
#pragma once

#include <cstdint>
#include <cstring>

struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half h) {
  const std::uint32_t sign = std::uint32_t(h.bits & 0x8000u) << 16;
  std::uint32_t exponent = h.bits >> 10 & 31u, fraction = h.bits & 1023u, out;
  if (exponent == 31) {
    out = sign | 0x7F800000u | fraction << 13;
  } else if (exponent) {
    out = sign | (exponent + 112) << 23 | fraction << 13;
  } else {
    const float small = float(fraction) * 5.9604644775390625e-08f;  // 2 ** -24
    std::memcpy(&out, &small, 4);
    out |= sign;
  }
  float f;
  std::memcpy(&f, &out, 4);
  return f;
}

// Rounds to the nearest, halves to even.
inline __half __float2half_rn(float f) {
  std::uint32_t x;
  std::memcpy(&x, &f, 4);
  const std::uint32_t sign = x >> 16 & 0x8000u, size = x & 0x7FFFFFFFu;
  std::uint32_t out;
  if (size > 0x7F800000u) {
    out = 0x7FFFu;
  } else if (size >= 0x477FF000u) {
    out = 0x7C00u;
  } else if (size >= 0x38800000u) {
    out = (size - 0x38000000u + 0xFFFu + (size >> 13 & 1u)) >> 13;
  } else if (size < 0x33000000u) {
    out = 0;
  } else {
    const std::uint32_t fraction = (size & 0x7FFFFFu) | 0x800000u;
    const unsigned shift = 126 - (size >> 23);
    const std::uint32_t half = 1u << (shift - 1), rest = fraction & ((1u << shift) - 1);
    out = fraction >> shift;
    if (rest > half || (rest == half && (out & 1u))) ++out;
  }
  __half h;
  h.bits = std::uint16_t(sign | out);
  return h;
}

inline __half __float2half(float f) { return __float2half_rn(f); }
