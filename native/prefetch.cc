// Prefetch instructions for what a hit is about to read. A load would bring a line as well, but the
// processor goes on only so far without its value; behind a prefetch it goes on. A hit
// makes two calls. Typed in addon.ts.
#include <node.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "banks.h"
#include "v8_class.h"

namespace {

using headgate::StateOf;
using v8::FunctionCallbackInfo;
using v8::Value;

constexpr size_t kLineBytes = 64;
constexpr size_t kTextLines = 6;  // as long as most are
constexpr size_t kBodyLines = 8;  // behind them the processor sees for itself where this goes
constexpr uint32_t kProbes = 8;  // a line of the table

void PrefetchLines(const char* from, const char* end, size_t lines) {
  for (size_t i = 0; i < lines && from < end; i++, from += kLineBytes) __builtin_prefetch(from);
}

// As in src/arena/layout.ts and directory.ts: an entry is a line of the text plus one in the low 32 bits of
// the first number, more bits of it and of the key's hash in the second.
constexpr uint32_t kTag = 0;
constexpr uint32_t kLine = 1;
constexpr uint32_t kCells = 2;
constexpr uint32_t kEmpty = 0;
constexpr uint32_t kGone = UINT32_MAX;
constexpr uint32_t kHashBits = ~uint32_t{0xff};

struct Prefetcher {
  const uint32_t* table = nullptr;
  uint32_t mask = 0;
  const char* visits = nullptr;
  size_t block_bytes = 0;
  headgate::Banks banks;

  const uint32_t* EntryOf(uint32_t hash) const { return table + (hash & mask) * kCells; }

  // As Directory.protect() looks, without its care: a wrong answer costs a line too many. 0: none.
  uint64_t LineOf(uint32_t hash) const {
    for (uint32_t probe = 0; probe < kProbes; probe++) {
      const uint32_t* entry = EntryOf(hash + probe);
      const uint32_t line = __atomic_load_n(entry + kLine, __ATOMIC_RELAXED);
      if (line == kEmpty) return 0;
      const uint32_t tag = __atomic_load_n(entry + kTag, __ATOMIC_RELAXED);
      if (line != kGone && ((tag ^ hash) & kHashBits) == 0) {
        return (static_cast<uint64_t>(tag & ~kHashBits) << 32) + line;
      }
    }
    return 0;
  }
};

void New(const FunctionCallbackInfo<Value>& call) {
  if (!call.IsConstructCall()) return;
  auto* state = headgate::NewState<Prefetcher>(call, headgate::BankListBytes(call[1]));
  const headgate::Bytes table = headgate::BytesOf(call[0]);
  const headgate::Bytes visits = headgate::BytesOf(call[2]);
  const auto context = call.GetIsolate()->GetCurrentContext();
  const headgate::Banks banks = headgate::ReadBanks(context, call[1], state + 1);
  if (table.length < kCells * sizeof(uint32_t) || visits.length == 0 || banks.count == 0) return;
  state->table = reinterpret_cast<const uint32_t*>(table.begin);
  state->mask = static_cast<uint32_t>(table.length / (kCells * sizeof(uint32_t))) - 1;
  state->visits = visits.begin;
  state->block_bytes = banks.total / visits.length;
  state->banks = banks;
}

uint32_t HashOf(const FunctionCallbackInfo<Value>& call) {
  return call[0]->IsInt32() ? static_cast<uint32_t>(call[0].As<v8::Int32>()->Value()) : 0;
}

void PrefetchEntry(const FunctionCallbackInfo<Value>& call) {
  const Prefetcher& of = StateOf<Prefetcher>(call);
  if (of.table != nullptr) __builtin_prefetch(of.EntryOf(HashOf(call)));
}

void PrefetchObject(const FunctionCallbackInfo<Value>& call) {
  const Prefetcher& of = StateOf<Prefetcher>(call);
  const headgate::Banks& banks = of.banks;
  if (banks.count == 0) return;
  const uint64_t line = of.LineOf(HashOf(call));
  if (line == 0) return;
  const size_t offset = (line - 1) * kLineBytes;
  if (offset >= banks.total) return;  // of two numbers that changed meanwhile
  const size_t bank = offset / banks.bytes;
  const size_t block = offset / of.block_bytes;
  const char* begin = banks.begins[bank];
  const char* end = begin + std::min(banks.bytes, banks.total - bank * banks.bytes);
  const char* text = begin + offset % banks.bytes;
  PrefetchLines(text, end, kTextLines);
  __builtin_prefetch(of.visits + block);
  PrefetchLines(begin + block * of.block_bytes % banks.bytes, text, kBodyLines);
}

}  // namespace

NODE_MODULE_INIT() {
  headgate::ExportClass(context, exports, "Prefetcher", New,
                        {{"entry", PrefetchEntry}, {"object", PrefetchObject}});
}
