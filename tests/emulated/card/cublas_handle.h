// cuBLAS's handles, and what its parts use of libcard.
#pragma once

#include <cstddef>

#define CARD_ENTRY extern "C" __attribute__((visibility("default")))

extern "C" int card_push(void* stream, int (*call)(void*), void* data);
extern "C" int card_is_idle();
extern "C" int card_on_card(const void* address, long long bytes);
extern "C" void card_count_launch(const char* name);

namespace blas {

enum Status { kSuccess = 0, kInvalidValue = 7, kExecutionFailed = 13, kNotSupported = 15 };

struct Handle {
  void* stream = nullptr;
  int math = 0, mode = 0;
};

}  // namespace blas
