// Tensor cores on the host: the instructions that gemm_tile.cuh uses, with the registers that PTX
// documents for ldmatrix and mma.m16n8k16. Included once in the namespace of each dtype.

inline void shim_load_matrices(unsigned (&to)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16) shim::fail("a row of ldmatrix is not 16-byte aligned");
  const shim::Slot* slots = shim::publish(FULL_WARP, &row, sizeof row);
  const unsigned short* rows[32];
  for (int i = 0; i < 32; ++i) memcpy(&rows[i], slots[i].bytes, sizeof row);
  shim::warp_barrier(FULL_WARP);
  const int lane = shim::lane(), first = lane / 4, pair = lane % 4 * 2;
  for (int i = 0; i < 4; ++i) {
    const unsigned short* const* matrix = rows + 8 * i;
    const unsigned low = transposed ? matrix[pair][first] : matrix[first][pair];
    const unsigned high = transposed ? matrix[pair + 1][first] : matrix[first][pair + 1];
    to[i] = low | high << 16;
  }
}
inline void load_matrices(unsigned (&to)[4], const void* row) {
  shim_load_matrices(to, row, false);
}
inline void load_transposed(unsigned (&to)[4], const void* row) {
  shim_load_matrices(to, row, true);
}

// Copies are made when they are waited for, so that a missing wait shows.
inline void copy_async(void* to, const void* from, bool there) {
  if (reinterpret_cast<uintptr_t>(to) % 16) shim::fail("a copy to an odd place in shared memory");
  if (there && reinterpret_cast<uintptr_t>(from) % 16) shim::fail("a copy from an odd address");
  shim_copies[shim_rank()].push_back({to, there ? from : nullptr, 16});
}
inline void copy_float_async(float* to, const float* from, bool there) {
  shim_copies[shim_rank()].push_back({to, there ? from : nullptr, 4});
}
inline void copies_wait() {
  for (const shim_copy& copy : shim_copies[shim_rank()]) {
    if (copy.from)
      memcpy(copy.to, copy.from, copy.size);
    else
      memset(copy.to, 0, copy.size);
  }
  shim_copies[shim_rank()].clear();
}

template <class T>
struct TensorCores {
  static unsigned pair(float low, float high) {
    const T both[2] = {Narrow<T>::from(low), Narrow<T>::from(high)};
    unsigned bits = 0;
    memcpy(&bits, both, sizeof bits < sizeof both ? sizeof bits : sizeof both);
    return bits;
  }
  static float element(const unsigned* registers, int at) {
    const unsigned short bits = registers[at / 2] >> 16 * (at % 2);
    T value;
    memcpy(&value, &bits, sizeof bits);
    return wide(value);
  }
  // c (16, 8) += a (16, 16) @ b (16, 8).
  static void multiply(float* c, const unsigned (&a)[4], unsigned b0, unsigned b1) {
    unsigned left[32][4], right[32][2];
    const unsigned b[2] = {b0, b1};
    const shim::Slot* slots = shim::publish(FULL_WARP, a, sizeof a);
    for (int i = 0; i < 32; ++i) memcpy(left[i], slots[i].bytes, sizeof a);
    shim::warp_barrier(FULL_WARP);
    slots = shim::publish(FULL_WARP, b, sizeof b);
    for (int i = 0; i < 32; ++i) memcpy(right[i], slots[i].bytes, sizeof b);
    shim::warp_barrier(FULL_WARP);
    const int lane = shim::lane();
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      for (int k = 0; k < 16; ++k) {
        const float x = element(left[row % 8 * 4 + k % 8 / 2], k / 8 * 4 + row / 8 * 2 + k % 2);
        const float y = element(right[column * 4 + k % 8 / 2], k / 8 * 2 + k % 2);
        c[i] += x * y;
      }
    }
  }
};
