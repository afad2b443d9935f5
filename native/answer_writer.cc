// What uWebSockets.js holds back of answers, the Date that it writes, and a plain hit's answer in one
// call. Its own calls take each part as a JavaScript value and make a native one of it, which is most of
// what a hit costs beside the kernel. Typed in addon.ts, which also says for which
// binaries of uWebSockets.js this holds.
#include <node.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "banks.h"
#include "date.h"
#include "uws_memory.h"
#include "v8_class.h"

namespace {

using headgate::At;
using headgate::kDateBytes;
using headgate::StateOf;
using v8::Exception;
using v8::FunctionCallbackInfo;
using v8::Isolate;
using v8::Local;
using v8::String;
using v8::Value;

// What uWS writes of an answer without fields and body: the Date is between the two.
constexpr char kStatusLine[] = "HTTP/1.1 200 OK\r\n";
constexpr char kDateName[] = "Date: ";
constexpr char kEnd[] = "\r\n\r\n";
constexpr size_t kBareBytes = sizeof kStatusLine - 1 + sizeof kDateName - 1 + kDateBytes + sizeof kEnd - 1;

// src/arena/metadata.ts: cells of four bytes by number, the last of eight; then the characters.
constexpr size_t kSlot = 1;
constexpr size_t kDateCell = 3;
constexpr size_t kKeyBytes = 4;
constexpr size_t kFieldsBytes = 5;
constexpr size_t kBodyBytes = 8;
constexpr size_t kMetadataBytes = 72;
// src/arena/layout.ts
constexpr uint64_t kLineBytes = 64;
constexpr uint64_t kBlockBytes = 2'048;

// What `begin` answers; addon.ts names them.
constexpr int32_t kSome = 0;
constexpr int32_t kUnknown = 1;
constexpr int32_t kNone = 2;

constexpr size_t kMaxLead = 512;
constexpr size_t kMaxFrame = 256;  // of what is neither lead, fields nor body
constexpr double kMaxInteger = 999'999'999'999'999;  // RFC 8941 section 3.3.1

// A plain object, as its metadata says.
struct Plain {
  uint32_t date;
  const char* fields;
  size_t fields_bytes;
  const char* body;
  size_t body_bytes;
};

struct Writer {
  bool tls = false;      // what connections speak
  int64_t dated = -1;    // seconds since the epoch that `date` says
  char date[kDateBytes];
  char* loop = nullptr;  // of the request at hand, if nothing is corked there
  size_t lead_bytes = 0;
  char lead[kMaxLead];
  headgate::Banks banks;

  const char* DateOf(uint32_t told) {
    const int64_t seconds = told == 0 ? headgate::NowSeconds() : told;
    if (seconds != dated) {
      headgate::WriteDate(date, seconds);
      dated = seconds;
    }
    return date;
  }

  // False: there is none at `line`, or it does not fit what is corked.
  bool Find(double line, Plain* found) const {
    const char* metadata = banks.Find(line, kLineBytes);
    if (metadata == nullptr) return false;
    uint32_t cells[kMetadataBytes / sizeof(uint32_t)];
    memcpy(cells, metadata, kMetadataBytes);
    double body_bytes;
    memcpy(&body_bytes, metadata + kBodyBytes * sizeof body_bytes, sizeof body_bytes);
    found->date = cells[kDateCell];
    found->fields = metadata + kMetadataBytes + cells[kKeyBytes];
    found->fields_bytes = cells[kFieldsBytes];
    found->body = banks.Find(cells[kSlot], kBlockBytes);
    if (found->body == nullptr || !(body_bytes >= 0)) return false;
    if (kMaxFrame + lead_bytes + found->fields_bytes + body_bytes > headgate::kCorkBytes) return false;
    found->body_bytes = static_cast<size_t>(body_bytes);
    return true;
  }
};

// Text that grows where there is room for it.
class Text {
 public:
  explicit Text(char* end) : end_(end) {}

  void Append(const void* from, size_t length) {
    memcpy(end_, from, length);
    end_ += length;
  }

  template <size_t N>
  void Append(const char (&word)[N]) {
    Append(word, N - 1);
  }

  void Append(uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    Append(digits + at, sizeof digits - at);
  }

  const char* end() const { return end_; }

