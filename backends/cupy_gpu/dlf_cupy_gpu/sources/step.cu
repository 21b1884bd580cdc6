// Optimizers' updates: one launch for all parameters.
//
// `table` holds int64 numbers: addresses, list by list, of each of `tensors` arrays; the sizes of the
// arrays; then for each block the array it works on and the element it starts at. A block updates
// `chunk` elements. A missing list has the address 0. The formulas stand in dlf.ops.step; values are
// computed in acc_t and rounded when they are stored.
// Of float32, four lists of 16 bytes a thread keep the memory busy with 1024 threads.
#define RESIDENT (sizeof(SCALAR) == 4 ? 2 : 1)
#include "common.cuh"

struct Part {
  const index_t* table;
  index_t tensors, tensor, start, end;
  __device__ __forceinline__ Part(const index_t* table_, index_t lists, index_t tensors_,
                                  index_t chunk)
      : table(table_), tensors(tensors_) {
    const index_t* blocks = table + (lists + 1) * tensors;
    tensor = blocks[blockIdx.x];
    start = blocks[gridDim.x + blockIdx.x];
    end = min(start + chunk, table[lists * tensors + tensor]);
  }
  __device__ __forceinline__ scalar_t* list(index_t at) const {
    return reinterpret_cast<scalar_t*>(table[at * tensors + tensor]);
  }
};

__device__ __forceinline__ bool aligned(const scalar_t* p) {
  return reinterpret_cast<unsigned long long>(p) % 16 == 0;
}

// One element's values: those of LISTS lists, in the order of the op's parameters.
template <int LISTS>
struct Values {
  acc_t at[LISTS];
};

// Loads a pack from each list, updates its elements and stores the lists that an update changes: all
// but the second, the gradients.
template <int LISTS, int N, class F>
__device__ __forceinline__ void update_packs(scalar_t* const (&lists)[LISTS], index_t from,
                                             index_t to, F f) {
  for (index_t i = from / N + threadIdx.x; i < to / N; i += blockDim.x) {
    Pack<N> loaded[LISTS];
#pragma unroll
    for (int l = 0; l < LISTS; ++l)
      if (lists[l]) loaded[l] = packs<N>(lists[l])[i];
#pragma unroll
    for (int k = 0; k < N; ++k) {
      Values<LISTS> values;
#pragma unroll
      for (int l = 0; l < LISTS; ++l)
        values.at[l] = lists[l] ? acc_t(wide(loaded[l].at[k])) : acc_t(0);
      f(values);
#pragma unroll
      for (int l = 0; l < LISTS; ++l)
        if (l != 1) loaded[l].at[k] = narrow(values.at[l]);
    }
#pragma unroll
    for (int l = 0; l < LISTS; ++l)
      if (l != 1 && lists[l]) packs<N>(lists[l])[i] = loaded[l];
  }
}

template <int LISTS, class F>
__device__ __forceinline__ void update(const index_t* table, index_t tensors, index_t chunk, F f) {
  const Part part(table, LISTS, tensors, chunk);
  scalar_t* lists[LISTS];
  bool even = true;
#pragma unroll
  for (int l = 0; l < LISTS; ++l) {
    lists[l] = part.list(l);
    even = even && aligned(lists[l]);
  }
  // Chunks start at multiples of a pack.
  const index_t whole = even ? part.start + (part.end - part.start) / WIDTH * WIDTH : part.start;
  if (even) update_packs<LISTS, WIDTH>(lists, part.start, whole, f);
  update_packs<LISTS, 1>(lists, whole, part.end, f);
}

__device__ __forceinline__ acc_t descent(acc_t param, acc_t grad, acc_t weight_decay,
                                         acc_t direction) {
  grad *= direction;
  return weight_decay != acc_t(0) ? grad + param * weight_decay : grad;
}

