// Products of square tiles that lie in shared memory, into sums that a block's 256 threads hold.
//
// Sums are in acc_t. The two short types multiply on tensor cores (mma.sync, from sm_80 on), the
// others, and the short ones on older cards, by multiply-add on 4 by 4 elements a thread.
#pragma once

#include "common.cuh"

// Blocks that a multiprocessor should hold at least: 2 leave each thread 128 registers, 1 leaves 255.
#ifndef BLOCKS
#define BLOCKS 2
#endif
#ifndef DLF_HOST
#undef KERNEL
#define KERNEL extern "C" __global__ void __launch_bounds__(256, BLOCKS)
#endif

#if defined(DLF_HOST) || __CUDA_ARCH__ >= 800
constexpr bool TENSOR = sizeof(scalar_t) == 2;
#else
constexpr bool TENSOR = false;
#endif

constexpr int THREADS = 256;
// Edge of a tile, and how much of the summed dimension is in shared memory at a time.
constexpr int TILE = sizeof(scalar_t) == 8 ? 32 : 64;
constexpr int DEPTH = sizeof(scalar_t) == 2 ? 64 : 32;
// Rows are 16 bytes further apart than they are long, so that those of a warp start in other banks.
constexpr int PITCH = TILE + WIDTH, DEPTH_PITCH = DEPTH + WIDTH;
// Rows and columns of a thread outside of tensor cores, and how many steps of depth it reads at once.
constexpr int EACH = TILE / 16, STEPS = sizeof(scalar_t) == 8 ? 2 : 4;

#ifdef DLF_HOST
#include <tensor_cores.h>
#else
// Four 8 by 8 matrices of 16-bit elements: lane i has the address of row i % 8 of matrix i / 8, and
// gets in register j, of matrix j, row lane / 4 and columns lane % 4 * 2 and the next one.
__device__ __forceinline__ void load_matrices(unsigned (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(unsigned(__cvta_generic_to_shared(row)))
               : "memory");
}
// The same of the transposed matrices.
__device__ __forceinline__ void load_transposed(unsigned (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(unsigned(__cvta_generic_to_shared(row)))
               : "memory");
}

// Starts a copy of 16 bytes to shared memory, or of zeros where nothing is `there`; `to` may be read
// after `copies_wait` of this thread and a barrier.
__device__ __forceinline__ void copy_async(void* to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(unsigned(__cvta_generic_to_shared(to))), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
// The same of one float.
__device__ __forceinline__ void copy_float_async(float* to, const float* from, bool there) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
               :
               : "r"(unsigned(__cvta_generic_to_shared(to))), "l"(from), "r"(there ? 4 : 0)
               : "memory");
}
__device__ __forceinline__ void copies_wait() { asm volatile("cp.async.wait_all;" ::: "memory"); }

