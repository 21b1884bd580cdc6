// Softmax, its logarithm, and their gradients, along a dimension of `columns` elements.
//
// *_rows: the elements of a row are neighbours; a team of threads reads each row once, keeps it in
// shared memory (`cached`; a longer row is read again, mostly from the second-level cache), and finds
// maximum and sum in one pass.
// *_strided: they are `inner` elements apart, or few; each thread has a row of its own, and
// neighbouring threads have neighbouring rows.
#include "peak.cuh"
#include "rows.cuh"

template <bool LOG>
__device__ __forceinline__ acc_t result(acc_t x, acc_t top, acc_t scale) {
  return LOG ? x - top - scale : exp_of(x - top) * scale;
}

// Reads a row: keeps it in `cache`, if not null, and finds its peak.
struct Read {
  Peak peak;
  scalar_t* cache;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& pack, index_t i) {
    if (cache) keep<M>(cache, i, pack);
    add_pack<M>(peak, pack);
  }
};

template <bool LOG>
struct Write {
  scalar_t* out;
  acc_t top, scale;
  template <int M>
  __device__ __forceinline__ void operator()(Pack<M> pack, index_t i) {
#pragma unroll
    for (int k = 0; k < M; ++k) pack.at[k] = narrow(result<LOG>(wide(pack.at[k]), top, scale));
    store<M>(out, i, pack);
  }
};

template <int N, bool LOG>
__device__ __forceinline__ void rows(const scalar_t* x, scalar_t* y, index_t count, index_t columns,
                                     index_t cached) {
  SHARED_MEMORY(scalar_t, shared);
  scalar_t* const own = shared + threadIdx.y * pitch_of(columns);
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const scalar_t* const in = x + row * columns;
    scalar_t* const cache = cached ? cache_like<N>(own, in, columns) : nullptr;
    Read read = {Peak::empty(), cache};
    visit<N>(in, columns, read);
    const Peak peak = team_reduce(read.peak);
    Write<LOG> write = {y + row * columns, peak.top, LOG ? log(peak.sum) : acc_t(1) / peak.sum};
    // A thread reads from the cache only what it wrote there.
    visit<N>(cached ? cache : in, columns, write);
  }
}

template <bool LOG>
__device__ __forceinline__ acc_t term(acc_t grad, acc_t y) {
  return LOG ? grad : grad * y;
}

template <bool LOG>
__device__ __forceinline__ acc_t gradient(acc_t grad, acc_t y, acc_t total) {
  return LOG ? grad - exp_of(y) * total : y * (grad - total);
}

// Reads a row of both inputs; `cache`, if not null, keeps them, `pitch` elements apart.
template <bool LOG>
struct ReadBoth {
  scalar_t* cache;
  index_t pitch;
  Sum sum;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& g, const Pack<M>& o, index_t i) {
    if (cache) {
      keep<M>(cache, i, g);
      keep<M>(cache + pitch, i, o);
    }
#pragma unroll
    for (int k = 0; k < M; ++k) sum.value += term<LOG>(wide(g.at[k]), wide(o.at[k]));
  }
};

template <bool LOG>
struct WriteGradient {
  scalar_t* out;
  acc_t total;
  template <int M>
  __device__ __forceinline__ void operator()(Pack<M> g, const Pack<M>& o, index_t i) {
#pragma unroll
    for (int k = 0; k < M; ++k)
      g.at[k] = narrow(gradient<LOG>(wide(g.at[k]), wide(o.at[k]), total));
    store<M>(out, i, g);
  }
};

