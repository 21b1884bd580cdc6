// cuBLAS's handles: a stream and settings.
#include "cublas_handle.h"

using namespace blas;

CARD_ENTRY int cublasCreate_v2(Handle** out) {
  *out = new Handle;
  return kSuccess;
}
CARD_ENTRY int cublasDestroy_v2(Handle* handle) {
  delete handle;
  return kSuccess;
}
CARD_ENTRY int cublasGetVersion_v2(Handle*, int* out) {
  *out = CARD_CUDA_MAJOR * 10000;
  return kSuccess;
}
CARD_ENTRY int cublasSetStream_v2(Handle* handle, void* stream) {
  handle->stream = stream;
  return kSuccess;
}
CARD_ENTRY int cublasGetStream_v2(Handle* handle, void** out) {
  *out = handle->stream;
  return kSuccess;
}
CARD_ENTRY int cublasSetMathMode(Handle* handle, int mode) {
  handle->math = mode;
  return kSuccess;
}
CARD_ENTRY int cublasGetMathMode(Handle* handle, int* out) {
  *out = handle->math;
  return kSuccess;
}
CARD_ENTRY int cublasSetPointerMode_v2(Handle* handle, int mode) {
  handle->mode = mode;
  return kSuccess;
}
CARD_ENTRY int cublasGetPointerMode_v2(Handle* handle, int* out) {
  *out = handle->mode;
  return kSuccess;
}
CARD_ENTRY int cublasSetWorkspace_v2(Handle*, void* space, std::size_t size) {
  return !size || card_on_card(space, (long long)size) ? kSuccess : kInvalidValue;
}
