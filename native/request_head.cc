// A request's head where uWebSockets.js has parsed it. Its own calls end at the first empty field name,
// decode bytes above ASCII as UTF-8, and trim them off both ends of a value; here lies what the client
// has sent. Typed in addon.ts, which also says for which binaries of uWebSockets.js this holds.
#include <node.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "uws_memory.h"
#include "v8_class.h"

namespace {

using headgate::StateOf;
using v8::Array;
using v8::Context;
using v8::FunctionCallbackInfo;
using v8::Local;
using v8::NewStringType;
using v8::String;
using v8::Value;

// std::string_view of libstdc++, and the beginning of uWS::HttpRequest.
struct Text {
  size_t length;
  const char* begin;
  const char* end() const { return begin + length; }
};
struct Line {
  Text name;
  Text value;
};
constexpr size_t kMaxLines = 100;  // the request line and one that ends the list among them

constexpr char kVersion[] = " HTTP/1.1\r\n";
constexpr char kEnd[] = "\r\n\r\n";

// What `look` answers; addon.ts names them.
constexpr int32_t kOrdinary = 0;
constexpr int32_t kSpecial = 1;
constexpr int32_t kAboveAscii = 2;
constexpr int32_t kHidden = 3;

constexpr int32_t kOtherQuery = -1;

constexpr size_t kMaxNames = 24;
constexpr size_t kNameBytes = 32;

struct Names {
  struct Name {
    size_t length;
    char text[kNameBytes];
  };
  Name names[kMaxNames];
  size_t count = 0;
  uint64_t lengths = 0;  // a bit for each length that some name has

  void Add(const char* text, size_t length) {
    if (length == 0 || length >= kNameBytes || count == kMaxNames) return;
    names[count].length = length;
    memcpy(names[count].text, text, length);
    count++;
    lengths |= uint64_t{1} << length;
  }

  bool Has(const Text& name) const {
    if (name.length >= kNameBytes || (lengths >> name.length & 1) == 0) return false;
    for (size_t i = 0; i < count; i++) {
      if (names[i].length == name.length && memcmp(names[i].text, name.begin, name.length) == 0) {
        return true;
      }
    }
    return false;
  }
};

struct Reader {
  Names asking;      // fields that make a head special
  Names parameters;  // of client data
};

template <size_t N>
bool Is(const Text& text, const char (&word)[N]) {
  return text.length == N - 1 && memcmp(text.begin, word, N - 1) == 0;
}

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A name or IPv4 with a port or without, beyond doubt; what is not goes the longer way.
bool IsPlainHost(const Text& host) {
  constexpr size_t kMaxHost = 128;
  if (host.length == 0 || host.length > kMaxHost) return false;
  const char* at = host.begin;
  for (bool label = false; at < host.end() && *at != ':'; at++) {
    const bool part = IsAlphanumeric(*at) || *at == '-';
    if (!part && (*at != '.' || !label)) return false;
    label = part;
  }
  if (at == host.end()) return true;
  const ptrdiff_t digits = host.end() - ++at;
  if (at - 1 == host.begin || digits < 1 || digits > 5 || *at == '0') return false;
  int port = 0;
  for (; at < host.end(); at++) {
    if (*at < '0' || *at > '9') return false;
    port = port * 10 + (*at - '0');
  }
  return port <= 0xffff;
}

bool IsSpecial(const Reader& reader, const Line& line) {
  if (Is(line.name, "host")) return !IsPlainHost(line.value);
  if (Is(line.name, "connection")) return !Is(line.value, "keep-alive");
  return reader.asking.Has(line.name);
}

bool IsAboveAscii(const char* from, const char* end) {
  uint64_t bits = 0;
  for (; end - from >= 8; from += 8) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    bits |= word;
  }
  for (; from < end; from++) bits |= static_cast<uint64_t>(*from) & 0x80;
  return (bits & 0x8080808080808080) != 0;
}

// Null when this is no head as we know it, or when there is no request any more.
const Line* LinesOf(Local<Value> request) {
  const Line* lines = static_cast<const Line*>(headgate::BehindOf(request));
  if (lines == nullptr) return nullptr;
  const Line& first = lines[0];
  if (first.name.end() + 1 != first.value.begin) return nullptr;
  return memcmp(first.value.end(), kVersion, sizeof kVersion - 1) == 0 ? lines : nullptr;
}

// Behind the last field that is seen.
const char* EndOf(const Line& last) {
  const char* end = last.value.end();
  while (*end != '\r') end++;  // blanks that were trimmed; without its CR it would be no field
  return end;
}

