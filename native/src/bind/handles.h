// The objects behind the opaque handles, and how functions over them are registered.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "bind/values.h"
#include "runtime/device.h"
#include "runtime/runtime.h"

namespace loratwin::bind {

// A runtime, its way to wake JavaScript, and its devices: all threads can be joined before the environment goes.
struct RuntimeHandle {
  std::shared_ptr<Runtime> runtime;
  Napi::ThreadSafeFunction notify;
  std::vector<std::weak_ptr<Device>> devices;
  bool stopped = false;

  void stop();
  // Nothing is waited for and nothing given back any more: a thread hangs, and the process is about to end.
  void abandon();
};

RuntimeHandle& runtimeOf(const Napi::Value& value);
std::shared_ptr<Device>& deviceOf(const Napi::Value& value);

using Body = Napi::Value (*)(const Napi::CallbackInfo& info);

// Exports `body` under `name`; its C++ exceptions become JavaScript errors.
template <Body body>
void expose(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return guarded(info.Env(), [&] { return body(info); });
              }, name));
}

}  // namespace loratwin::bind
