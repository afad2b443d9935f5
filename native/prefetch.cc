// Prefetch instructions for what a hit is about to read. A load would bring a line as well, but the
// processor goes on only so far without its value; behind a prefetch it goes on. Written to V8's
// own interface, not Node-API: such a call costs 10 ns instead of 60, and a hit makes two. Typed in
// addon.ts.
#include <node.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace {

using v8::ArrayBuffer;
using v8::ArrayBufferView;
using v8::FunctionCallback;
using v8::FunctionCallbackInfo;
using v8::FunctionTemplate;
using v8::Isolate;
using v8::Local;
using v8::String;
using v8::Value;

constexpr size_t kLineBytes = 64;
constexpr size_t kTextLines = 6;  // as long as most are
constexpr size_t kBodyLines = 8;  // behind them the processor sees for itself where this goes
constexpr uint32_t kProbes = 16;  // a line of the table

void PrefetchLines(const char* from, const char* end, size_t lines) {
  for (size_t i = 0; i < lines && from < end; i++, from += kLineBytes) __builtin_prefetch(from);
}

struct Bytes {
  char* begin = nullptr;
  size_t length = 0;
};

Bytes BytesOf(Local<Value> value) {
  if (!value->IsArrayBufferView()) return {};
  const Local<ArrayBufferView> view = value.As<ArrayBufferView>();
  return {static_cast<char*>(view->Buffer()->Data()) + view->ByteOffset(), view->ByteLength()};
}

struct Prefetcher {
  const uint32_t* table = nullptr;
  uint32_t mask = 0;
  uint32_t line_mask = 0;
  const char* data = nullptr;
  const char* end = nullptr;
  const char* visits = nullptr;
  size_t block_bytes = 0;

  // As Directory.protect() looks, without its care: a wrong answer costs a line too many. 0: none.
  uint32_t LineOf(uint32_t hash) const {
    for (uint32_t probe = 0; probe < kProbes; probe++) {
      const uint32_t entry = __atomic_load_n(table + ((hash + probe) & mask), __ATOMIC_RELAXED);
      if (entry == 0) return 0;
      const uint32_t line = entry & line_mask;
      if (((entry ^ hash) & ~line_mask) == 0 && line != line_mask) return line;
    }
    return 0;
  }
};
static_assert(std::is_trivially_destructible_v<Prefetcher>);

constexpr int kState = 0;  // internal fields of the object
constexpr int kMemory = 1;

void New(const FunctionCallbackInfo<Value>& call) {
  if (!call.IsConstructCall()) return;
  Isolate* isolate = call.GetIsolate();
  // In memory that V8 frees with the object: a thread that ends runs no destructors.
  const Local<ArrayBuffer> memory = ArrayBuffer::New(isolate, sizeof(Prefetcher));
  auto* state = new (memory->Data()) Prefetcher();
  call.This()->SetAlignedPointerInInternalField(kState, state);
  call.This()->SetInternalField(kMemory, memory);
  const Bytes table = BytesOf(call[0]);
  const Bytes data = BytesOf(call[2]);
  const Bytes visits = BytesOf(call[3]);
  if (!call[1]->IsUint32() || table.length < sizeof(uint32_t) || visits.length == 0) return;
  state->table = reinterpret_cast<const uint32_t*>(table.begin);
  state->mask = static_cast<uint32_t>(table.length / sizeof(uint32_t)) - 1;
  state->line_mask = call[1].As<v8::Uint32>()->Value();
  state->data = data.begin;
  state->end = data.begin + data.length;
  state->visits = visits.begin;
  state->block_bytes = data.length / visits.length;
}

const Prefetcher& Of(const FunctionCallbackInfo<Value>& call) {
  return *static_cast<Prefetcher*>(call.This()->GetAlignedPointerFromInternalField(kState));
}

uint32_t HashOf(const FunctionCallbackInfo<Value>& call) {
  return call[0]->IsInt32() ? static_cast<uint32_t>(call[0].As<v8::Int32>()->Value()) : 0;
}

void PrefetchEntry(const FunctionCallbackInfo<Value>& call) {
  const Prefetcher& of = Of(call);
  __builtin_prefetch(of.table + (HashOf(call) & of.mask));
}

void PrefetchObject(const FunctionCallbackInfo<Value>& call) {
  const Prefetcher& of = Of(call);
  if (of.block_bytes == 0) return;
  const uint32_t line = of.LineOf(HashOf(call));
  if (line == 0) return;
  const size_t offset = (line - size_t{1}) * kLineBytes;
  const size_t block = offset / of.block_bytes;
  const char* text = of.data + offset;
  PrefetchLines(text, of.end, kTextLines);
  __builtin_prefetch(of.visits + block);
  PrefetchLines(of.data + block * of.block_bytes, text, kBodyLines);
}

}  // namespace

NODE_MODULE_INIT() {
  Isolate* isolate = context->GetIsolate();
  const Local<FunctionTemplate> made = FunctionTemplate::New(isolate, New);
  made->InstanceTemplate()->SetInternalFieldCount(2);
  // Called on anything else, V8 throws a TypeError before we are asked.
  const Local<v8::Signature> own = v8::Signature::New(isolate, made);
  const auto method = [&](const char* name, FunctionCallback callback) {
    made->PrototypeTemplate()->Set(isolate, name, FunctionTemplate::New(isolate, callback, {}, own));
  };
  method("entry", PrefetchEntry);
  method("object", PrefetchObject);
  const Local<String> name = String::NewFromUtf8(isolate, "Prefetcher").ToLocalChecked();
  exports->Set(context, name, made->GetFunction(context).ToLocalChecked()).Check();
}
