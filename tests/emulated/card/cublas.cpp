// cuBLAS: products of matrices and vectors, by plain loops in double. Scalars lie on the host.
#include <functional>

#include "cublas_handle.h"
#include "cublas_values.h"

using namespace blas;

namespace {

struct Matrix {
  const void* data;
  int type, leading;
  long long stride;
  const void* const* table;  // Addresses, a matrix each, in place of `data` and `stride`.
  const char* at(int index) const {
    if (table) return static_cast<const char*>(table[index]);
    return static_cast<const char*>(data) + index * stride * (long long)size_of(type);
  }
};

struct Product {
  int left, right, m, n, k, count;  // left, right: 0 as it is, 1 transposed, 2 conjugated, too.
  Value alpha, beta;
  Matrix a, b, c;
};

Value element(const char* data, const Matrix& of, int transposed, long long row, long long column) {
  const long long at = transposed ? row * of.leading + column : column * of.leading + row;
  const Value found = get(data, of.type, at);
  return transposed == 2 ? std::conj(found) : found;
}

void multiply(const Product& p) {
  for (int z = 0; z < p.count; ++z) {
    const char *a = p.a.at(z), *b = p.b.at(z);
    void* c = const_cast<char*>(p.c.at(z));
    for (int j = 0; j < p.n; ++j)
      for (int i = 0; i < p.m; ++i) {
        Value sum = 0;
        if (complex(p.a.type)) {
          for (int l = 0; l < p.k; ++l)
            sum += element(a, p.a, p.left, i, l) * element(b, p.b, p.right, l, j);
        } else {
          // Real infinities must not meet imaginary zeros.
          double real = 0;
          for (int l = 0; l < p.k; ++l)
            real += element(a, p.a, p.left, i, l).real() * element(b, p.b, p.right, l, j).real();
          sum = real;
        }
        const long long at = (long long)j * p.c.leading + i;
        Value out = complex(p.c.type) ? p.alpha * sum : Value(p.alpha.real() * sum.real());
        if (p.beta != Value(0)) {
          const Value before = get(c, p.c.type, at);
          out += complex(p.c.type) ? p.beta * before : Value(p.beta.real() * before.real());
        }
        put(c, p.c.type, at, out);
      }
  }
}

int call(void* data) {
  auto* work = static_cast<std::function<void()>*>(data);
  (*work)();
  return 0;
}

// The work stays: a graph may run it again.
int queue(Handle* handle, const char* name, std::function<void()> work) {
  card_count_launch(name);
  if (card_is_idle()) return kSuccess;
  return card_push(handle->stream, call, new std::function<void()>(work)) ? kExecutionFailed
                                                                         : kSuccess;
}

bool fits(const Matrix& matrix, int rows, int columns, int count) {
  if (!rows || !columns || !count || matrix.table) return true;
  const long long one = (long long)(columns - 1) * matrix.leading + rows;
  const long long all = matrix.stride * (count - 1) + one;
  return card_on_card(matrix.data, all * (long long)size_of(matrix.type));
}

int gemm(Handle* handle, const Product& p) {
  const int a_rows = p.left ? p.k : p.m, b_rows = p.right ? p.n : p.k;
  if (handle->mode) return kNotSupported;
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.count < 0) return kInvalidValue;
  if (p.a.leading < (a_rows > 1 ? a_rows : 1) || p.b.leading < (b_rows > 1 ? b_rows : 1) ||
      p.c.leading < (p.m > 1 ? p.m : 1))
    return kInvalidValue;
  if (!known(p.a.type) || !known(p.b.type) || !known(p.c.type)) return kNotSupported;
  if (!fits(p.a, a_rows, p.left ? p.m : p.k, p.count) ||
      !fits(p.b, b_rows, p.right ? p.k : p.n, p.count) || !fits(p.c, p.m, p.n, p.count))
    return kInvalidValue;
  return queue(handle, "cublas gemm", [p] { multiply(p); });
}

}  // namespace

