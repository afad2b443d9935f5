#ifndef HEADGATE_NATIVE_PROMISED_WORK_H_
#define HEADGATE_NATIVE_PROMISED_WORK_H_

#include <napi.h>

#include <memory>

namespace headgate {

// Work for one of libuv's threads, and a promise for its end. Not a Napi::AsyncWorker: where the thread that
// began it has ended meanwhile, no JavaScript runs there any more, and that one's call to settle its promise
// ends the process, with all threads. Here nobody hears of it then.
class PromisedWork {
 public:
  PromisedWork() = default;
  PromisedWork(const PromisedWork&) = delete;
  PromisedWork& operator=(const PromisedWork&) = delete;
  virtual ~PromisedWork() = default;

  // Undefined when it could not be begun.
  static Napi::Value Begin(Napi::Env env, const char* name, std::unique_ptr<PromisedWork> work) {
    napi_value promise, label;
    if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &label) != napi_ok ||
        napi_create_async_work(env, nullptr, label, Run, End, work.get(), &work->work_) != napi_ok) {
      return env.Undefined();
    }
    if (napi_create_promise(env, &work->deferred_, &promise) != napi_ok ||
        napi_queue_async_work(env, work->work_) != napi_ok) {
      napi_delete_async_work(env, work->work_);
      return env.Undefined();
    }
    work.release();
    return Napi::Value(env, promise);
  }

 protected:
  // On libuv's thread.
  virtual void Execute() = 0;
  // What the promise is resolved with, on the thread that began it.
  virtual Napi::Value Result(Napi::Env env) = 0;

 private:
  static void Run(napi_env, void* work) { static_cast<PromisedWork*>(work)->Execute(); }
  static void End(napi_env env, napi_status, void* data) {
    const std::unique_ptr<PromisedWork> work(static_cast<PromisedWork*>(data));
    napi_resolve_deferred(env, work->deferred_, work->Result(env));
    napi_delete_async_work(env, work->work_);
  }

  napi_async_work work_ = nullptr;
  napi_deferred deferred_ = nullptr;
};

}  // namespace headgate

#endif  // HEADGATE_NATIVE_PROMISED_WORK_H_
