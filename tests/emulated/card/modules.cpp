// Modules: shared libraries that kernels.py made of CUDA sources.
#include <cuda.h>
#include <dlfcn.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "launches.h"

using namespace card;

CARD_ENTRY CUresult cuModuleLoadData(CUmodule* out, const void* image) {
  CARD_LOCK;
  const char* given = static_cast<const char*>(image);
  if (std::strncmp(given, kImage, std::strlen(kImage)) != 0)
    return CUresult(fail(CUDA_ERROR_INVALID_SOURCE, "a module that was not compiled for this card"));
  const char* path = given + std::strlen(kImage);
  const std::string file(path, std::strcspn(path, "\n"));
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return CUresult(fail(CUDA_ERROR_INVALID_SOURCE, dlerror()));
  *out = reinterpret_cast<CUmodule>(new Module{library, device});
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuModuleLoad(CUmodule* out, const char* path) {
  std::ifstream file(path);
  std::stringstream read;
  read << file.rdbuf();
  return cuModuleLoadData(out, read.str().c_str());
}
// Graphs may still hold the module's kernels, so libraries stay.
CARD_ENTRY CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
CARD_ENTRY CUresult cuModuleGetFunction(CUfunction* out, CUmodule handle, const char* name) {
  CARD_LOCK;
  auto* module = reinterpret_cast<Module*>(handle);
  const std::string symbol = std::string("card_kernel_") + name;
  auto* kernel = static_cast<CardKernel*>(dlsym(module->library, symbol.c_str()));
  if (!kernel) return CUresult(fail(CUDA_ERROR_NOT_FOUND, text("no kernel %s", name)));
  *out = reinterpret_cast<CUfunction>(new Function{name, kernel, module->device});
  return CUDA_SUCCESS;
}
CARD_ENTRY CUresult cuModuleGetGlobal(CUdeviceptr* out, std::size_t* size, CUmodule module,
                                      const char* name) {
  CARD_LOCK;
  void* found = dlsym(reinterpret_cast<Module*>(module)->library, name);
  if (!found) return CUresult(fail(CUDA_ERROR_NOT_FOUND, text("no variable %s", name)));
  *out = reinterpret_cast<CUdeviceptr>(found);
  if (size) *size = 0;
  return CUDA_SUCCESS;
}
