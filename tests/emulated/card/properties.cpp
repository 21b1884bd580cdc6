// The cards themselves: how many, what they can do, which one is current.
#include <cuda.h>

#include <cstdio>
#include <cstring>

#include "card.h"

using namespace card;

namespace {

// Small numbers where a kernel's work is shared out by them, an H100's where they are limits.
constexpr int kMajor = 9, kMinor = 0, kProcessors = 4, kThreads = 1024, kResident = 2048;
constexpr int kShared = 48 * 1024, kSharedOptIn = 227 * 1024, kSharedOfProcessor = 228 * 1024;

int refuse(int index, const char* what) {
  if (index >= 0 && index < devices) return 0;
  return fail(devices ? cudaErrorInvalidDevice : cudaErrorNoDevice,
              text("%s of card %d, where there are %d", what, index, devices));
}

}  // namespace

CARD_ENTRY cudaError_t cudaDriverGetVersion(int* out) {
  *out = CUDA_VERSION;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaRuntimeGetVersion(int* out) { return cudaDriverGetVersion(out); }
CARD_ENTRY cudaError_t cudaGetDeviceCount(int* out) {
  *out = devices;
  return devices ? cudaSuccess : cudaError_t(fail(cudaErrorNoDevice, "DLF_CARD_DEVICES=0"));
}
CARD_ENTRY cudaError_t cudaGetDevice(int* out) {
  *out = device;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaSetDevice(int index) {
  CARD_LOCK;
  if (int code = refuse(index, "cudaSetDevice")) return cudaError_t(code);
  device = index;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceSynchronize() {
  CARD_LOCK;
  if (any_capture())
    return cudaError_t(fail(cudaErrorStreamCaptureUnsupported,
                            "cudaDeviceSynchronize while a stream is captured"));
  ++waits;
  each_stream([](card::Stream* one) {
    if (one->device == device) drain(one);
  });
  return cudaError_t(broken());
}
CARD_ENTRY cudaError_t cudaDeviceGetAttribute(int* out, cudaDeviceAttr which, int index) {
  if (int code = refuse(index, "an attribute")) return cudaError_t(code);
  switch (which) {
    case cudaDevAttrComputeCapabilityMajor: *out = kMajor; break;
    case cudaDevAttrComputeCapabilityMinor: *out = kMinor; break;
    case cudaDevAttrMultiProcessorCount: *out = kProcessors; break;
    case cudaDevAttrMaxThreadsPerBlock: *out = kThreads; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *out = kResident; break;
    case cudaDevAttrMaxGridDimX: *out = 2147483647; break;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: *out = 65535; break;
    case cudaDevAttrWarpSize: *out = 32; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *out = kShared; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *out = kSharedOptIn; break;
    default: *out = 0;
  }
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int index) {
  if (int code = refuse(index, "cudaGetDeviceProperties")) return cudaError_t(code);
  std::memset(out, 0, sizeof *out);
  std::strcpy(out->name, "Emulated card");
  out->major = kMajor;
  out->minor = kMinor;
  out->totalGlobalMem = memory_of_each;
  out->multiProcessorCount = kProcessors;
  out->warpSize = 32;
  out->maxThreadsPerBlock = kThreads;
  out->maxThreadsPerMultiProcessor = kResident;
  out->sharedMemPerBlock = kShared;
  out->sharedMemPerBlockOptin = kSharedOptIn;
  out->sharedMemPerMultiprocessor = kSharedOfProcessor;
  out->regsPerBlock = out->regsPerMultiprocessor = 65536;
  out->l2CacheSize = 1 << 20;
  out->memoryBusWidth = 512;
  out->pciBusID = index + 1;
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceGetPCIBusId(char* out, int size, int index) {
  std::snprintf(out, std::size_t(size), "0000:%02x:00.0", index + 1);
  return cudaSuccess;
}
CARD_ENTRY cudaError_t cudaDeviceGetByPCIBusId(int* out, const char* text) {
  unsigned domain, bus;
  if (std::sscanf(text, "%x:%x", &domain, &bus) != 2)
    return cudaError_t(fail(cudaErrorInvalidValue, "not a PCI bus id"));
  *out = int(bus) - 1;
  return cudaError_t(refuse(*out, "the PCI bus id"));
}
CARD_ENTRY cudaError_t cudaProfilerStart() { return cudaSuccess; }
CARD_ENTRY cudaError_t cudaProfilerStop() { return cudaSuccess; }

// The driver's side: a context is the number of its card and 1.
CARD_ENTRY CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
CARD_ENTRY CUresult cuDriverGetVersion(int* out) { return CUresult(cudaDriverGetVersion(out)); }
CARD_ENTRY CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
CARD_ENTRY CUresult cuCtxGetCurrent(CUcontext* out) {
  *out = reinterpret_cast<CUcontext>(std::intptr_t(device) + 1);
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuCtxSetCurrent(CUcontext context) {
  // A thread without a context is on the first card.
  device = context ? int(reinterpret_cast<std::intptr_t>(context)) - 1 : 0;
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuCtxGetDevice(CUdevice* out) {
  *out = device;
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuStreamGetCtx(CUstream stream, CUcontext* out) {
  *out = reinterpret_cast<CUcontext>(std::intptr_t(stream_of(stream)->device) + 1);
  return CUDA_SUCCESS;
}
