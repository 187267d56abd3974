#include <utility>

#include "bind/bind.h"
#include "bind/handles.h"
#include "runtime/errors.h"

namespace loratwin::bind {

void RuntimeHandle::stop() {
  if (std::exchange(stopped, true)) return;
  for (const std::weak_ptr<Device>& device : devices) {
    if (const auto live = device.lock()) live->stop();
  }
  notify.Abort();
}

void RuntimeHandle::abandon() {
  static auto* const abandoned = new std::vector<std::shared_ptr<Device>>();
  if (std::exchange(stopped, true)) return;
  for (const std::weak_ptr<Device>& device : devices) {
    if (auto live = device.lock()) abandoned->push_back(std::move(live));
  }
  notify.Abort();
}

namespace {

void stopAtExit(void* handle) { static_cast<RuntimeHandle*>(handle)->stop(); }

constexpr HandleType<RuntimeHandle> kRuntime{
    {0x6c6f726174776e02, 0x1be95d8c47f3a260}, "a runtime", [](Napi::Env env, RuntimeHandle* dead) {
      napi_remove_env_cleanup_hook(env, stopAtExit, dead);
      dead->stop();
      delete dead;
    }};

}  // namespace

RuntimeHandle& runtimeOf(const Napi::Value& value) { return kRuntime.of(value); }

namespace {

Napi::Value createRuntime(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  if (!call[0].IsFunction()) throw ArgumentError("a function", "createRuntime.notify", shown(call[0]));
  auto handle = std::make_unique<RuntimeHandle>();
  handle->notify = Napi::ThreadSafeFunction::New(env, call[0].As<Napi::Function>(), "loratwin", 0, 1);
  handle->runtime = std::make_shared<Runtime>([notify = handle->notify] { notify.NonBlockingCall(); });
  // Hooks run newest first: the threads are joined before the function that they call goes away.
  napi_add_env_cleanup_hook(env, stopAtExit, handle.get());
  return kRuntime.wrap(env, std::move(handle));
}

Napi::Object completion(Napi::Env env, const Completion& done) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("device", done.device);
  result.Set("stream", done.stream);
  result.Set("id", Napi::Number::New(env, static_cast<double>(done.id)));
  result.Set("startNs", Napi::Number::New(env, static_cast<double>(done.startNs)));
  result.Set("endNs", Napi::Number::New(env, static_cast<double>(done.endNs)));
  if (done.losses) result.Set("losses", doubleArray(env, *done.losses));
  if (done.sumSquares) result.Set("sumSquares", doubleArray(env, *done.sumSquares));
  if (done.parameters) result.Set("parameters", floatArray(env, *done.parameters));
  if (done.opNs) result.Set("opNs", doubleArray(env, *done.opNs));
  if (done.interruption) {
    result.Set("interruptedNs", Napi::Number::New(env, static_cast<double>(done.interruption->lostNs)));
    result.Set("delayedNs", Napi::Number::New(env, static_cast<double>(done.delayedNs)));
    result.Set("switches", Napi::Number::New(env, static_cast<double>(done.interruption->switches)));
  }
  return result;
}

Napi::Value drain(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Runtime::Batch batch = runtimeOf(call[0]).runtime->drain();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array completions = Napi::Array::New(env, batch.completions.size());
  std::uint32_t index = 0;
  for (const Completion& done : batch.completions) completions.Set(index++, completion(env, done));
  result.Set("completions", completions);
  Napi::Array failures = Napi::Array::New(env, batch.failures.size());
  index = 0;
  for (const Failure& failed : batch.failures) {
    Napi::Object failure = Napi::Object::New(env);
    failure.Set("device", failed.device);
    failure.Set("id", Napi::Number::New(env, static_cast<double>(failed.id)));
    failure.Set("operator", failed.step);
    failure.Set("message", failed.message);
    failures.Set(index++, failure);
  }
  result.Set("failures", failures);
  return result;
}

Napi::Value keepAlive(const Napi::CallbackInfo& call) {
  RuntimeHandle& handle = runtimeOf(call[0]);
  if (handle.stopped) return call.Env().Undefined();
  if (flag(call[1], "keepAlive.alive")) {
    handle.notify.Ref(call.Env());
  } else {
    handle.notify.Unref(call.Env());
  }
  return call.Env().Undefined();
}

Napi::Value disposeRuntime(const Napi::CallbackInfo& call) {
  runtimeOf(call[0]).stop();
  return call.Env().Undefined();
}

Napi::Value abandonRuntime(const Napi::CallbackInfo& call) {
  runtimeOf(call[0]).abandon();
  return call.Env().Undefined();
}

Napi::Value setDomain(const Napi::CallbackInfo& call) {
  runtimeOf(call[0]).runtime->setDomain(text(call[1], "createDevice.name"), whole(call[2], "createDevice.domain"));
  return call.Env().Undefined();
}

Napi::Value createEvents(const Napi::CallbackInfo& call) {
  return Napi::Number::New(
      call.Env(), static_cast<double>(runtimeOf(call[0]).runtime->createEvents(whole(call[1], "createEvents.count"))));
}

Napi::Value renewEvents(const Napi::CallbackInfo& call) {
  runtimeOf(call[0]).runtime->renewEvents(wholeNumbers(call[1], "renewEvents"));
  return call.Env().Undefined();
}

Napi::Value createNormCells(const Napi::CallbackInfo& call) {
  return Napi::Number::New(
      call.Env(),
      static_cast<double>(runtimeOf(call[0]).runtime->createNormCells(whole(call[1], "createNormCells.count"))));
}

Napi::Value signal(const Napi::CallbackInfo& call) {
  Runtime& runtime = *runtimeOf(call[0]).runtime;
  runtime.signal(*runtime.claimSignal(whole(call[1], "event")));
  return call.Env().Undefined();
}

Napi::Value nowNs(const Napi::CallbackInfo& call) {
  return Napi::Number::New(call.Env(), static_cast<double>(runtimeOf(call[0]).runtime->nowNs()));
}

Napi::Value originNs(const Napi::CallbackInfo& call) {
  return Napi::Number::New(call.Env(), static_cast<double>(runtimeOf(call[0]).runtime->originNs()));
}

}  // namespace

void registerRuntime(Napi::Env env, Napi::Object exports) {
  expose<createRuntime>(env, exports, "createRuntime");
  expose<drain>(env, exports, "drain");
  expose<keepAlive>(env, exports, "keepAlive");
  expose<disposeRuntime>(env, exports, "disposeRuntime");
  expose<abandonRuntime>(env, exports, "abandonRuntime");
  expose<setDomain>(env, exports, "setDomain");
  expose<createEvents>(env, exports, "createEvents");
  expose<renewEvents>(env, exports, "renewEvents");
  expose<createNormCells>(env, exports, "createNormCells");
  expose<signal>(env, exports, "signal");
  expose<nowNs>(env, exports, "nowNs");
  expose<originNs>(env, exports, "originNs");
}

}  // namespace loratwin::bind