// `fresh` is 1 - dampening; `direction` is -1 to maximize; `first` takes the gradient as the buffer.
KERNEL sgd_step(const index_t* table, index_t tensors, index_t chunk, index_t momentous,
                index_t first, double lr_, double momentum_, double fresh_, double decay_,
                index_t nesterov, double direction_) {
  const acc_t lr = acc_t(lr_), momentum = acc_t(momentum_), fresh = acc_t(fresh_);
  const acc_t decay = acc_t(decay_), direction = acc_t(direction_);
  update<3>(table, tensors, chunk, [=](Values<3>& v) {
    acc_t d = descent(v.at[0], v.at[1], decay, direction);
    if (momentous) {
      const acc_t buffer = first ? d : v.at[2] * momentum + d * fresh;
      v.at[2] = buffer;
      d = nesterov ? d + buffer * momentum : buffer;
    }
    v.at[0] -= d * lr;
  });
}

// `size` is lr / (1 - beta1 ** step), `scale` is 1 / the root of 1 - beta2 ** step; `shrink` is 1 - lr *
// weight_decay where that is decoupled.
KERNEL adam_step(const index_t* table, index_t tensors, index_t chunk, index_t amsgrad,
                 double fresh1_, double beta2_, double fresh2_, double size_, double scale_,
                 double eps_, double decay_, double shrink_, double direction_) {
  const acc_t fresh1 = acc_t(fresh1_), beta2 = acc_t(beta2_), fresh2 = acc_t(fresh2_);
  const acc_t size = acc_t(size_), scale = acc_t(scale_), eps = acc_t(eps_);
  const acc_t decay = acc_t(decay_), shrink = acc_t(shrink_), direction = acc_t(direction_);
  update<5>(table, tensors, chunk, [=](Values<5>& v) {
    const acc_t d = descent(v.at[0], v.at[1], decay, direction);
    v.at[2] += (d - v.at[2]) * fresh1;
    v.at[3] = v.at[3] * beta2 + d * d * fresh2;
    acc_t square = v.at[3];
    if (amsgrad) {
      if (square > v.at[4] || square != square) v.at[4] = square;
      square = v.at[4];
    }
    v.at[0] = v.at[0] * shrink - v.at[2] / (sqrt(square) * scale + eps) * size;
  });
}

// `fresh` is 1 - alpha.
KERNEL rmsprop_step(const index_t* table, index_t tensors, index_t chunk, index_t centred,
                    index_t momentous, double lr_, double alpha_, double fresh_, double eps_,
                    double decay_, double momentum_, double direction_) {
  const acc_t lr = acc_t(lr_), alpha = acc_t(alpha_), fresh = acc_t(fresh_), eps = acc_t(eps_);
  const acc_t decay = acc_t(decay_), momentum = acc_t(momentum_), direction = acc_t(direction_);
  update<5>(table, tensors, chunk, [=](Values<5>& v) {
    acc_t d = descent(v.at[0], v.at[1], decay, direction);
    v.at[2] = v.at[2] * alpha + d * d * fresh;
    acc_t variance = v.at[2];
    if (centred) {
      v.at[3] += (d - v.at[3]) * fresh;
      variance -= v.at[3] * v.at[3];
    }
    d /= sqrt(variance) + eps;
    if (momentous) d = v.at[4] = v.at[4] * momentum + d;
    v.at[0] -= d * lr;
  });
}

KERNEL adagrad_step(const index_t* table, index_t tensors, index_t chunk, double lr_, double eps_,
                    double decay_, double direction_) {
  const acc_t lr = acc_t(lr_), eps = acc_t(eps_), decay = acc_t(decay_);
  const acc_t direction = acc_t(direction_);
  update<3>(table, tensors, chunk, [=](Values<3>& v) {
    const acc_t d = descent(v.at[0], v.at[1], decay, direction);
    v.at[2] += d * d;
    v.at[0] -= d / (sqrt(v.at[2]) + eps) * lr;
  });
}
