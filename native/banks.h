// The banks of a node's memory, of equal length but for the last.
#ifndef HEADGATE_NATIVE_BANKS_H_
#define HEADGATE_NATIVE_BANKS_H_

#include <node.h>

#include <cstddef>
#include <cstdint>

namespace headgate {

struct Bytes {
  char* begin = nullptr;
  size_t length = 0;
};

inline Bytes BytesOf(v8::Local<v8::Value> value) {
  if (!value->IsArrayBufferView()) return {};
  const v8::Local<v8::ArrayBufferView> view = value.As<v8::ArrayBufferView>();
  return {static_cast<char*>(view->Buffer()->Data()) + view->ByteOffset(), view->ByteLength()};
}

struct Banks {
  const char** begins = nullptr;
  size_t count = 0;
  size_t bytes = 0;  // of the first
  size_t total = 0;

  // Where unit number `index` of so many bytes begins. Null: in no bank.
  const char* Find(double index, uint64_t unit) const {
    if (!(index >= 0) || index >= static_cast<double>(total / unit)) return nullptr;
    const uint64_t offset = static_cast<uint64_t>(index) * unit;
    return begins[offset / bytes] + offset % bytes;
  }
};

// What `ReadBanks` needs.
inline size_t BankListBytes(v8::Local<v8::Value> list) {
  return list->IsArray() ? list.As<v8::Array>()->Length() * sizeof(char*) : 0;
}

// Of an array of views, whose addresses are kept in `room`. None when it has anything else.
inline Banks ReadBanks(v8::Local<v8::Context> context, v8::Local<v8::Value> list, void* room) {
  Banks banks;
  if (!list->IsArray()) return banks;
  const v8::Local<v8::Array> views = list.As<v8::Array>();
  banks.begins = static_cast<const char**>(room);
  for (uint32_t i = 0; i < views->Length(); i++) {
    v8::Local<v8::Value> value;
    if (!views->Get(context, i).ToLocal(&value)) return {};
    const Bytes bank = BytesOf(value);
    if (bank.length == 0) return {};
    if (i == 0) banks.bytes = bank.length;
    banks.begins[i] = bank.begin;
    banks.total += bank.length;
  }
  banks.count = views->Length();
  return banks;
}

}  // namespace headgate

#endif  // HEADGATE_NATIVE_BANKS_H_
