// What only an addon over the emulation has: what its kernels' launches moved.
#include "emulation/traffic.h"

#include "bind/bind.h"
#include "bind/handles.h"
#include "bind/values.h"

namespace loratwin::bind {

namespace {

Napi::Value countLaunches(const Napi::CallbackInfo& call) {
  emulation::countTraffic(call[0].ToBoolean());
  return call.Env().Undefined();
}

Napi::Value takeLaunches(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Array result = Napi::Array::New(env);
  for (const emulation::LaunchTraffic& launch : emulation::takeTraffic()) {
    Napi::Object entry = Napi::Object::New(env);
    const auto set = [&](const char* field, std::uint64_t count) {
      entry.Set(field, Napi::Number::New(env, static_cast<double>(count)));
    };
    entry.Set("kernel", launch.name);
    set("readBytes", launch.readBytes);
    set("readAgainBytes", launch.readAgainBytes);
    set("writtenBytes", launch.writtenBytes);
    set("writtenAgainBytes", launch.writtenAgainBytes);
    set("sharedCycles", launch.sharedCycles);
    set("sharedConflicts", launch.sharedConflicts);
    set("mma", launch.mma);
    result.Set(result.Length(), entry);
  }
  return result;
}

}  // namespace

void registerEmulation(Napi::Env env, Napi::Object exports) {
  expose<countLaunches>(env, exports, "countLaunches");
  expose<takeLaunches>(env, exports, "takeLaunches");
}

}  // namespace loratwin::bind
