// Random words by Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011), a pure function of where they
// stand: what is drawn does not depend on grid or block.
//
// The stream: numbers are taken in row-major order, four to a counter. The key is the seed, its low
// word first. The counter's first two words are (offset + number / 4), low word first, its third is
// the lane, its fourth 0; number % 4 says which of the four results is the number's. Numbers of 64
// bits have lane 0 for their high word and lane 1 for their low one. A draw of n numbers reaches over
// ceil(n / 4) of the offset. Seed and offset are parameters; `state`, if not null, points to two
// further numbers that are added to them, so that a captured graph draws anew in each replay.
#pragma once

#include "common.cuh"

typedef unsigned long long word64;

struct Four {
  unsigned at[4];
};

__device__ __forceinline__ Four philox(word64 seed, word64 counter, unsigned lane) {
  unsigned key0 = unsigned(seed), key1 = unsigned(seed >> 32);
  unsigned c0 = unsigned(counter), c1 = unsigned(counter >> 32), c2 = lane, c3 = 0;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const unsigned high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ key0;
    c2 = high0 ^ c3 ^ key1;
    c1 = low1;
    c3 = low0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

struct Stream {
  word64 seed, offset;
  __device__ __forceinline__ Stream(index_t seed_, index_t offset_, const index_t* state)
      : seed(word64(seed_) + (state ? word64(state[0]) : 0ull)),
        offset(word64(offset_) + (state ? word64(state[1]) : 0ull)) {}
  __device__ __forceinline__ Four draw(index_t group) const {
    return philox(seed, offset + word64(group), 0);
  }
  __device__ __forceinline__ void draw(index_t group, word64 (&words)[4]) const {
    const Four high = draw(group), low = philox(seed, offset + word64(group), 1);
#pragma unroll
    for (int k = 0; k < 4; ++k) words[k] = word64(high.at[k]) << 32 | low.at[k];
  }
};

// In [0, 1): 24 bits, which float holds exactly.
__device__ __forceinline__ float unit(unsigned word) {
  return float(word >> 8) * 5.9604644775390625e-8f;
}

// Four numbers of group `group`, as far as there are `count`; `even`: all groups are aligned.
template <class T>
struct alignas(4 * sizeof(T)) Group {
  T at[4];
};
template <class T>
__device__ __forceinline__ void put(T* y, index_t group, index_t count, index_t even,
                                    const Group<T>& numbers) {
  if (even && group * 4 + 4 <= count) {
    reinterpret_cast<Group<T>*>(y)[group] = numbers;
    return;
  }
#pragma unroll
  for (int k = 0; k < 4; ++k)
    if (group * 4 + k < count) y[group * 4 + k] = numbers.at[k];
}
