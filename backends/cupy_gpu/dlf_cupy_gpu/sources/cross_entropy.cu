// Cross entropy of (batch, classes, inner) logits with (batch, inner) classes, and its gradient: one
// pass over the logits each, where log_softmax and nll take several and keep the logarithms.
//
// With w the weights of the classes (1 where `weight` is null), t the target, s the smoothing and C
// the number of classes, the loss of a row is
//   (1 - s) * w[t] * (L - x[t]) + s / C * sum_c w[c] * (L - x[c]),   L = log(sum_c exp(x[c])).
// A class out of range, other than `ignore_index`, makes loss and gradient NaN.
#include "peak.cuh"
#include "rows.cuh"

// The sums over a row that smoothing needs: of w * x, and of w.
template <int N>
__device__ __forceinline__ void add_weighted(TwoSums& sums, const Pack<N>& pack,
                                             const scalar_t* weight, index_t from) {
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const acc_t w = weight ? acc_t(wide(weight[from + k])) : acc_t(1);
    sums.first += w * wide(pack.at[k]);
    sums.second += w;
  }
}

struct Row {
  acc_t logsumexp, share;
  bool counts, inside;
  TwoSums sums;

  // `share` is the weight of the target.
  __device__ __forceinline__ Row(Peak peak, TwoSums sums_, index_t target, const scalar_t* weight,
                                 index_t classes, index_t ignore_index)
      : logsumexp(peak.top + log(peak.sum)), share(0), counts(target != ignore_index), sums(sums_) {
    inside = target >= 0 && target < classes;
    if (counts && !inside) share = infinity() - infinity();
    if (counts && inside) share = weight ? acc_t(wide(weight[target])) : acc_t(1);
  }
  __device__ __forceinline__ acc_t loss(acc_t at_target, acc_t smoothing, index_t classes) const {
    if (!counts) return acc_t(0);
    const acc_t sharp = share * (logsumexp - at_target);
    if (smoothing == acc_t(0)) return sharp;
    const acc_t even = logsumexp * sums.second - sums.first;
    return (acc_t(1) - smoothing) * sharp + smoothing / acc_t(classes) * even;
  }
  __device__ __forceinline__ acc_t slope(acc_t x, acc_t w, bool is_target, acc_t grad,
                                         acc_t smoothing, index_t classes) const {
    const acc_t p = exp_of(x - logsumexp);
    const acc_t sharp = share * (is_target ? p - acc_t(1) : p);
    if (smoothing == acc_t(0)) return grad * sharp;
    const acc_t even = sums.second * p - w;
    return grad * ((acc_t(1) - smoothing) * sharp + smoothing / acc_t(classes) * even);
  }
};

// `losses` is (rows, 2): the loss and the weight of each row, for nll_finish; `each` may be null.
__device__ __forceinline__ void store_loss(const Row& row, acc_t value, acc_t smoothing,
                                           index_t classes, acc_t* losses, scalar_t* each,
                                           index_t at) {
  const acc_t loss = row.loss(value, smoothing, classes);
  losses[2 * at] = loss;
  losses[2 * at + 1] = row.share;
  if (each) each[at] = narrow(loss);
}

// Reads a row: keeps it in `cache`, if not null, and sums what the loss needs.
struct Read {
  const scalar_t* weight;
  scalar_t* cache;
  bool smooth;
  Peak peak;
  TwoSums sums;
  template <int M>
  __device__ __forceinline__ void operator()(const Pack<M>& pack, index_t i) {
    if (cache) keep<M>(cache, i, pack);
    add_pack<M>(peak, pack);
    if (smooth) add_weighted<M>(sums, pack, weight, i);
  }
  __device__ __forceinline__ void reduce() {
    peak = team_reduce(peak);
    if (smooth) sums = team_reduce(sums);
  }
};

struct WriteGradient {
  const Row& row;
  const scalar_t* weight;
  scalar_t* out;
  acc_t slope, smoothing;
  index_t target, classes;
  template <int M>
  __device__ __forceinline__ void operator()(Pack<M> pack, index_t i) {
#pragma unroll
    for (int k = 0; k < M; ++k) {
      const acc_t w = smoothing != acc_t(0) && weight ? acc_t(wide(weight[i + k])) : acc_t(1);
      const acc_t value =
          row.slope(wide(pack.at[k]), w, i + k == target, slope, smoothing, classes);
      pack.at[k] = narrow(row.counts ? value : acc_t(0));
    }
    store<M>(out, i, pack);
  }
};

template <int N>
__device__ __forceinline__ void forward_rows(const scalar_t* x, const index_t* target,
                                             const scalar_t* weight, scalar_t* each, acc_t* losses,
                                             index_t count, index_t classes, index_t ignore_index,
                                             acc_t smoothing) {
  for (index_t at = index_t(blockIdx.x) * blockDim.y + threadIdx.y; at < count;
       at += index_t(gridDim.x) * blockDim.y) {
    Read read = {weight, nullptr, smoothing != acc_t(0), Peak::empty(), TwoSums::empty()};
    visit<N>(x + at * classes, classes, read);
    read.reduce();
    if (threadIdx.x == 0) {
      const Row row(read.peak, read.sums, target[at], weight, classes, ignore_index);
      const acc_t value = row.inside ? acc_t(wide(x[at * classes + target[at]])) : acc_t(0);
      store_loss(row, value, smoothing, classes, losses, each, at);
    }
  }
}