template <int N, bool LOG>
__device__ __forceinline__ void backward_rows(const scalar_t* grad, const scalar_t* y, scalar_t* dx,
                                              index_t count, index_t columns, index_t cached) {
  SHARED_MEMORY(scalar_t, shared);
  const index_t pitch = pitch_of(columns);
  scalar_t* const own = shared + threadIdx.y * 2 * pitch;
  for (index_t row = index_t(blockIdx.x) * blockDim.y + threadIdx.y; row < count;
       row += index_t(gridDim.x) * blockDim.y) {
    const scalar_t *const in_grad = grad + row * columns, *const in_y = y + row * columns;
    scalar_t* const cache = cached ? cache_like<N>(own, in_grad, columns) : nullptr;
    ReadBoth<LOG> read = {cache, pitch, Sum::empty()};
    visit_both<N>(in_grad, in_y, columns, read);
    const acc_t total = team_reduce(read.sum).value;
    WriteGradient<LOG> write = {dx + row * columns, total};
    visit_both<N>(cached ? cache : in_grad, cached ? cache + pitch : in_y, columns, write);
  }
}

template <bool LOG>
__device__ __forceinline__ void strided(const scalar_t* x, scalar_t* y, index_t count,
                                        index_t columns, index_t inner) {
  for (index_t row = index_t(blockIdx.x) * blockDim.x + threadIdx.x; row < count;
       row += index_t(gridDim.x) * blockDim.x) {
    const index_t start = row / inner * columns * inner + row % inner;
    Peak peak = Peak::empty();
    for (index_t i = 0; i < columns; ++i) {
      Pack<1> one = {x[start + i * inner]};
      add_pack<1>(peak, one);
    }
    const acc_t scale = LOG ? log(peak.sum) : acc_t(1) / peak.sum;
    for (index_t i = 0; i < columns; ++i)
      y[start + i * inner] = narrow(result<LOG>(wide(x[start + i * inner]), peak.top, scale));
  }
}

template <bool LOG>
__device__ __forceinline__ void backward_strided(const scalar_t* grad, const scalar_t* y,
                                                 scalar_t* dx, index_t count, index_t columns,
                                                 index_t inner) {
  for (index_t row = index_t(blockIdx.x) * blockDim.x + threadIdx.x; row < count;
       row += index_t(gridDim.x) * blockDim.x) {
    const index_t start = row / inner * columns * inner + row % inner;
    acc_t total = 0;
    for (index_t i = 0; i < columns; ++i)
      total += term<LOG>(wide(grad[start + i * inner]), wide(y[start + i * inner]));
    for (index_t i = 0; i < columns; ++i) {
      const index_t at = start + i * inner;
      dx[at] = narrow(gradient<LOG>(wide(grad[at]), wide(y[at]), total));
    }
  }
}

#define ENTRIES(name, LOG)                                                                        \
  KERNEL name##_rows_wide(const scalar_t* x, scalar_t* y, index_t count, index_t columns,         \
                          index_t cached) {                                                       \
    rows<WIDTH, LOG>(x, y, count, columns, cached);                                               \
  }                                                                                               \
  KERNEL name##_rows(const scalar_t* x, scalar_t* y, index_t count, index_t columns,              \
                     index_t cached) {                                                            \
    rows<1, LOG>(x, y, count, columns, cached);                                                   \
  }                                                                                               \
  KERNEL name##_strided(const scalar_t* x, scalar_t* y, index_t count, index_t columns,           \
                        index_t inner) {                                                          \
    strided<LOG>(x, y, count, columns, inner);                                                    \
  }                                                                                               \
  KERNEL name##_backward_rows_wide(const scalar_t* grad, const scalar_t* y, scalar_t* dx,         \
                                   index_t count, index_t columns, index_t cached) {              \
    backward_rows<WIDTH, LOG>(grad, y, dx, count, columns, cached);                               \
  }                                                                                               \
  KERNEL name##_backward_rows(const scalar_t* grad, const scalar_t* y, scalar_t* dx,              \
                              index_t count, index_t columns, index_t cached) {                   \
    backward_rows<1, LOG>(grad, y, dx, count, columns, cached);                                   \
  }                                                                                               \
  KERNEL name##_backward_strided(const scalar_t* grad, const scalar_t* y, scalar_t* dx,           \
                                 index_t count, index_t columns, index_t inner) {                 \
    backward_strided<LOG>(grad, y, dx, count, columns, inner);                                    \
  }

ENTRIES(softmax, false)
ENTRIES(log_softmax, true)
