// Negative log-likelihood of (batch, classes, inner) log-probabilities at (batch, inner) classes, and
// its gradient. A class out of range, other than `ignore_index`, makes the loss NaN.
#include "reduce.cuh"

// Sums of losses and weights of a block's targets into `partial`, (blocks, 2). `each`, if not null,
// takes every loss.
KERNEL nll_partial(const scalar_t* log_probs, const index_t* target, const scalar_t* weight,
                   scalar_t* each, acc_t* partial, index_t count, index_t classes, index_t inner,
                   index_t ignore_index) {
  TwoSums sums = TwoSums::empty();
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t c = target[i];
    acc_t loss = 0;
    if (c != ignore_index) {
      acc_t share = 1, value = infinity() - infinity();
      if (c >= 0 && c < classes) {
        if (weight) share = wide(weight[c]);
        value = wide(log_probs[(i / inner * classes + c) * inner + i % inner]);
      }
      loss = -value * share;
      sums.first += loss;
      sums.second += share;
    }
    if (each) each[i] = narrow(loss);
  }
  sums = team_reduce(sums);
  if (threadIdx.x == 0) {
    partial[2 * blockIdx.x] = sums.first;
    partial[2 * blockIdx.x + 1] = sums.second;
  }
}

// One block. `loss` may be null; it is divided by the total weight for the mean.
KERNEL nll_finish(const acc_t* partial, scalar_t* loss, scalar_t* total, index_t parts,
                  index_t mean) {
  TwoSums sums = TwoSums::empty();
  for (index_t i = threadIdx.x; i < parts; i += blockDim.x) {
    const TwoSums one = {partial[2 * i], partial[2 * i + 1]};
    sums = sums.merge(one);
  }
  sums = team_reduce(sums);
  if (threadIdx.x == 0) {
    if (loss) *loss = narrow(mean ? sums.first / sums.second : sums.first);
    *total = narrow(sums.second);
  }
}

// Writes the targets' places of a gradient that is 0 elsewhere. `single` tells that `grad` has one
// element.
KERNEL nll_backward(const scalar_t* grad, const index_t* target, const scalar_t* weight,
                    const scalar_t* total, scalar_t* out, index_t count, index_t classes,
                    index_t inner, index_t ignore_index, index_t single, index_t mean) {
#pragma unroll 1
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += index_t(gridDim.x) * blockDim.x) {
    const index_t c = target[i];
    if (c == ignore_index || c < 0 || c >= classes) continue;
    acc_t value = -wide(grad[single ? 0 : i]);
    if (mean) value /= wide(*total);
    if (weight) value *= wide(weight[c]);
    out[(i / inner * classes + c) * inner + i % inner] = narrow(value);
  }
}
