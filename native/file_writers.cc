// Who writes to a file that this process only reads: what no look at its size and times can tell, as the
// kernel sets the time when a write(2) begins. Typed in addon.ts.
#include "file_writers.h"

#include "arguments.h"
#include "promised_work.h"

#ifdef __linux__
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#endif

namespace headgate {

#ifdef __linux__

namespace {

// Half of libuv's threads: a write(2) that stands still must not keep them all.
constexpr int kMostWaiting = 2;
std::atomic<int> waiting{0};

int DescriptorAt(const Napi::CallbackInfo& call) {
  const int64_t descriptor = IntegerAt(call, 0);
  return descriptor <= INT_MAX ? static_cast<int>(descriptor) : -1;
}

// A seek for data takes the lock that a write(2) holds, on ext4, btrfs, tmpfs and overlayfs. Elsewhere it
// returns at once; on XFS a read waits by itself.
class Wait : public PromisedWork {
 public:
  explicit Wait(int descriptor) : descriptor_(descriptor) {}
  ~Wait() override {
    close(descriptor_);
    waiting--;
  }

 protected:
  void Execute() override { lseek(descriptor_, 0, SEEK_DATA); }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const int descriptor_;
};

}  // namespace

Napi::Value IsOpenForWriting(const Napi::CallbackInfo& call) {
  const int descriptor = DescriptorAt(call);
  // Should somebody open it for writing just now, a signal is sent to us: one that nobody minds.
  if (fcntl(descriptor, F_SETSIG, SIGURG) != 0) return call.Env().Undefined();
  const bool taken = fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0;
  if (!taken && errno != EAGAIN) return call.Env().Undefined();
  if (taken) fcntl(descriptor, F_SETLEASE, F_UNLCK);
  return Napi::Boolean::New(call.Env(), !taken);
}

Napi::Value WritesEnd(const Napi::CallbackInfo& call) {
  if (waiting++ >= kMostWaiting) {
    waiting--;
    return call.Env().Undefined();
  }
  // Its own, as the caller may close and the number become another file's.
  const int descriptor = fcntl(DescriptorAt(call), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) {
    waiting--;
    return call.Env().Undefined();
  }
  return PromisedWork::Begin(call.Env(), "headgate.writesEnd", std::make_unique<Wait>(descriptor));
}

#else

Napi::Value IsOpenForWriting(const Napi::CallbackInfo& call) { return call.Env().Undefined(); }
Napi::Value WritesEnd(const Napi::CallbackInfo& call) { return call.Env().Undefined(); }

#endif

}  // namespace headgate
