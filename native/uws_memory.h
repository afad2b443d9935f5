// Where the binaries of uWebSockets.js that addon.ts names keep what their own calls do not show.
#ifndef HEADGATE_NATIVE_UWS_MEMORY_H_
#define HEADGATE_NATIVE_UWS_MEMORY_H_

#include <node.h>

#include <cstddef>
#include <cstdint>

namespace headgate {

template <typename T>
T& At(char* base, size_t offset) {
  return *reinterpret_cast<T*>(base + offset);
}

// us_socket_t: its descriptor, its context (which begins with its loop), and behind it what uWS keeps,
// which begins with what the kernel has not taken (uWS::BackPressure).
constexpr size_t kDescriptor = 0x8;
constexpr size_t kContext = 0x18;
constexpr size_t kUnsent = 0x30;
constexpr size_t kUnsentTls = 0x40;
constexpr size_t kUnsentLength = 0x8;
constexpr size_t kUnsentTaken = 0x20;
constexpr size_t kBodySent = 0xe0;  // uWS::HttpResponseData::offset, without TLS
// us_loop_t with uWS::LoopData: what `Date` will say, and what is held back for the one connection that
// is corked.
constexpr size_t kDate = 0x150;
constexpr size_t kCorkBuffer = 0x180;
constexpr size_t kCorkOffset = 0x188;
constexpr size_t kCorkedSocket = 0x190;
constexpr size_t kCorkBytes = 16 * 1024;

inline char* LoopOf(char* socket) { return At<char*>(At<char*>(socket, kContext), 0); }

// What a request or response of uWS stands for. Null: it is over.
inline void* BehindOf(v8::Local<v8::Value> value) {
  if (!value->IsObject()) return nullptr;
  const v8::Local<v8::Object> object = value.As<v8::Object>();
  if (object->InternalFieldCount() != 1) return nullptr;
  return object->GetAlignedPointerFromInternalField(0);
}

}  // namespace headgate

#endif  // HEADGATE_NATIVE_UWS_MEMORY_H_
