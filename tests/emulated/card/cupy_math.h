// Functions of CUDA's that the host's library does not have.
#pragma once

template <class To, class From>
To card_bits(From value) {
  static_assert(sizeof(To) == sizeof(From), "bits of another size");
  To out;
  memcpy(&out, &value, sizeof out);
  return out;
}
inline int __float_as_int(float x) { return card_bits<int>(x); }
inline float __int_as_float(int x) { return card_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return card_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return card_bits<float>(x); }
inline long long __double_as_longlong(double x) { return card_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return card_bits<double>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return unsigned(uint64_t(a) * uint64_t(b) >> 32);
}

inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
template <class T>
inline std::enable_if_t<std::is_integral<T>::value, double> rsqrt(T x) {
  return 1.0 / sqrt(double(x));
}
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline double sinpi(double x) { return sin(M_PI * x); }
inline double cospi(double x) { return cos(M_PI * x); }
inline float sinpi(float x) { return float(sinpi(double(x))); }
inline float cospi(float x) { return float(cospi(double(x))); }

// Halley's iteration on erf(x) - y, from the tails' side where y is near 1 or -1.
inline double erfinv(double y) {
  if (!(y > -1 && y < 1)) return y == 1 ? INFINITY : y == -1 ? -INFINITY : NAN;
  const double tail = -log((1 - y) * (1 + y));
  double x = tail < 5 ? y * 0.886 : (y < 0 ? -1 : 1) * sqrt(tail);
  for (int i = 0; i < 60; ++i) {
    const double error = y > 0.5    ? (1 - y) - erfc(x)
                         : y < -0.5 ? erfc(-x) - (1 + y)
                                    : erf(x) - y;
    const double newton = error / (2 / sqrt(M_PI) * exp(-x * x));
    x -= newton / (1 + x * newton);
    if (fabs(newton) < 1e-17) break;
  }
  return x;
}
inline float erfinv(float y) { return float(erfinv(double(y))); }

template <class T, class U>
constexpr std::common_type_t<T, U> min(T a, U b) {
  using C = std::common_type_t<T, U>;
  return C(b) < C(a) ? C(b) : C(a);
}
template <class T, class U>
constexpr std::common_type_t<T, U> max(T a, U b) {
  using C = std::common_type_t<T, U>;
  return C(a) < C(b) ? C(b) : C(a);
}
// Of a number and NaN, the number.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
