#ifndef HEADGATE_NATIVE_FILE_WRITERS_H_
#define HEADGATE_NATIVE_FILE_WRITERS_H_

#include <napi.h>

namespace headgate {

// Of a descriptor of ours that only reads; undefined where nobody can tell.
Napi::Value IsOpenForWriting(const Napi::CallbackInfo& call);

// A promise for when the write(2) calls that go on in the file have returned; undefined where too many wait.
Napi::Value WritesEnd(const Napi::CallbackInfo& call);

}  // namespace headgate

#endif  // HEADGATE_NATIVE_FILE_WRITERS_H_
