// What a compiled kernel tells of itself, and how it is called.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

// How the threads of a block run: one after another to their ends; as fibers that meet at barriers;
// as fibers, of which none may have returned when others come to a barrier.
enum CardThreads { kCardStraight, kCardFibers, kCardStrictFibers };

// Kinds of parameters: p a pointer, a an array of CuPy's, which begins with one, f floating, i
// integer, s anything else.
struct CardKernel {
  void (*call)(void**);
  int threads, count;
  int sizes[64];
  char kinds[64];
};

template <class T>
struct CardKind {
  static constexpr char value = std::is_pointer<T>::value          ? 'p'
                                : std::is_floating_point<T>::value ? 'f'
                                : std::is_integral<T>::value       ? 'i'
                                                                   : 's';
};

// In fibers.cpp.
namespace card {
void kernel_returns();
}

template <class... A, std::size_t... I>
void card_apply(void (*kernel)(A...), void** values, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_cv_t<A>*>(values[I])...);
}
template <class... A>
void card_call(void (*kernel)(A...), void** values) {
  card_apply(kernel, values, std::index_sequence_for<A...>());
}
template <class... A>
CardKernel card_kernel(void (*)(A...), void (*call)(void**), int threads) {
  static_assert(sizeof...(A) <= 64, "a kernel with more than 64 parameters");
  CardKernel out{call, threads, int(sizeof...(A)), {}, {}};
  int i = 0;
  ((out.sizes[i] = int(sizeof(A)), out.kinds[i++] = CardKind<std::remove_cv_t<A>>::value), ...);
  return out;
}

#define CARD_EXPORT(symbol, kernel, threads)                                          \
  static void card_call_##symbol(void** values) {                                     \
    card_call(kernel, values);                                                        \
    card::kernel_returns();                                                           \
  }                                                                                   \
  extern "C" {                                                                        \
  CardKernel card_kernel_##symbol = card_kernel(kernel, card_call_##symbol, threads); \
  }
