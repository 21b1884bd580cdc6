// Random numbers of the stream that philox.cuh describes.
#include "philox.cuh"

#define GROUPS(group)                                                                     \
  const index_t step = index_t(gridDim.x) * blockDim.x;                                   \
  for (index_t group = index_t(blockIdx.x) * blockDim.x + threadIdx.x; group * 4 < count; \
       group += step)

// Significant bits: a number of more could be rounded up to 1.
template <class T>
struct Digits {
  static constexpr int value = 24;
};
template <>
struct Digits<__half> {
  static constexpr int value = 11;
};
template <>
struct Digits<__nv_bfloat16> {
  static constexpr int value = 8;
};

// What uniform and normal numbers of a group are made of: 32 bits a number, or 64 for double.
template <class T>
struct Bits {
  Four words;
  __device__ __forceinline__ Bits(const Stream& stream, index_t group)
      : words(stream.draw(group)) {}
  // In [0, 1), a multiple of 2^-DIGITS.
  template <int DIGITS>
  __device__ __forceinline__ float below_one(int k) const {
    return float(words.at[k] >> (32 - DIGITS)) * (1.0f / float(1u << DIGITS));
  }
  // In (0, 1], so that the logarithm is finite.
  __device__ __forceinline__ float above_zero(int k) const {
    return (float(words.at[k]) + 1.0f) * 2.3283064365386963e-10f;
  }
};
template <>
struct Bits<double> {
  word64 words[4];
  __device__ __forceinline__ Bits(const Stream& stream, index_t group) {
    stream.draw(group, words);
  }
  template <int DIGITS>
  __device__ __forceinline__ double below_one(int k) const {
    return double(words[k] >> 11) * 1.1102230246251565e-16;
  }
  __device__ __forceinline__ double above_zero(int k) const {
    return (double(words[k] >> 11) + 1.0) * 1.1102230246251565e-16;
  }
};

// Uniform in [0, 1).
KERNEL uniform(scalar_t* y, index_t count, index_t seed, index_t offset, const index_t* state,
               index_t even) {
  const Stream stream(seed, offset, state);
  GROUPS(group) {
    const Bits<scalar_t> bits(stream, group);
    Group<scalar_t> out;
#pragma unroll
    for (int k = 0; k < 4; ++k)
      out.at[k] = narrow(bits.template below_one<Digits<scalar_t>::value>(k));
    put(y, group, count, even, out);
  }
}

// Normal by Box and Muller (1958), two from two neighbours of a group.
KERNEL normal(scalar_t* y, index_t count, index_t seed, index_t offset, const index_t* state,
              index_t even) {
  const Stream stream(seed, offset, state);
  GROUPS(group) {
    const Bits<scalar_t> bits(stream, group);
    Group<scalar_t> out;
#pragma unroll
    for (int k = 0; k < 4; k += 2) {
      const acc_t radius = sqrt(acc_t(-2) * log(bits.above_zero(k)));
      const acc_t angle = acc_t(6.283185307179586477) * bits.template below_one<24>(k + 1);
      out.at[k] = narrow(radius * cos(angle));
      out.at[k + 1] = narrow(radius * sin(angle));
    }
    put(y, group, count, even, out);
  }
}

// a * b >> 64.
__device__ __forceinline__ word64 high_product(word64 a, word64 b) {
  const word64 mask = 0xFFFFFFFFull, a0 = a & mask, a1 = a >> 32, b0 = b & mask, b1 = b >> 32;
  const word64 middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & mask);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

// low + word * span / 2^64, rounded down; a span of 0 is one of 2^64. The probabilities of two
// values differ by 2^-64 at most.
template <class T>
__device__ __forceinline__ void draw_integers(T* y, index_t count, index_t low, index_t span,
                                              const Stream& stream, index_t even) {
  GROUPS(group) {
    word64 words[4];
    stream.draw(group, words);
    Group<T> out;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const word64 place = span ? high_product(words[k], word64(span)) : words[k];
      out.at[k] = T(word64(low) + place);
    }
    put(y, group, count, even, out);
  }
}

#define INTEGERS(name, type)                                                              \
  KERNEL name(type* y, index_t count, index_t low, index_t span, index_t seed,            \
              index_t offset, const index_t* state, index_t even) {                       \
    draw_integers(y, count, low, span, Stream(seed, offset, state), even);                \
  }

INTEGERS(integers_1, unsigned char)
INTEGERS(integers_2, unsigned short)
INTEGERS(integers_4, unsigned)
INTEGERS(integers_8, word64)