 private:
  char* end_;
};

void New(const FunctionCallbackInfo<Value>& call) {
  if (!call.IsConstructCall()) return;
  Isolate* isolate = call.GetIsolate();
  auto* writer = headgate::NewState<Writer>(call, headgate::BankListBytes(call[1]));
  const String::Utf8Value lead(isolate, call[0]);
  if (lead.length() > 0 && static_cast<size_t>(lead.length()) <= kMaxLead) {
    writer->lead_bytes = static_cast<size_t>(lead.length());
    memcpy(writer->lead, *lead, writer->lead_bytes);
  }
  writer->banks = headgate::ReadBanks(isolate->GetCurrentContext(), call[1], writer + 1);
  writer->tls = call[2]->IsTrue();
}

char* SocketOf(Local<Value> response) {
  return static_cast<char*>(headgate::BehindOf(response));
}

// Where uWS keeps the connection of a response: a number that no other open connection has. 0: gone.
void ConnectionOf(const FunctionCallbackInfo<Value>& call) {
  call.GetReturnValue().Set(static_cast<double>(reinterpret_cast<uintptr_t>(SocketOf(call[0]))));
}

// Whether uWS keeps bytes for the connection that the kernel has not taken.
bool HasUnsent(char* socket, bool tls) {
  char* unsent = socket + (tls ? headgate::kUnsentTls : headgate::kUnsent);
  return At<size_t>(unsent, headgate::kUnsentLength) > At<uint32_t>(unsent, headgate::kUnsentTaken);
}

// Sends what is corked, and behind it `more`, in one call of the kernel, as far as it takes them. What it
// does not take stays corked; gives how much of `more` it has taken.
size_t SendCorked(char* socket, char* loop, headgate::Bytes more) {
  uint32_t& held = At<uint32_t>(loop, headgate::kCorkOffset);
  char* corked = At<char*>(loop, headgate::kCorkBuffer);
  iovec parts[] = {{corked, held}, {more.begin, more.length}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const int descriptor = At<int>(socket, headgate::kDescriptor);
  const ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0) return 0;
  const size_t of_corked = std::min<size_t>(static_cast<size_t>(sent), held);
  held -= static_cast<uint32_t>(of_corked);
  memmove(corked, corked + of_corked, held);
  return static_cast<size_t>(sent) - of_corked;
}

// Whether what was answered before on this connection is with the kernel, or is from now on.
void Begin(const FunctionCallbackInfo<Value>& call) {
  Writer& writer = StateOf<Writer>(call);
  writer.loop = nullptr;
  char* socket = SocketOf(call[0]);
  if (socket == nullptr) return call.GetReturnValue().Set(kSome);
  if (HasUnsent(socket, writer.tls)) return call.GetReturnValue().Set(kSome);
  char* loop = headgate::LoopOf(socket);
  if (At<char*>(loop, headgate::kCorkedSocket) != socket) return call.GetReturnValue().Set(kUnknown);
  const uint32_t& held = At<uint32_t>(loop, headgate::kCorkOffset);
  if (held > 0 && !writer.tls) SendCorked(socket, loop, {});
  if (held > 0) return call.GetReturnValue().Set(kSome);
  writer.loop = loop;
  call.GetReturnValue().Set(writer.lead_bytes > 0 && writer.banks.count > 0 ? kNone : kUnknown);
}

// Sends what is corked of a response, its head, with the next bytes of its body, where uWS makes a call of
// the kernel for each. Gives how many of those bytes it has taken: uWS goes on behind them.
void SendBody(const FunctionCallbackInfo<Value>& call) {
  call.GetReturnValue().Set(0);
  const bool tls = StateOf<Writer>(call).tls;
  char* socket = SocketOf(call[0]);
  const headgate::Bytes body = headgate::BytesOf(call[1]);
  if (socket == nullptr || tls || body.length == 0) return;
  char* loop = headgate::LoopOf(socket);
  if (At<char*>(loop, headgate::kCorkedSocket) != socket || HasUnsent(socket, tls)) return;
  if (At<uint32_t>(loop, headgate::kCorkOffset) == 0) return;
  const size_t taken = SendCorked(socket, loop, body);
  At<uint64_t>(socket, headgate::kBodySent) += taken;
  call.GetReturnValue().Set(static_cast<double>(taken));
}

// uWS makes the text anew each second, and writes it as an answer's body begins.
void SetDate(const FunctionCallbackInfo<Value>& call) {
  char* socket = SocketOf(call[0]);
  if (socket == nullptr) return;
  const uint32_t told = call[1]->IsUint32() ? call[1].As<v8::Uint32>()->Value() : 0;
  memcpy(headgate::LoopOf(socket) + headgate::kDate, StateOf<Writer>(call).DateOf(told), kDateBytes);
}

uint64_t SecondsAt(const FunctionCallbackInfo<Value>& call, int index) {
  const double seconds = call[index]->IsNumber() ? call[index].As<v8::Number>()->Value() : 0;
  return seconds > 0 ? static_cast<uint64_t>(std::fmin(seconds, kMaxInteger)) : 0;  // NaN: 0
}

bool IsBare(const char* begin, size_t length) {
  return length == kBareBytes && memcmp(begin, kStatusLine, sizeof kStatusLine - 1) == 0;
}

// What uWS has written of an empty answer becomes this one. To uWS it is over, and is sent, as all that is
// corked, when the request's handler returns.
void WriteHit(const FunctionCallbackInfo<Value>& call) {
  Writer& writer = StateOf<Writer>(call);
  char* loop = writer.loop;
  writer.loop = nullptr;
  char* begin = loop == nullptr ? nullptr : At<char*>(loop, headgate::kCorkBuffer);
  const double line = call[0]->IsNumber() ? call[0].As<v8::Number>()->Value() : -1;
  Plain plain;
  if (loop == nullptr || !IsBare(begin, At<uint32_t>(loop, headgate::kCorkOffset)) ||
      !writer.Find(line, &plain)) {
    Isolate* isolate = call.GetIsolate();
    isolate->ThrowException(Exception::Error(
        String::NewFromUtf8Literal(isolate, "writeHit: no bare answer, or no such object")));
    return;
  }
  Text text(begin + sizeof kStatusLine - 1);
  text.Append("Cache-Status: ");
  text.Append(writer.lead, writer.lead_bytes);
  text.Append(SecondsAt(call, 1));
  text.Append("\r\nAge: ");
  text.Append(SecondsAt(call, 2));
  text.Append("\r\nAccept-Ranges: ");
  text.Append(plain.fields, plain.fields_bytes);
  text.Append("\r\nDate: ");
  text.Append(writer.DateOf(plain.date), kDateBytes);
  text.Append("\r\nContent-Length: ");
  text.Append(plain.body_bytes);
  text.Append(kEnd);
  text.Append(plain.body, plain.body_bytes);
  At<uint32_t>(loop, headgate::kCorkOffset) = static_cast<uint32_t>(text.end() - begin);
}

}  // namespace

NODE_MODULE_INIT() {
  headgate::ExportClass(context, exports, "AnswerWriter", New,
                        {{"connection", ConnectionOf},
                         {"setDate", SetDate},
                         {"begin", Begin},
                         {"sendBody", SendBody},
                         {"writeHit", WriteHit}});
}
