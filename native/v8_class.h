// A class of JavaScript over a struct: one for each addon that each hit asks, written to V8's own interface,
// as such a call costs 10 ns instead of 60.
#ifndef HEADGATE_NATIVE_V8_CLASS_H_
#define HEADGATE_NATIVE_V8_CLASS_H_

#include <node.h>

#include <cstddef>
#include <initializer_list>
#include <new>
#include <type_traits>

namespace headgate {

constexpr int kStateField = 0;  // internal fields of an object
constexpr int kMemoryField = 1;

// The new object's state, with room for `more` bytes behind it, in memory that V8 frees with the object: a
// thread that ends runs no destructors.
template <typename State>
State* NewState(const v8::FunctionCallbackInfo<v8::Value>& call, size_t more = 0) {
  static_assert(std::is_trivially_destructible_v<State>);
  const v8::Local<v8::ArrayBuffer> memory = v8::ArrayBuffer::New(call.GetIsolate(), sizeof(State) + more);
  auto* state = new (memory->Data()) State();
  call.This()->SetAlignedPointerInInternalField(kStateField, state);
  call.This()->SetInternalField(kMemoryField, memory);
  return state;
}

template <typename State>
State& StateOf(const v8::FunctionCallbackInfo<v8::Value>& call) {
  return *static_cast<State*>(call.This()->GetAlignedPointerFromInternalField(kStateField));
}

struct Method {
  const char* name;
  v8::FunctionCallback callback;
};

inline void ExportClass(v8::Local<v8::Context> context, v8::Local<v8::Object> exports, const char* name,
                        v8::FunctionCallback construct, std::initializer_list<Method> methods) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::FunctionTemplate> made = v8::FunctionTemplate::New(isolate, construct);
  made->InstanceTemplate()->SetInternalFieldCount(2);
  // Called on anything else, V8 throws a TypeError before we are asked.
  const v8::Local<v8::Signature> own = v8::Signature::New(isolate, made);
  for (const Method& method : methods) {
    const auto called = v8::FunctionTemplate::New(isolate, method.callback, {}, own);
    made->PrototypeTemplate()->Set(isolate, method.name, called);
  }
  const v8::Local<v8::String> key = v8::String::NewFromUtf8(isolate, name).ToLocalChecked();
  exports->Set(context, key, made->GetFunction(context).ToLocalChecked()).Check();
}

}  // namespace headgate

#endif  // HEADGATE_NATIVE_V8_CLASS_H_
