// Rows that a team of threads passes over in packs wherever they start.
#pragma once

#include "reduce.cuh"

// Elements between two rows in shared memory: whole packs, and one more for a row that starts within
// a pack. `launch.pitch` gives the same.
__device__ __forceinline__ index_t pitch_of(index_t columns) {
  return columns % WIDTH ? (columns / WIDTH + 2) * WIDTH : columns;
}

// How many elements of a row come before the first address that a pack may have.
template <int N>
__device__ __forceinline__ index_t head_of(const scalar_t* row, index_t columns) {
  const index_t past = index_t(reinterpret_cast<unsigned long long>(row) / sizeof(scalar_t) % N);
  return past ? min(N - past, columns) : index_t(0);
}

// The integer that has the size of a pack: moved as one, where the compiler might split a struct.
template <int BYTES>
struct Word {
  typedef uint4 type;
};
template <>
struct Word<8> {
  typedef unsigned long long type;
};
template <>
struct Word<4> {
  typedef unsigned type;
};
template <>
struct Word<2> {
  typedef unsigned short type;
};

template <int M>
union Bits {
  typename Word<M * sizeof(scalar_t)>::type word;
  Pack<M> pack;
  __device__ __forceinline__ Bits() {}
};

// The pack of M elements at `place` of a row.
template <int M>
__device__ __forceinline__ Pack<M> load(const scalar_t* row, index_t place) {
  Bits<M> bits;
  bits.word = *reinterpret_cast<const decltype(bits.word)*>(row + place);
  return bits.pack;
}
template <int M>
__device__ __forceinline__ void keep(scalar_t* row, index_t place, const Pack<M>& pack) {
  Bits<M> bits;
  bits.pack = pack;
  *reinterpret_cast<decltype(bits.word)*>(row + place) = bits.word;
}
// As `keep`, into global memory, where a split store would cost most.
template <int M>
__device__ __forceinline__ void store(scalar_t* row, index_t place, const Pack<M>& pack) {
  Bits<M> bits;
  bits.pack = pack;
  __stwb(reinterpret_cast<decltype(bits.word)*>(row + place), bits.word);
}

// Loads that a thread starts before it uses the first of them.
constexpr int BATCH = 4;

// Calls f(pack, place) for all elements of the row: packs of N, and of 1 at both ends. A thread gets
// the same places of every row that has the same head. COUNT packs are read at once. NVRTC takes no
// generic lambdas: f is a struct whose operator() is a template.
template <int N, int COUNT = BATCH, class F>
__device__ __forceinline__ void visit(const scalar_t* row, index_t columns, F& f) {
  const index_t head = head_of<N>(row, columns), length = (columns - head) / N;
  const index_t step = blockDim.x;
  if (N > 1)
    for (index_t i = threadIdx.x; i < head; i += step) f(load<1>(row, i), i);
  index_t i = threadIdx.x;
#pragma unroll 1
  for (; i + (COUNT - 1) * step < length; i += COUNT * step) {
    Pack<N> batch[COUNT];
#pragma unroll
    for (int b = 0; b < COUNT; ++b) batch[b] = load<N>(row, head + (i + b * step) * N);
#pragma unroll
    for (int b = 0; b < COUNT; ++b) f(batch[b], head + (i + b * step) * N);
  }
#pragma unroll 1
  for (; i < length; i += step) f(load<N>(row, head + i * N), head + i * N);
  if (N > 1)
#pragma unroll 1
    for (i = head + length * N + threadIdx.x; i < columns; i += step) f(load<1>(row, i), i);
}

// The same with f(pack, other's pack, place) for two rows that have the same head.
template <int N, class F>
__device__ __forceinline__ void visit_both(const scalar_t* row, const scalar_t* other,
                                           index_t columns, F& f) {
  const index_t head = head_of<N>(row, columns), length = (columns - head) / N;
  const index_t step = blockDim.x;
  if (N > 1)
    for (index_t i = threadIdx.x; i < head; i += step) f(load<1>(row, i), load<1>(other, i), i);
  index_t i = threadIdx.x;
#pragma unroll 1
  for (; i + step < length; i += 2 * step) {
    Pack<N> one[2], two[2];
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      one[b] = load<N>(row, head + (i + b * step) * N);
      two[b] = load<N>(other, head + (i + b * step) * N);
    }
#pragma unroll
    for (int b = 0; b < 2; ++b) f(one[b], two[b], head + (i + b * step) * N);
  }
  if (i < length) f(load<N>(row, head + i * N), load<N>(other, head + i * N), head + i * N);
  if (N > 1)
#pragma unroll 1
    for (i = head + length * N + threadIdx.x; i < columns; i += step)
      f(load<1>(row, i), load<1>(other, i), i);
}

// A place for a row in shared memory whose packs lie as those of `row` do.
template <int N>
__device__ __forceinline__ scalar_t* cache_like(scalar_t* shared, const scalar_t* row,
                                                index_t columns) {
  const index_t head = head_of<N>(row, columns);
  return shared + (head ? N - head : 0);
}
