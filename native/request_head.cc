// A request's head where uWebSockets.js has parsed it, what it holds back of earlier answers, and the
// Date that it writes. Its own calls end at the first empty field name, decode bytes above ASCII as
// UTF-8, and trim them off both ends of a value; here lies what the client has sent. Written to V8's own
// interface, as prefetch.cc is, because each hit asks. Typed in addon.ts, which also says for which
// binaries of uWebSockets.js this holds.
#include <node.h>
#include <sys/socket.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

namespace {

using v8::Array;
using v8::ArrayBuffer;
using v8::Context;
using v8::FunctionCallback;
using v8::FunctionCallbackInfo;
using v8::FunctionTemplate;
using v8::Isolate;
using v8::Local;
using v8::NewStringType;
using v8::Object;
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

constexpr size_t kMaxNames = 24;
constexpr size_t kNameBytes = 32;

constexpr size_t kDateBytes = 29;

struct Reader {
  struct Name {
    size_t length;
    char text[kNameBytes];
  };
  Name names[kMaxNames];
  size_t count = 0;
  uint64_t lengths = 0;  // a bit for each length that some name has
  bool tls = false;      // what connections speak
  int64_t dated = -1;    // seconds since the epoch that `date` says
  char date[kDateBytes];

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
static_assert(std::is_trivially_destructible_v<Reader>);

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
  return reader.Has(line.name);
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
  if (!request->IsObject()) return nullptr;
  const Local<Object> object = request.As<Object>();
  if (object->InternalFieldCount() != 1) return nullptr;
  const Line* lines = static_cast<const Line*>(object->GetAlignedPointerFromInternalField(0));
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

constexpr int kState = 0;  // internal fields of the object
constexpr int kMemory = 1;

void New(const FunctionCallbackInfo<Value>& call) {
  if (!call.IsConstructCall()) return;
  Isolate* isolate = call.GetIsolate();
  const Local<Context> context = isolate->GetCurrentContext();
  // In memory that V8 frees with the object: a thread that ends runs no destructors.
  const Local<ArrayBuffer> memory = ArrayBuffer::New(isolate, sizeof(Reader));
  auto* reader = new (memory->Data()) Reader();
  call.This()->SetAlignedPointerInInternalField(kState, reader);
  call.This()->SetInternalField(kMemory, memory);
  reader->tls = call[1]->IsTrue();
  if (!call[0]->IsArray()) return;
  const Local<Array> names = call[0].As<Array>();
  for (uint32_t i = 0; i < names->Length() && reader->count < kMaxNames; i++) {
    Local<Value> name;
    if (!names->Get(context, i).ToLocal(&name)) return;
    const String::Utf8Value text(isolate, name);
    const size_t length = static_cast<size_t>(text.length());
    if (length == 0 || length >= kNameBytes) continue;
    Reader::Name& slot = reader->names[reader->count++];
    slot.length = length;
    memcpy(slot.text, *text, length);
    reader->lengths |= uint64_t{1} << length;
  }
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
  const auto* reader =
      static_cast<const Reader*>(call.This()->GetAlignedPointerFromInternalField(kState));
  const Line* lines = LinesOf(call[0]);
  call.GetReturnValue().Set(lines == nullptr ? kHidden : Look(*reader, lines));
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

// Null: gone.
char* SocketOf(Local<Value> value) {
  if (!value->IsObject()) return nullptr;
  const Local<Object> response = value.As<Object>();
  if (response->InternalFieldCount() != 1) return nullptr;
  return static_cast<char*>(response->GetAlignedPointerFromInternalField(0));
}

// Where uWS keeps the connection of a response: a number that no other open connection has. 0: gone.
void ConnectionOf(const FunctionCallbackInfo<Value>& call) {
  call.GetReturnValue().Set(static_cast<double>(reinterpret_cast<uintptr_t>(SocketOf(call[0]))));
}

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
// us_loop_t with uWS::LoopData: what is held back for the one connection that is corked.
constexpr size_t kCorkBuffer = 0x180;
constexpr size_t kCorkOffset = 0x188;
constexpr size_t kCorkedSocket = 0x190;

constexpr size_t kDate = 0x150;  // what `Date` will say

// Sends what is corked of earlier answers, as far as the kernel takes it. True: all of it.
bool SendCorked(char* socket, char* loop) {
  uint32_t& held = At<uint32_t>(loop, kCorkOffset);
  char* buffer = At<char*>(loop, kCorkBuffer);
  const ssize_t sent = send(At<int>(socket, kDescriptor), buffer, held, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0) return false;
  held -= static_cast<uint32_t>(sent);
  memmove(buffer, buffer + sent, held);
  return held == 0;
}

// True: nothing of what was answered before on this connection is held back, or was until now.
void IsClear(const FunctionCallbackInfo<Value>& call) {
  const auto* reader =
      static_cast<const Reader*>(call.This()->GetAlignedPointerFromInternalField(kState));
  char* socket = SocketOf(call[0]);
  if (socket == nullptr) return call.GetReturnValue().Set(false);
  char* unsent = socket + (reader->tls ? kUnsentTls : kUnsent);
  const bool pressed = At<size_t>(unsent, kUnsentLength) > At<uint32_t>(unsent, kUnsentTaken);
  char* loop = At<char*>(At<char*>(socket, kContext), 0);
  bool clear = !pressed;
  if (clear && At<uint32_t>(loop, kCorkOffset) > 0 && At<char*>(loop, kCorkedSocket) == socket) {
    clear = !reader->tls && SendCorked(socket, loop);
  }
  call.GetReturnValue().Set(clear);
}

void Two(char* to, int64_t number) {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
}

// IMF-fixdate, RFC 9110 section 5.6.7. Years begin in March here, so that the leap day is a year's last
// (H. Hinnant, "chrono-compatible low-level date algorithms").
void WriteDate(char* to, int64_t seconds) {
  const int64_t days = seconds / 86'400;
  const int64_t second = seconds % 86'400;
  const int64_t shifted = days + 719'468;  // from 0000-03-01
  const int64_t era = shifted / 146'097;
  const int64_t day_of_era = shifted % 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;  // 0: March
  const int64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
  memcpy(to, "SunMonTueWedThuFriSat" + (days + 4) % 7 * 3, 3);
  memcpy(to + 3, ", ", 2);
  Two(to + 5, day_of_year - (153 * month + 2) / 5 + 1);
  to[7] = ' ';
  memcpy(to + 8, "MarAprMayJunJulAugSepOctNovDecJanFeb" + month * 3, 3);
  to[11] = ' ';
  Two(to + 12, year / 100);
  Two(to + 14, year % 100);
  to[16] = ' ';
  Two(to + 17, second / 3'600);
  to[19] = ':';
  Two(to + 20, second / 60 % 60);
  to[22] = ':';
  Two(to + 23, second % 60);
  memcpy(to + 25, " GMT", 4);
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

// uWS makes the text anew each second, and writes it as an answer's body begins.
void SetDate(const FunctionCallbackInfo<Value>& call) {
  auto* reader = static_cast<Reader*>(call.This()->GetAlignedPointerFromInternalField(kState));
  char* socket = SocketOf(call[0]);
  if (socket == nullptr) return;
  const uint32_t told = call[1]->IsUint32() ? call[1].As<v8::Uint32>()->Value() : 0;
  const int64_t seconds = told == 0 ? Now() : told;
  if (seconds != reader->dated) {
    WriteDate(reader->date, seconds);
    reader->dated = seconds;
  }
  memcpy(At<char*>(At<char*>(socket, kContext), 0) + kDate, reader->date, kDateBytes);
}

}  // namespace

NODE_MODULE_INIT() {
  Isolate* isolate = context->GetIsolate();
  const Local<FunctionTemplate> made = FunctionTemplate::New(isolate, New);
  made->InstanceTemplate()->SetInternalFieldCount(2);
  // Called on anything else, V8 throws a TypeError before we are asked.
  const Local<v8::Signature> own = v8::Signature::New(isolate, made);
  const auto method = [&](const char* name, FunctionCallback callback) {
    const Local<String> key = String::NewFromUtf8(isolate, name).ToLocalChecked();
    made->PrototypeTemplate()->Set(key, FunctionTemplate::New(isolate, callback, {}, own));
  };
  method("look", Look);
  method("text", TextOf);
  method("connection", ConnectionOf);
  method("isClear", IsClear);
  method("setDate", SetDate);
  const Local<String> name = String::NewFromUtf8(isolate, "HeadReader").ToLocalChecked();
  exports->Set(context, name, made->GetFunction(context).ToLocalChecked()).Check();
}