// One past the last line that is seen; 0 when there is none.
size_t CountOf(const Line* lines) {
  size_t count = 1;
  while (count < kMaxLines && lines[count].name.length != 0) count++;
  return count < kMaxLines && count > 1 ? count : 0;
}

void Read(Local<Context> context, Local<Value> list, Names* names) {
  if (!list->IsArray()) return;
  const Local<Array> array = list.As<Array>();
  for (uint32_t i = 0; i < array->Length(); i++) {
    Local<Value> name;
    if (!array->Get(context, i).ToLocal(&name)) return;
    const String::Utf8Value text(context->GetIsolate(), name);
    names->Add(*text, static_cast<size_t>(text.length()));
  }
}

void New(const FunctionCallbackInfo<Value>& call) {
  if (!call.IsConstructCall()) return;
  const Local<Context> context = call.GetIsolate()->GetCurrentContext();
  auto* reader = headgate::NewState<Reader>(call);
  Read(context, call[0], &reader->asking);
  Read(context, call[1], &reader->parameters);
}

int32_t Look(const Reader& reader, const Line* lines) {
  const size_t count = CountOf(lines);
  if (count == 0 || lines[count].name.begin != nullptr) return kHidden;
  const char* end = EndOf(lines[count - 1]);
  if (memcmp(end, kEnd, sizeof kEnd - 1) != 0) return kHidden;
  if (IsAboveAscii(lines[0].name.begin, end)) return kAboveAscii;
  bool hosted = false;
  for (size_t i = 1; i < count; i++) {
    if (IsSpecial(reader, lines[i])) return kSpecial;
    if (!Is(lines[i].name, "host")) continue;
    if (hosted) return kSpecial;
    hosted = true;
  }
  return kOrdinary;
}

void Look(const FunctionCallbackInfo<Value>& call) {
  const Line* lines = LinesOf(call[0]);
  call.GetReturnValue().Set(lines == nullptr ? kHidden : Look(StateOf<Reader>(call), lines));
}

// As CLEAN_QUERY in src/http/target.ts. Without a way out of the loop, so that it takes many at a time.
bool IsClean(const Text& query) {
  bool clean = true;
  for (size_t i = 0; i < query.length; i++) {
    const char c = query.begin[i];
    clean &= (c > ' ') & (c < 0x7f) & (c != '#');
  }
  return clean;
}

bool IsClientData(const Names& parameters, const Text& query) {
  for (const char* at = query.begin;;) {
    const size_t left = static_cast<size_t>(query.end() - at);
    const char* found = static_cast<const char*>(memchr(at, '&', left));
    const char* end = found == nullptr ? query.end() : found;
    const size_t length = static_cast<size_t>(end - at);
    const char* equals = static_cast<const char*>(memchr(at, '=', length));
    if (!parameters.Has({equals == nullptr ? length : static_cast<size_t>(equals - at), at})) return false;
    if (found == nullptr) return IsClean(query);
    at = found + 1;
  }
}

// Bytes of the query when it is client data alone; 0: there is none, or an empty one.
void ClientDataOf(const FunctionCallbackInfo<Value>& call) {
  const Line* lines = LinesOf(call[0]);
  if (lines == nullptr) return call.GetReturnValue().Set(kOtherQuery);
  const Text& target = lines[0].value;
  const char* mark = static_cast<const char*>(memchr(target.begin, '?', target.length));
  if (mark == nullptr || mark + 1 == target.end()) return call.GetReturnValue().Set(0);
  const Text query{static_cast<size_t>(target.end() - mark - 1), mark + 1};
  const bool outside = IsClientData(StateOf<Reader>(call).parameters, query);
  call.GetReturnValue().Set(outside ? static_cast<int32_t>(query.length) : kOtherQuery);
}

void TextOf(const FunctionCallbackInfo<Value>& call) {
  const Line* lines = LinesOf(call[0]);
  const size_t count = lines == nullptr ? 0 : CountOf(lines);
  if (count == 0) return;
  const char* begin = lines[0].name.begin;
  const int length = static_cast<int>(EndOf(lines[count - 1]) - begin);
  Local<String> text;
  if (String::NewFromOneByte(call.GetIsolate(), reinterpret_cast<const uint8_t*>(begin),
                             NewStringType::kNormal, length)
          .ToLocal(&text)) {
    call.GetReturnValue().Set(text);
  }
}

}  // namespace

NODE_MODULE_INIT() {
  headgate::ExportClass(context, exports, "HeadReader", New,
                        {{"look", Look}, {"text", TextOf}, {"clientData", ClientDataOf}});
}
