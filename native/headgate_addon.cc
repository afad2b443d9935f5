// What Node has no call for: core affinity, a thread's CPU time, huge pages, plain copies into shared
// memory, the kernel's own view of this process's TCP sockets, and the C++ library's streams. Stateless,
// so any number of threads may load it; everything but the CPU time, copies and the streams is Linux only
// and answers false or nothing elsewhere. Typed in addon.ts.
#include <napi.h>

#include "arguments.h"
#include "file_writers.h"
#include "promised_work.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <iostream>
#include <mutex>

#ifdef __linux__
#include <dirent.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
// linux/tcp.h, not netinet/tcp.h: glibc's struct tcp_info ends before the byte counters.
#include <linux/tcp.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#endif

namespace {

using headgate::IntegerAt;

Napi::Value ThreadCpuTimeUs(const Napi::CallbackInfo& call) {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  const double us = static_cast<double>(spent.tv_sec) * 1e6 + static_cast<double>(spent.tv_nsec) / 1e3;
  return Napi::Number::New(call.Env(), us);
}

// A stream with a bad state writes nothing. It is the process's: other threads may lose a line meanwhile, and it
// speaks again when the last of all that muted it is done.
std::mutex cerr_mutex;
int cerr_muters = 0;

Napi::Value MuteCerr(const Napi::CallbackInfo& call) {
  const bool muted = call.Length() > 0 && call[0].ToBoolean();
  const std::lock_guard<std::mutex> lock(cerr_mutex);
  cerr_muters += muted ? 1 : -1;
  std::cerr.clear(cerr_muters > 0 ? std::ios_base::badbit : std::ios_base::goodbit);
  return call.Env().Undefined();
}

// A Uint8Array: Node-API knows typed arrays over shared memory but not SharedArrayBuffer.
struct View {
  uint8_t* bytes = nullptr;
  size_t length = 0;
};

// Without bytes where there is none.
View ViewAt(const Napi::CallbackInfo& call, size_t index) {
  View view;
  if (call.Length() <= index || !call[index].IsTypedArray()) return view;
  void* bytes = nullptr;
  const napi_status status = napi_get_typedarray_info(call.Env(), call[index], nullptr, &view.length,
                                                      &bytes, nullptr, nullptr);
  if (status != napi_ok) return View();
  view.bytes = static_cast<uint8_t*>(bytes);
  return view;
}

// False: it does not fit. The views are of bytes, and do not overlap.
Napi::Value CopyBytes(const Napi::CallbackInfo& call) {
  const View target = ViewAt(call, 0);
  const View source = ViewAt(call, 2);
  const double at = call.Length() > 1 && call[1].IsNumber() ? call[1].As<Napi::Number>().DoubleValue() : -1;
  const bool fits = target.bytes != nullptr && source.bytes != nullptr && at >= 0 &&
                    at <= static_cast<double>(target.length) &&
                    source.length <= target.length - static_cast<size_t>(at);
  if (fits) std::memcpy(target.bytes + static_cast<size_t>(at), source.bytes, source.length);
  return Napi::Boolean::New(call.Env(), fits);
}

#ifdef __linux__

Napi::Value PinThreadToCore(const Napi::CallbackInfo& call) {
  const int64_t core = IntegerAt(call, 0);
  if (core < 0 || core >= CPU_SETSIZE) return Napi::Boolean::New(call.Env(), false);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core), &cores);
  return Napi::Boolean::New(call.Env(), sched_setaffinity(0, sizeof cores, &cores) == 0);
}

// Of the calling thread: what is not pinned has the cores that the process was given.
Napi::Value ThreadCores(const Napi::CallbackInfo& call) {
  Napi::Array found = Napi::Array::New(call.Env());
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return found;
  uint32_t count = 0;
  for (uint32_t core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &cores)) found.Set(count++, core);
  }
  return found;
}

struct Pages {
  void* begin = nullptr;
  size_t length = 0;
};

// The edges of a view may share their pages with somebody else's memory.
Pages WholePages(const View& view) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(view.bytes);
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t end = (begin + view.length) / page * page;
  if (end <= first) return {};
  return {reinterpret_cast<void*>(first), end - first};
}

Napi::Value AdviseHugePages(const Napi::CallbackInfo& call) {
  const View view = ViewAt(call, 0);
  const Pages pages = view.bytes == nullptr ? Pages{} : WholePages(view);
  const bool taken = pages.length > 0 && madvise(pages.begin, pages.length, MADV_HUGEPAGE) == 0;
  return Napi::Boolean::New(call.Env(), taken);
}

// One of libuv's threads at most: files are read by them, too.
std::atomic<bool> populating{false};

// Of whole pages only, as above. Elsewhere than on the thread that will write there: to find and to clear
// two mebibytes takes a virtual machine milliseconds.
class Populate : public headgate::PromisedWork {
 public:
  Populate(Napi::Value view, Pages pages)
      : view_(Napi::Persistent(view.As<Napi::Object>())), pages_(pages) {}
  ~Populate() override { populating = false; }

