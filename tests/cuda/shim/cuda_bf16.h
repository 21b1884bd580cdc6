// __nv_bfloat16 on the host: 16 bits, and the conversions that the sources use.
#pragma once

#include <cstdint>
#include <cstring>

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 h) {
  const std::uint32_t x = std::uint32_t(h.bits) << 16;
  float f;
  std::memcpy(&f, &x, 4);
  return f;
}

// Rounds to the nearest, halves to even.
inline __nv_bfloat16 __float2bfloat16_rn(float f) {
  std::uint32_t x;
  std::memcpy(&x, &f, 4);
  __nv_bfloat16 h;
  if ((x & 0x7FFFFFFFu) > 0x7F800000u)
    h.bits = 0x7FFFu;
  else
    h.bits = std::uint16_t((x + 0x7FFFu + (x >> 16 & 1u)) >> 16);
  return h;
}

inline __nv_bfloat16 __float2bfloat16(float f) { return __float2bfloat16_rn(f); }
