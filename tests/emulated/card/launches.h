// Modules and their functions.
#pragma once

#include "card.h"
#include "kernel.h"

namespace card {

// How the text begins that stands for a binary; the library's path follows.
constexpr char kImage[] = "dlf-card:";
constexpr int kSharedByDefault = 48 * 1024, kSharedAtMost = 227 * 1024;

struct Module {
  void* library;
  int device;
};

struct Function {
  std::string name;
  const CardKernel* kernel;
  int device;
  int shared_limit = kSharedByDefault;
};

const char* run_kernel(const CardKernel& kernel, void** values, const unsigned* grid,
                       const unsigned* block, std::size_t shared);

}  // namespace card