// `grad` has one element (`single`) or one a row; `total`, if not null, divides it.
template <int N>
__device__ __forceinline__ void backward_rows(const scalar_t* grad, const scalar_t* x,
                                              const index_t* target, const scalar_t* weight,
                                              const scalar_t* total, scalar_t* dx, index_t count,
                                              index_t classes, index_t ignore_index,
                                              acc_t smoothing, index_t single, index_t cached) {
  SHARED_MEMORY(scalar_t, shared);
  scalar_t* const own = shared + threadIdx.y * pitch_of(classes);
  for (index_t at = index_t(blockIdx.x) * blockDim.y + threadIdx.y; at < count;
       at += index_t(gridDim.x) * blockDim.y) {
    const scalar_t* const in = x + at * classes;
    scalar_t* const cache = cached ? cache_like<N>(own, in, classes) : nullptr;
    Read read = {weight, cache, smoothing != acc_t(0), Peak::empty(), TwoSums::empty()};
    visit<N>(in, classes, read);
    read.reduce();
    const Row row(read.peak, read.sums, target[at], weight, classes, ignore_index);
    acc_t slope = wide(grad[single ? 0 : at]);
    if (total) slope /= wide(*total);
    WriteGradient write = {row, weight, dx + at * classes, slope, smoothing, target[at], classes};
    visit<N>(cached ? cache : in, classes, write);
  }
}

#define ENTRIES(suffix, N)                                                                        \
  KERNEL forward_rows##suffix(const scalar_t* x, const index_t* target, const scalar_t* weight,   \
                              scalar_t* each, acc_t* losses, index_t count, index_t classes,      \
                              index_t ignore_index, double smoothing) {                           \
    forward_rows<N>(x, target, weight, each, losses, count, classes, ignore_index,                \
                    acc_t(smoothing));                                                            \
  }                                                                                               \
  KERNEL backward_rows##suffix(const scalar_t* grad, const scalar_t* x, const index_t* target,    \
                               const scalar_t* weight, const scalar_t* total, scalar_t* dx,       \
                               index_t count, index_t classes, index_t ignore_index,              \
                               double smoothing, index_t single, index_t cached) {                \
    backward_rows<N>(grad, x, target, weight, total, dx, count, classes, ignore_index,            \
                     acc_t(smoothing), single, cached);                                           \
  }

ENTRIES(_narrow, 1)
ENTRIES(_wide, WIDTH)

// Classes that are `inner` elements apart, or few: a thread a row.
__device__ __forceinline__ void scan(const scalar_t* x, const scalar_t* weight, index_t classes,
                                     index_t inner, acc_t smoothing, Peak& peak, TwoSums& sums) {
  for (index_t c = 0; c < classes; ++c) {
    const Pack<1> one = {x[c * inner]};
    add_pack<1>(peak, one);
    if (smoothing != acc_t(0)) add_weighted<1>(sums, one, weight, c);
  }
}

KERNEL forward_strided(const scalar_t* x, const index_t* target, const scalar_t* weight,
                       scalar_t* each, acc_t* losses, index_t count, index_t classes,
                       index_t ignore_index, double smoothing, index_t inner) {
  for (index_t at = index_t(blockIdx.x) * blockDim.x + threadIdx.x; at < count;
       at += index_t(gridDim.x) * blockDim.x) {
    const scalar_t* in = x + at / inner * classes * inner + at % inner;
    Peak peak = Peak::empty();
    TwoSums sums = TwoSums::empty();
    scan(in, weight, classes, inner, acc_t(smoothing), peak, sums);
    const Row row(peak, sums, target[at], weight, classes, ignore_index);
    const acc_t value = row.inside ? acc_t(wide(in[target[at] * inner])) : acc_t(0);
    store_loss(row, value, acc_t(smoothing), classes, losses, each, at);
  }
}

KERNEL backward_strided(const scalar_t* grad, const scalar_t* x, const index_t* target,
                        const scalar_t* weight, const scalar_t* total, scalar_t* dx, index_t count,
                        index_t classes, index_t ignore_index, double smoothing_, index_t single,
                        index_t inner) {
  const acc_t smoothing = acc_t(smoothing_);
  for (index_t at = index_t(blockIdx.x) * blockDim.x + threadIdx.x; at < count;
       at += index_t(gridDim.x) * blockDim.x) {
    const index_t start = at / inner * classes * inner + at % inner;
    Peak peak = Peak::empty();
    TwoSums sums = TwoSums::empty();
    scan(x + start, weight, classes, inner, smoothing, peak, sums);
    const Row row(peak, sums, target[at], weight, classes, ignore_index);
    acc_t slope = wide(grad[single ? 0 : at]);
    if (total) slope /= wide(*total);
    for (index_t c = 0; c < classes; ++c) {
      const acc_t w = weight ? acc_t(wide(weight[c])) : acc_t(1);
      const acc_t value = row.slope(wide(x[start + c * inner]), w, c == target[at], slope, smoothing,
                                    classes);
      dx[start + c * inner] = narrow(row.counts ? value : acc_t(0));
    }
  }
}
