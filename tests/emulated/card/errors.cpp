// Errors: CUDA's names, and a text that says what was wrong.
#include <cstdarg>
#include <cstdio>

#include "card.h"

namespace card {
namespace {

thread_local int last = 0, told = 0;
thread_local std::string detail;
// What a kernel did wrong stays: a card's context is lost then.
int lasting_code = 0;
std::string lasting_detail;

const char* name_of(int code) {
  switch (code) {
    case 0: return "cudaSuccess";
    case 1: return "cudaErrorInvalidValue";
    case 2: return "cudaErrorMemoryAllocation";
    case 100: return "cudaErrorNoDevice";
    case 101: return "cudaErrorInvalidDevice";
    case 300: return "cudaErrorInvalidSource";
    case 400: return "cudaErrorInvalidResourceHandle";
    case 500: return "cudaErrorSymbolNotFound";
    case 600: return "cudaErrorNotReady";
    case 700: return "cudaErrorIllegalAddress";
    case 704: return "cudaErrorPeerAccessAlreadyEnabled";
    case 719: return "cudaErrorLaunchFailure";
    case 801: return "cudaErrorNotSupported";
    case 900: return "cudaErrorStreamCaptureUnsupported";
    case 901: return "cudaErrorStreamCaptureInvalidated";
    case 903: return "cudaErrorStreamCaptureUnmatched";
    case 906: return "cudaErrorStreamCaptureImplicit";
  }
  return "cudaErrorUnknown";
}

const char* general(int code) {
  switch (code) {
    case 0: return "no error";
    case 2: return "out of memory";
    case 100: return "no CUDA-capable device is detected";
    case 600: return "device not ready";
  }
  return "refused by the emulated card";
}

}  // namespace

std::string text(const char* format, ...) {
  char out[1024];
  va_list values;
  va_start(values, format);
  std::vsnprintf(out, sizeof out, format, values);
  va_end(values);
  return out;
}

void say(const std::string& what) {
  if (trace) std::fprintf(stderr, "[card] %s\n", what.c_str());
}

int fail(int code, const std::string& what) {
  say(text("error %d: %s", code, what.c_str()));
  told = code;
  detail = what;
  return last = code;
}

int lasting(int code, const std::string& what) {
  if (!lasting_code) {
    lasting_code = code;
    lasting_detail = what;
  }
  return fail(code, what);
}

int broken() { return lasting_code ? fail(lasting_code, lasting_detail) : 0; }

// The driver's errors have the numbers of the runtime's.
static const char* described(int code) {
  static thread_local std::string out;
  out = general(code);
  if (code && code == told && !detail.empty()) out += ": " + detail;
  return out.c_str();
}

}  // namespace card

CARD_ENTRY const char* cudaGetErrorName(cudaError_t code) { return card::name_of(code); }
CARD_ENTRY const char* cudaGetErrorString(cudaError_t code) { return card::described(code); }
CARD_ENTRY cudaError_t cudaGetLastError() {
  const int code = card::last;
  card::last = 0;
  return cudaError_t(code);
}
CARD_ENTRY cudaError_t cudaPeekAtLastError() { return cudaError_t(card::last); }
CARD_ENTRY int cuGetErrorName(int code, const char** out) {
  *out = card::name_of(code);
  return 0;
}
CARD_ENTRY int cuGetErrorString(int code, const char** out) {
  *out = card::described(code);
  return 0;
}
