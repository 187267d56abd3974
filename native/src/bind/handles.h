// The objects behind the opaque handles, and how functions over them are registered.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "bind/values.h"
#include "runtime/device.h"
#include "runtime/errors.h"
#include "runtime/runtime.h"
#include "transport/channel.h"

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

// How JavaScript holds a `Held`: an object that no code but this can read, with a tag that no other object has. Its
// finalizer runs `destroy`.
template <class Held>
struct HandleType {
  napi_type_tag tag;
  // "a runtime"
  const char* name;
  void (*destroy)(Napi::Env env, Held* held);

  Napi::Value wrap(Napi::Env env, std::unique_ptr<Held> held) const {
    const Napi::Object result = Napi::Object::New(env);
    result.TypeTag(&tag);
    const napi_status status = napi_wrap(env, result, held.get(), &finalize, const_cast<HandleType*>(this), nullptr);
    if (status != napi_ok) throw Napi::Error::New(env);
    held.release();
    return result;
  }
  // Throws ArgumentError for any other value.
  Held& of(const Napi::Value& value) const {
    void* held = nullptr;
    const bool isHandle = value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&tag);
    if (!isHandle || napi_unwrap(value.Env(), value, &held) != napi_ok) {
      throw ArgumentError(name, "handle", shown(value));
    }
    return *static_cast<Held*>(held);
  }

 private:
  static void finalize(napi_env env, void* held, void* type) {
    static_cast<const HandleType*>(type)->destroy(env, static_cast<Held*>(held));
  }
};

RuntimeHandle& runtimeOf(const Napi::Value& value);
std::shared_ptr<Device>& deviceOf(const Napi::Value& value);
// Through the host's memory, or between GPUs.
using AnyChannel = std::variant<std::shared_ptr<Channel>, std::shared_ptr<NcclChannel>>;
AnyChannel& channelOf(const Napi::Value& value);

using Body = Napi::Value (*)(const Napi::CallbackInfo& info);

// Exports `body` under `name`; its C++ exceptions become JavaScript errors.
template <Body body>
void expose(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(
      name,
      Napi::Function::New(
          env, [](const Napi::CallbackInfo& info) { return guarded(info.Env(), [&] { return body(info); }); }, name));
}

}  // namespace loratwin::bind