 protected:
  void Execute() override { done_ = madvise(pages_.begin, pages_.length, kPopulateWrite) == 0; }
  Napi::Value Result(Napi::Env env) override { return Napi::Boolean::New(env, done_); }

 private:
  static constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, of Linux 5.14
  const Napi::ObjectReference view_;  // keeps the memory
  const Pages pages_;
  bool done_ = false;
};

Napi::Value PopulatePages(const Napi::CallbackInfo& call) {
  const View view = ViewAt(call, 0);
  const Pages pages = view.bytes == nullptr ? Pages{} : WholePages(view);
  if (pages.length == 0) return call.Env().Undefined();
  if (populating.exchange(true)) return Napi::Boolean::New(call.Env(), false);
  auto work = std::make_unique<Populate>(call[0], pages);
  return headgate::PromisedWork::Begin(call.Env(), "headgate.populatePages", std::move(work));
}

int PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return -1;
}

// -1: not a TCP socket, or closed meanwhile by the thread that owns it.
int LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return -1;
  return PortOf(address);
}

bool IsListening(int fd) {
  int listening = 0;
  socklen_t length = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

template <typename Visit>
void EachSocketOn(int64_t local_port, Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  if (!folder || local_port <= 0) return;
  while (const dirent* entry = readdir(folder.get())) {
    char* rest = nullptr;
    const long fd = std::strtol(entry->d_name, &rest, 10);
    if (rest == entry->d_name || *rest != '\0') continue;
    if (LocalPort(static_cast<int>(fd)) == local_port) visit(static_cast<int>(fd));
  }
}

// Accepted sockets inherit them all. Zero leaves a setting as it is.
Napi::Value SetListenSocketBuffers(const Napi::CallbackInfo& call) {
  const int send_buffer = static_cast<int>(IntegerAt(call, 1));
  const int not_sent_lowat = static_cast<int>(IntegerAt(call, 2));
  const int receive_buffer = static_cast<int>(IntegerAt(call, 3));
  uint32_t changed = 0;
  EachSocketOn(IntegerAt(call, 0), [&](int fd) {
    if (!IsListening(fd)) return;
    const auto set = [fd](int level, int option, int value) {
      return value <= 0 || setsockopt(fd, level, option, &value, sizeof value) == 0;
    };
    const bool buffers =
        set(SOL_SOCKET, SO_SNDBUF, send_buffer) && set(SOL_SOCKET, SO_RCVBUF, receive_buffer);
    if (set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, not_sent_lowat) && buffers) changed++;
  });
  return Napi::Number::New(call.Env(), changed);
}

// Drops a peer's first packet and nothing else, so that a handshake under way still ends here. The
// filter sees the TCP header: its 14th byte has the flags.
Napi::Value RefuseConnections(const Napi::CallbackInfo& call) {
  constexpr uint32_t kSyn = 0x02, kAck = 0x10, kWhole = 0xFFFFFFFF;
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSyn | kAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, kWhole),
  };
  const sock_fprog program{sizeof steps / sizeof steps[0], steps};
  uint32_t refusing = 0;
  EachSocketOn(IntegerAt(call, 0), [&](int fd) {
    if (!IsListening(fd)) return;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0) refusing++;
  });
  return Napi::Number::New(call.Env(), refusing);
}

#else

Napi::Value No(const Napi::CallbackInfo& call) { return Napi::Boolean::New(call.Env(), false); }
Napi::Value None(const Napi::CallbackInfo& call) { return Napi::Array::New(call.Env()); }
Napi::Value Zero(const Napi::CallbackInfo& call) { return Napi::Number::New(call.Env(), 0); }
Napi::Value Nothing(const Napi::CallbackInfo& call) { return call.Env().Undefined(); }

constexpr auto PinThreadToCore = No;
constexpr auto ThreadCores = None;
constexpr auto AdviseHugePages = No;
constexpr auto PopulatePages = Nothing;
constexpr auto SetListenSocketBuffers = Zero;
constexpr auto RefuseConnections = Zero;

#endif

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("pinThreadToCore", Napi::Function::New(env, PinThreadToCore));
  exports.Set("threadCores", Napi::Function::New(env, ThreadCores));
  exports.Set("muteCerr", Napi::Function::New(env, MuteCerr));
  exports.Set("copyBytes", Napi::Function::New(env, CopyBytes));
  exports.Set("threadCpuTimeUs", Napi::Function::New(env, ThreadCpuTimeUs));
  exports.Set("adviseHugePages", Napi::Function::New(env, AdviseHugePages));
  exports.Set("populatePages", Napi::Function::New(env, PopulatePages));
  exports.Set("setListenSocketBuffers", Napi::Function::New(env, SetListenSocketBuffers));
  exports.Set("refuseConnections", Napi::Function::New(env, RefuseConnections));
  exports.Set("isOpenForWriting", Napi::Function::New(env, headgate::IsOpenForWriting));
  exports.Set("writesEnd", Napi::Function::New(env, headgate::WritesEnd));
  return exports;
}

} // namespace

NODE_API_MODULE(headgate, Init)