template <class T>
struct TensorCores {
  static __device__ void multiply(float* c, const unsigned (&a)[4], unsigned b0, unsigned b1);
  static __device__ unsigned pair(float low, float high);
};
#define TENSOR_CORES(type, name)                                                               \
  template <>                                                                                  \
  struct TensorCores<type> {                                                                   \
    static __device__ __forceinline__ void multiply(float* c, const unsigned (&a)[4],          \
                                                    unsigned b0, unsigned b1) {                \
      asm("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                               \
          ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"               \
          : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                     \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                     \
    }                                                                                          \
    /* Both rounded, in one register. */                                                       \
    static __device__ __forceinline__ unsigned pair(float low, float high) {                   \
      unsigned both;                                                                           \
      asm("cvt.rn." name "x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));             \
      return both;                                                                             \
    }                                                                                          \
  }
TENSOR_CORES(__half, "f16");
TENSOR_CORES(__nv_bfloat16, "bf16");
#endif

// TILE by TILE sums. The left operand is (TILE, depth) in memory if LEFT_ROWS, else (depth, TILE);
// the right one is (depth, TILE) if RIGHT_ROWS, else (TILE, depth).
template <bool RIGHT_ROWS, bool ON_TENSOR_CORES = TENSOR>
struct Sums {
  // Each thread has ROWS rows, of which the slot of its threads in a row is `slot` of SLOTS.
  static constexpr int ROWS = EACH, SLOTS = 16;
  acc_t at[EACH][EACH];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
      for (int j = 0; j < EACH; ++j) at[i][j] = acc_t(0);
  }
  static __device__ __forceinline__ int slot() { return threadIdx.x % 16; }
  static __device__ __forceinline__ int row(int i) { return threadIdx.x / 16 * EACH + i; }
  static __device__ __forceinline__ int column(int j) {
    return RIGHT_ROWS ? threadIdx.x % 16 * EACH + j : threadIdx.x % 16 + 16 * j;
  }
  // f(i, row, column, sum) for each of the thread's sums; i counts its rows.
  template <class F>
  __device__ __forceinline__ void each(F f) {
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
      for (int j = 0; j < EACH; ++j) f(i, row(i), column(j), at[i][j]);
  }
  // The same with the sums of another tile: f(i, row, column, sum, other's).
  template <class F>
  __device__ __forceinline__ void with(const Sums& other, F f) {
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
      for (int j = 0; j < EACH; ++j) f(i, row(i), column(j), at[i][j], other.at[i][j]);
  }
  template <bool LEFT_ROWS>
  __device__ __forceinline__ void multiply(const scalar_t* left, int left_pitch,
                                           const scalar_t* right, int right_pitch, int depth) {
#pragma unroll 1
    for (int k = 0; k < depth; k += STEPS) {
      acc_t a[EACH][STEPS], b[STEPS][EACH];
      if (LEFT_ROWS) {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
          const Pack<STEPS> pack = *packs<STEPS>(left + row(i) * left_pitch + k);
#pragma unroll
          for (int s = 0; s < STEPS; ++s) a[i][s] = wide(pack.at[s]);
        }
      } else {
#pragma unroll
        for (int s = 0; s < STEPS; ++s) {
          const Pack<EACH> pack = *packs<EACH>(left + (k + s) * left_pitch + row(0));
#pragma unroll
          for (int i = 0; i < EACH; ++i) a[i][s] = wide(pack.at[i]);
        }
      }
      if (RIGHT_ROWS) {
#pragma unroll
        for (int s = 0; s < STEPS; ++s) {
          const Pack<EACH> pack = *packs<EACH>(right + (k + s) * right_pitch + column(0));
#pragma unroll
          for (int j = 0; j < EACH; ++j) b[s][j] = wide(pack.at[j]);
        }
      } else {
#pragma unroll
        for (int j = 0; j < EACH; ++j) {
          const Pack<STEPS> pack = *packs<STEPS>(right + column(j) * right_pitch + k);
#pragma unroll
          for (int s = 0; s < STEPS; ++s) b[s][j] = wide(pack.at[s]);
        }
      }
#pragma unroll
      for (int s = 0; s < STEPS; ++s)
#pragma unroll
        for (int i = 0; i < EACH; ++i)
#pragma unroll
          for (int j = 0; j < EACH; ++j) at[i][j] += a[i][s] * b[s][j];
    }
  }
};

// Eight warps, four down and two across, with 16 by 32 sums each: four matrices of 16 by 8.
template <bool RIGHT_ROWS>
struct Sums<RIGHT_ROWS, true> {
  static constexpr int ROWS = 2, SLOTS = 8;
  float at[4][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j) at[i][j] = 0;
  }
  static __device__ __forceinline__ int first_row() { return threadIdx.x / 64 * 16; }
  static __device__ __forceinline__ int first_column() { return threadIdx.x / 32 % 2 * 32; }
  static __device__ __forceinline__ int slot() {
    return threadIdx.x / 32 % 2 * 4 + threadIdx.x % 4;
  }
  static __device__ __forceinline__ int row(int i) {
    return first_row() + threadIdx.x % 32 / 4 + 8 * i;
  }
  static __device__ __forceinline__ int column(int matrix, int k) {
    return first_column() + matrix * 8 + threadIdx.x % 4 * 2 + k % 2;
  }
  template <class F>
  __device__ __forceinline__ void each(F f) {
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k) f(k / 2, row(k / 2), column(m, k), at[m][k]);
  }
  template <class F>
  __device__ __forceinline__ void with(const Sums& other, F f) {
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
      for (int k = 0; k < 4; ++k) f(k / 2, row(k / 2), column(m, k), at[m][k], other.at[m][k]);
  }
  template <bool LEFT_ROWS>
  __device__ __forceinline__ void multiply(const scalar_t* left, int left_pitch,
                                           const scalar_t* right, int right_pitch, int depth) {
    const int lane = threadIdx.x % 32, within = lane % 8, low = lane / 8 % 2 * 8,
              high = lane / 16 * 8;
#pragma unroll 2
    for (int k = 0; k < depth; k += 16) {
      unsigned a[4], b[4];
      if (LEFT_ROWS)
        load_matrices(a, left + (first_row() + low + within) * left_pitch + k + high);
      else
        load_transposed(a, left + (k + high + within) * left_pitch + first_row() + low);
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        const int column = first_column() + pair * 16;
        if (RIGHT_ROWS)
          load_transposed(b, right + (k + low + within) * right_pitch + column + high);
        else
          load_matrices(b, right + (column + high + within) * right_pitch + k + low);
        TensorCores<scalar_t>::multiply(at[2 * pair], a, b[0], b[1]);
        TensorCores<scalar_t>::multiply(at[2 * pair + 1], a, b[2], b[3]);
      }
    }
  }
};

// Copies ROWS by COLUMNS of the matrix that starts at `from`, of which `rows` and `columns` are
// there, N at a time; the others become 0.
template <int N, int ROWS, int COLUMNS>
__device__ __forceinline__ void stage(scalar_t* tile, int pitch, const scalar_t* from, index_t step,
                                      index_t rows, index_t columns) {
  constexpr int ALONG = COLUMNS / N;
#pragma unroll 2
  for (int i = threadIdx.x; i < ROWS * ALONG; i += THREADS) {
    const int row = i / ALONG, column = i % ALONG * N;
    Pack<N> pack;
    if (row < rows && column < columns) {
      pack = *packs<N>(from + row * step + column);
    } else {
#pragma unroll
      for (int k = 0; k < N; ++k) pack.at[k] = narrow(acc_t(0));
    }
    *packs<N>(tile + row * pitch + column) = pack;
  }
}

// The same in two halves, so that what is read can be on its way during a product.
template <int N, int ROWS, int COLUMNS>
struct Staged {
  static constexpr int ALONG = COLUMNS / N, COUNT = ROWS * ALONG / THREADS;
  Pack<N> at[COUNT];

  __device__ __forceinline__ void read(const scalar_t* from, index_t step, index_t rows,
                                       index_t columns) {
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const int i = threadIdx.x + c * THREADS, row = i / ALONG, column = i % ALONG * N;
      if (row < rows && column < columns) {
        at[c] = *packs<N>(from + row * step + column);
      } else {
#pragma unroll
        for (int k = 0; k < N; ++k) at[c].at[k] = narrow(acc_t(0));
      }
    }
  }
  __device__ __forceinline__ void write(scalar_t* tile, int pitch) const {
#pragma unroll
    for (int c = 0; c < COUNT; ++c) {
      const int i = threadIdx.x + c * THREADS;
      *packs<N>(tile + i / ALONG * pitch + i % ALONG * N) = at[c];
    }
  }
};
