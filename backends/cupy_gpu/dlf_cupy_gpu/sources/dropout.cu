// Dropout by the stream that philox.cuh describes, and a mask applied.
// Threads have one access at a time, so there have to be many.
#define RESIDENT (sizeof(SCALAR) == 8 ? 1 : 3)
#include "philox.cuh"

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
#pragma unroll 1
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

// x * mask * scale; a NaN that is masked stays NaN, as in the product.
template <int N>
__device__ __forceinline__ void masked(const scalar_t* __restrict__ x,
                                       const unsigned char* __restrict__ mask,
                                       scalar_t* __restrict__ y, index_t count, acc_t scale) {
  const index_t start = index_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const index_t step = index_t(gridDim.x) * blockDim.x, length = count / N;
#pragma unroll 1
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
