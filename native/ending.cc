// How a process ends when no thread of JavaScript can end it. One watch a process, on a thread and a
// loop of its own: it hears SIGTERM and SIGINT beside Node, and when they were heard and the process
// is still there after its patience, it is ended from here. Typed in addon.ts.
#include <node_api.h>
#include <poll.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <cstring>

namespace {

constexpr int kFailure = 1;
constexpr char kLastLine[] =
    "headgate: GW_HUNG: the main thread hangs and does not answer a signal to stop: ended by force\n";

struct Watch {
  uv_loop_t loop;
  uv_signal_t terminate;
  uv_signal_t interrupt;
  uv_timer_t patience;
  uint64_t patience_ms;
};

std::atomic<bool> watching{false};

// A reader of stderr that stalls must not keep the process: what would block is not written.
void Tell(const char* line) {
  pollfd errors{STDERR_FILENO, POLLOUT, 0};
  if (poll(&errors, 1, 0) != 1 || (errors.revents & POLLOUT) == 0) return;
  if (write(STDERR_FILENO, line, strlen(line)) < 0) return;
}

// Not exit(): its handlers wait for threads, and a thread that hangs is why we are here.
void End(uv_timer_t*) {
  Tell(kLastLine);
  _exit(kFailure);
}

void OnSignal(uv_signal_t* handle, int) {
  Watch* watch = static_cast<Watch*>(handle->data);
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&watch->patience)) != 0) return;
  uv_timer_start(&watch->patience, End, watch->patience_ms, 0);
}

void Run(void* argument) {
  uv_run(&static_cast<Watch*>(argument)->loop, UV_RUN_DEFAULT);
}

bool Listen(Watch* watch, uv_signal_t* handle, int signal) {
  handle->data = watch;
  return uv_signal_init(&watch->loop, handle) == 0 && uv_signal_start(handle, OnSignal, signal) == 0;
}

// Never freed: it lives as long as the process.
bool Start(uint64_t patience_ms) {
  if (watching.exchange(true)) return true;
  Watch* watch = new Watch{};
  watch->patience_ms = patience_ms;
  if (uv_loop_init(&watch->loop) != 0 || uv_timer_init(&watch->loop, &watch->patience) != 0) return false;
  if (!Listen(watch, &watch->terminate, SIGTERM) || !Listen(watch, &watch->interrupt, SIGINT)) return false;
  uv_thread_t thread;
  return uv_thread_create(&thread, Run, watch) == 0;
}

double NumberAt(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  double value = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok) return 0;
  return count == 1 && napi_get_value_double(env, argument, &value) == napi_ok && value > 0 ? value : 0;
}

napi_value WatchSignals(napi_env env, napi_callback_info info) {
  napi_value started = nullptr;
  napi_get_boolean(env, Start(static_cast<uint64_t>(NumberAt(env, info))), &started);
  return started;
}

napi_value ExitNow(napi_env env, napi_callback_info info) {
  _exit(static_cast<int>(NumberAt(env, info)));
}

napi_value Init(napi_env env, napi_value exports) {
  const napi_property_descriptor calls[] = {
      {"watchSignals", nullptr, WatchSignals, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"exitNow", nullptr, ExitNow, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 2, calls);
  return exports;
}

} // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