CARD_ENTRY int cublasGemmStridedBatchedEx(Handle* handle, int left, int right, int m, int n, int k,
                                          const void* alpha, const void* a, int a_type, int lda,
                                          long long a_stride, const void* b, int b_type, int ldb,
                                          long long b_stride, const void* beta, void* c, int c_type,
                                          int ldc, long long c_stride, int count, int compute,
                                          int) {
  return gemm(handle, {left, right, m, n, k, count, scalar(alpha, compute, c_type),
                       scalar(beta, compute, c_type), {a, a_type, lda, a_stride, nullptr},
                       {b, b_type, ldb, b_stride, nullptr}, {c, c_type, ldc, c_stride, nullptr}});
}
CARD_ENTRY int cublasGemmEx(Handle* handle, int left, int right, int m, int n, int k,
                            const void* alpha, const void* a, int a_type, int lda, const void* b,
                            int b_type, int ldb, const void* beta, void* c, int c_type, int ldc,
                            int compute, int algorithm) {
  return cublasGemmStridedBatchedEx(handle, left, right, m, n, k, alpha, a, a_type, lda, 0, b,
                                    b_type, ldb, 0, beta, c, c_type, ldc, 0, 1, compute, algorithm);
}

// The entries of one type: a product, many products with equal distances, many with addresses.
#define GEMM(letter, type, compute)                                                               \
  CARD_ENTRY int cublas##letter##gemmStridedBatched(                                              \
      Handle* handle, int left, int right, int m, int n, int k, const void* alpha, const void* a, \
      int lda, long long a_stride, const void* b, int ldb, long long b_stride, const void* beta,  \
      void* c, int ldc, long long c_stride, int count) {                                          \
    return cublasGemmStridedBatchedEx(handle, left, right, m, n, k, alpha, a, type, lda,          \
                                      a_stride, b, type, ldb, b_stride, beta, c, type, ldc,       \
                                      c_stride, count, compute, 0);                               \
  }                                                                                               \
  CARD_ENTRY int cublas##letter##gemm_v2(Handle* handle, int left, int right, int m, int n,       \
                                         int k, const void* alpha, const void* a, int lda,        \
                                         const void* b, int ldb, const void* beta, void* c,       \
                                         int ldc) {                                               \
    return cublasGemmEx(handle, left, right, m, n, k, alpha, a, type, lda, b, type, ldb, beta, c, \
                        type, ldc, compute, 0);                                                   \
  }                                                                                               \
  CARD_ENTRY int cublas##letter##gemmBatched(                                                     \
      Handle* handle, int left, int right, int m, int n, int k, const void* alpha,                \
      const void* const* a, int lda, const void* const* b, int ldb, const void* beta,             \
      void* const* c, int ldc, int count) {                                                       \
    return gemm(handle, {left, right, m, n, k, count, scalar(alpha, compute, type),               \
                         scalar(beta, compute, type), {nullptr, type, lda, 0, a},                 \
                         {nullptr, type, ldb, 0, b}, {nullptr, type, ldc, 0, c}});                \
  }
GEMM(S, kFloat, kCompute32)
GEMM(D, kDouble, kCompute64)
GEMM(C, kComplex, kCompute32)
GEMM(Z, kDoubleComplex, kCompute64)

#define DOT(name, type, conjugated)                                                           \
  CARD_ENTRY int name(Handle* handle, int count, const void* x, int x_step, const void* y,    \
                      int y_step, void* out) {                                                \
    if (!card_on_card(out, (long long)size_of(type))) return kNotSupported;                   \
    return queue(handle, "cublas dot", [=] {                                                  \
      Value sum = 0;                                                                          \
      for (long long i = 0; i < count; ++i) {                                                 \
        const Value a = get(x, type, i * x_step);                                             \
        sum += (conjugated ? std::conj(a) : a) * get(y, type, i * y_step);                    \
      }                                                                                       \
      put(out, type, 0, sum);                                                                 \
    });                                                                                       \
  }
DOT(cublasSdot_v2, kFloat, false)
DOT(cublasDdot_v2, kDouble, false)
DOT(cublasCdotu_v2, kComplex, false)
DOT(cublasZdotu_v2, kDoubleComplex, false)
DOT(cublasCdotc_v2, kComplex, true)
DOT(cublasZdotc_v2, kDoubleComplex, true)
