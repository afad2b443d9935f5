#ifndef HEADGATE_NATIVE_ARGUMENTS_H_
#define HEADGATE_NATIVE_ARGUMENTS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace headgate {

constexpr double kLargestExact = 9007199254740991;  // Number.MAX_SAFE_INTEGER

// A missing or odd argument becomes a value that no core, port or descriptor has.
inline int64_t IntegerAt(const Napi::CallbackInfo& call, size_t index) {
  if (call.Length() <= index || !call[index].IsNumber()) return -1;
  const double value = call[index].As<Napi::Number>().DoubleValue();
  return value >= 0 && value <= kLargestExact ? static_cast<int64_t>(value) : -1;  // NaN: no
}

}  // namespace headgate

#endif  // HEADGATE_NATIVE_ARGUMENTS_H_
