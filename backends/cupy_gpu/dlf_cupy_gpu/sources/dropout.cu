// Random numbers by Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011), and dropout.
//
// The stream: elements are taken in row-major order, four to a call of the generator. The key is the
// seed, its low word first. The counter is (offset + element / 4), as four 32-bit words, low word
// first; element % 4 says which of the four results is the element's. What is drawn does not depend
// on grid or block. A draw of n elements uses up ceil(n / 4) counters. Seed and offset are
// parameters; `state`, if not null, points to two further numbers that are added to them, so that a
// captured graph can draw anew in each replay.
#include "common.cuh"

struct Four {
  unsigned at[4];
};

__device__ __forceinline__ Four philox(unsigned long long seed, unsigned long long counter) {
  unsigned key0 = unsigned(seed), key1 = unsigned(seed >> 32);
  unsigned c0 = unsigned(counter), c1 = unsigned(counter >> 32), c2 = 0, c3 = 0;
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

// In [0, 1): 24 bits, which float holds exactly.
__device__ __forceinline__ float unit(unsigned bits) { return float(bits >> 8) * 5.9604644775390625e-8f; }

struct Stream {
  unsigned long long seed, offset;
  __device__ __forceinline__ Stream(index_t seed_, index_t offset_, const index_t* state)
      : seed((unsigned long long)seed_ + (state ? (unsigned long long)state[0] : 0ull)),
        offset((unsigned long long)offset_ + (state ? (unsigned long long)state[1] : 0ull)) {}
  __device__ __forceinline__ Four draw(index_t group) const {
    return philox(seed, offset + (unsigned long long)group);
  }
};

template <int N>
struct alignas(N) Flags {
  unsigned char at[N];
};

// y = x * scale where a uniform number is at least p, else x * 0; `mask` says which. `even` tells that
// the arrays start at multiples of four elements.
KERNEL dropout(const scalar_t* x, scalar_t* y, unsigned char* mask, index_t count, double p,
               double scale_, index_t seed, index_t offset, const index_t* state, index_t even) {
  const Stream stream(seed, offset, state);
  const acc_t scale = acc_t(scale_);
  const float limit = float(p);
  const index_t step = index_t(gridDim.x) * blockDim.x;
  for (index_t group = index_t(blockIdx.x) * blockDim.x + threadIdx.x; group * 4 < count;
       group += step) {
    const Four bits = stream.draw(group);
    if (even && group * 4 + 4 <= count) {
      Pack<4> pack = packs<4>(x)[group];
      Flags<4> flags;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        flags.at[k] = unit(bits.at[k]) >= limit;
        pack.at[k] = narrow(wide(pack.at[k]) * acc_t(flags.at[k]) * scale);
      }
      packs<4>(y)[group] = pack;
      reinterpret_cast<Flags<4>*>(mask)[group] = flags;
      continue;
    }
    for (int k = 0; k < 4 && group * 4 + k < count; ++k) {
      const index_t i = group * 4 + k;
      mask[i] = unit(bits.at[k]) >= limit;
      y[i] = narrow(wide(x[i]) * acc_t(mask[i]) * scale);
    }
  }
}

// Whether a uniform number is at least p.
KERNEL keep_mask(unsigned char* mask, index_t count, double p, index_t seed, index_t offset,
                 const index_t* state) {
  const Stream stream(seed, offset, state);
  const index_t step = index_t(gridDim.x) * blockDim.x;
  for (index_t group = index_t(blockIdx.x) * blockDim.x + threadIdx.x; group * 4 < count;
       group += step) {
    const Four bits = stream.draw(group);
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (group * 4 + k < count) mask[group * 4 + k] = unit(bits.at[k]) >= float(p);
  }
}

// Uniform in [0, 1), and normal by Box and Muller (1958) from two neighbours of a group.
KERNEL uniform(scalar_t* y, index_t count, index_t seed, index_t offset, const index_t* state) {
  const Stream stream(seed, offset, state);
  const index_t step = index_t(gridDim.x) * blockDim.x;
  // What rounds up to 1 in a short type is drawn with fewer bits.
  const unsigned kept = sizeof(scalar_t) > 2 ? 0xFFFFFFFFu : 0xFF000000u;
  for (index_t group = index_t(blockIdx.x) * blockDim.x + threadIdx.x; group * 4 < count;
       group += step) {
    const Four bits = stream.draw(group);
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (group * 4 + k < count) y[group * 4 + k] = narrow(acc_t(unit(bits.at[k] & kept)));
  }
}

KERNEL normal(scalar_t* y, index_t count, index_t seed, index_t offset, const index_t* state) {
  const Stream stream(seed, offset, state);
  const index_t step = index_t(gridDim.x) * blockDim.x;
  for (index_t group = index_t(blockIdx.x) * blockDim.x + threadIdx.x; group * 4 < count;
       group += step) {
    const Four bits = stream.draw(group);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (group * 4 + k >= count) break;
      // 1 - u is never 0, so its logarithm is finite.
      const acc_t radius = sqrt(acc_t(-2) * log(acc_t(1) - acc_t(unit(bits.at[k & 2]))));
      const acc_t angle = acc_t(6.283185307179586477) * acc_t(unit(bits.at[(k & 2) + 1]));
      y[group * 4 + k] = narrow(radius * (k & 1 ? sin(angle) : cos(angle)));
    }
  }
}

// x * mask * scale; a NaN that is masked stays NaN, as in the product.
template <int N>
__device__ __forceinline__ void masked(const scalar_t* __restrict__ x,
                                       const unsigned char* __restrict__ mask,
                                       scalar_t* __restrict__ y, index_t count, acc_t scale) {
  const index_t start = index_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = index_t(gridDim.x) * blockDim.x, length = count / N;
  for (index_t i = start; i < length; i += step) {
    Pack<N> pack = packs<N>(x)[i];
    const Flags<N> flags = reinterpret_cast<const Flags<N>*>(mask)[i];
#pragma unroll
    for (int k = 0; k < N; ++k)
      pack.at[k] = narrow(wide(pack.at[k]) * acc_t(flags.at[k] != 0) * scale);
    packs<N>(y)[i] = pack;
  }
  for (index_t i = length * N + start; i < count; i += step)
    y[i] = narrow(wide(x[i]) * acc_t(mask[i] != 0) * scale);
}

KERNEL masked_scale(const scalar_t* x, const unsigned char* mask, scalar_t* y, index_t count,
                    double scale) {
  masked<1>(x, mask, y, count, acc_t(scale));
}
KERNEL masked_scale_wide(const scalar_t* x, const unsigned char* mask, scalar_t* y, index_t count,
                         double scale) {
  masked<WIDTH>(x, mask, y, count, acc_t(scale));
}
