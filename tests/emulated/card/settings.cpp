// What the environment says of the card: run.py hands DLF_CARD_LATE on as EMULATED_CARD_LATE, and so
// on, since the tests take all names of dlf's out of their environment.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "card.h"

namespace card {
namespace {

bool set(const char* name) {
  const char* given = std::getenv(name);
  return given && *given && std::strcmp(given, "0") != 0;
}

// Bytes, such as 4096, 512K, 64M or 2G.
std::size_t bytes(const char* name, std::size_t otherwise) {
  const char* given = std::getenv(name);
  if (!given || !*given) return otherwise;
  char* end;
  const std::size_t number = std::strtoull(given, &end, 10);
  const int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  return number << shift;
}

int count(const char* name) {
  const char* given = std::getenv(name);
  return given && *given ? std::clamp(std::atoi(given), 0, kMostCards) : 1;
}

}  // namespace

std::recursive_mutex mutex;
thread_local int device = 0;
bool late = set("EMULATED_CARD_LATE"), idle = set("EMULATED_CARD_IDLE"), trace = set("EMULATED_CARD_TRACE");
int devices = count("EMULATED_CARD_DEVICES");
std::size_t memory_of_each = bytes("EMULATED_CARD_MEMORY", std::size_t(1) << 30);
long launches = 0, waits = 0;

}  // namespace card

// For tests, through ctypes.
CARD_ENTRY long card_launch_count() { return card::launches; }
CARD_ENTRY long card_wait_count() { return card::waits; }
CARD_ENTRY void card_set_idle(int value) { card::idle = value; }
CARD_ENTRY void card_set_trace(int value) { card::trace = value; }
