// Ranks: messages between them, and the channels of their devices.
#include <cstring>
#include <utility>

#include "bind/bind.h"
#include "bind/handles.h"
#include "runtime/errors.h"
#include "transport/nccl_channel.h"
#include "transport/world.h"

namespace loratwin::bind {

namespace {

// A rank, and its way to wake JavaScript. The process lives as long as it has not finished.
struct WorldHandle {
  std::shared_ptr<World> world;
  Napi::ThreadSafeFunction notify;
  bool isClosed = false;

  void close() {
    if (std::exchange(isClosed, true)) return;
    if (world) world->silence();
    notify.Abort();
  }
};

void closeAtExit(void* handle) { static_cast<WorldHandle*>(handle)->close(); }

constexpr HandleType<WorldHandle> kWorld{
    {0x6c6f726174776e03, 0x52d8a1f36b0e9c47}, "a rank", [](Napi::Env env, WorldHandle* dead) {
      napi_remove_env_cleanup_hook(env, closeAtExit, dead);
      dead->close();
      delete dead;
    }};

constexpr HandleType<AnyChannel> kChannel{
    {0x6c6f726174776e04, 0xc93b7e5a1d40f286}, "a channel", [](Napi::Env, AnyChannel* dead) { delete dead; }};

// By value: what it returns is not a part of it, which GCC 13 cannot see.
World& worldOf(Napi::Value value) { return *kWorld.of(value).world; }

int rankOf(const Napi::Value& value, const World& world) {
  const std::int32_t rank = whole32(value, "rank");
  if (rank >= world.size() || rank == world.rank()) {
    throw ArgumentError("another of " + std::to_string(world.size()) + " ranks", "rank", std::to_string(rank));
  }
  return rank;
}

std::unique_ptr<WorldHandle> newHandle(const Napi::Value& notify) {
  if (!notify.IsFunction()) throw ArgumentError("a function", "notify", shown(notify));
  auto handle = std::make_unique<WorldHandle>();
  handle->notify = Napi::ThreadSafeFunction::New(notify.Env(), notify.As<Napi::Function>(), "loratwin rank", 0, 1);
  return handle;
}

Napi::Value wrapped(Napi::Env env, std::unique_ptr<WorldHandle> handle) {
  napi_add_env_cleanup_hook(env, closeAtExit, handle.get());
  return kWorld.wrap(env, std::move(handle));
}

std::function<void()> waking(const WorldHandle& handle) {
  return [notify = handle.notify] { notify.NonBlockingCall(); };
}

Napi::Value createLocalWorlds(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const Napi::Array callbacks = list(call[0], "createLocalWorlds", 1024);
  std::vector<std::unique_ptr<WorldHandle>> handles;
  std::vector<std::function<void()>> wakers;
  const std::uint32_t count = callbacks.Length();
  for (std::uint32_t i = 0; i < count; i++) {
    handles.push_back(newHandle(callbacks.Get(i)));
    wakers.push_back(waking(*handles.back()));
  }
  const std::vector<std::shared_ptr<World>> worlds = localWorlds(std::move(wakers));
  Napi::Array result = Napi::Array::New(env, count);
  for (std::uint32_t i = 0; i < count; i++) {
    handles[i]->world = worlds[i];
    result.Set(i, wrapped(env, std::move(handles[i])));
  }
  return result;
}

Napi::Value joinMpi(const Napi::CallbackInfo& call) {
  auto handle = newHandle(call[2]);
  handle->world = mpiWorld(text(call[0], "joinMpi.library"), whole(call[1], "joinMpi.silenceNs"), waking(*handle));
  return wrapped(call.Env(), std::move(handle));
}

Napi::Value nameOfMpi(const Napi::CallbackInfo& call) {
  return Napi::String::New(call.Env(), mpiName(text(call[0], "mpiName.library")));
}

Napi::Value worldInfo(const Napi::CallbackInfo& call) {
  const World& world = worldOf(call[0]);
  Napi::Object result = Napi::Object::New(call.Env());
  result.Set("rank", world.rank());
  result.Set("size", world.size());
  result.Set("name", world.name());
  return result;
}

Napi::Value attachRuntime(const Napi::CallbackInfo& call) {
  const std::shared_ptr<World>& world = kWorld.of(call[0]).world;
  const std::shared_ptr<Runtime>& runtime = runtimeOf(call[1]).runtime;
  runtime->tellBy([world](int rank, Told told) { world->tell(rank, std::move(told)); });
  world->attach([runtime](const Told& told) { runtime->hear(told); });
  return call.Env().Undefined();
}

Napi::Value postMessage(const Napi::CallbackInfo& call) {
  World& world = worldOf(call[0]);
  const int to = rankOf(call[1], world);
  if (!call[2].IsTypedArray() || call[2].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw ArgumentError("a Uint8Array", "postMessage.message", shown(call[2]));
  }
  const auto data = call[2].As<Napi::Uint8Array>();
  const auto* const from = reinterpret_cast<const std::byte*>(data.Data());
  world.post(to, {from, from + data.ElementLength()});
  return call.Env().Undefined();
}

Napi::Value drainWorld(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const World::Batch batch = worldOf(call[0]).drain();
  Napi::Object result = Napi::Object::New(env);
  Napi::Array received = Napi::Array::New(env, batch.received.size());
  std::uint32_t index = 0;
  for (const Received& each : batch.received) {
    Napi::Object item = Napi::Object::New(env);
    Napi::Uint8Array message = Napi::Uint8Array::New(env, each.message.size());
    if (!each.message.empty()) std::memcpy(message.Data(), each.message.data(), each.message.size());
    item.Set("from", each.from);
    item.Set("message", message);
    received.Set(index++, item);
  }
  result.Set("received", received);
  std::vector<double> readings;
  for (const ClockReading& reading : batch.readings) {
    for (const std::int64_t value : {reading.ownNs, reading.offsetNs, reading.roundTripNs}) {
      readings.push_back(static_cast<double>(value));
    }
  }
  result.Set("readings", doubleArray(env, readings));
  result.Set("failure", batch.failure);
  result.Set("isFinished", batch.isFinished);
  return result;
}

Napi::Value createChannel(const Napi::CallbackInfo& call) {
  World& world = worldOf(call[0]);
  const int peer = rankOf(call[1], world);
  const std::int32_t channel = whole32(call[2], "channel");
  const std::string way = text(call[3], "channel.way");
  if (way != "host" && way != "nccl") throw ArgumentError("host or nccl", "channel.way", way);
  const AnyChannel made = way == "host" ? AnyChannel(world.channel(peer, channel)) : ncclChannel(world, peer, channel);
  return kChannel.wrap(call.Env(), std::make_unique<AnyChannel>(made));
}

Napi::Value readClock(const Napi::CallbackInfo& call) {
  worldOf(call[0]).readClock();
  return call.Env().Undefined();
}

Napi::Value finishWorld(const Napi::CallbackInfo& call) {
  worldOf(call[0]).finish();
  return call.Env().Undefined();
}

Napi::Value closeWorld(const Napi::CallbackInfo& call) {
  kWorld.of(call[0]).close();
  return call.Env().Undefined();
}

}  // namespace

AnyChannel& channelOf(const Napi::Value& value) { return kChannel.of(value); }

void registerWorlds(Napi::Env env, Napi::Object exports) {
  expose<createLocalWorlds>(env, exports, "createLocalWorlds");
  expose<joinMpi>(env, exports, "joinMpi");
  expose<nameOfMpi>(env, exports, "mpiName");
  expose<worldInfo>(env, exports, "worldInfo");
  expose<attachRuntime>(env, exports, "attachRuntime");
  expose<postMessage>(env, exports, "postMessage");
  expose<drainWorld>(env, exports, "drainWorld");
  expose<createChannel>(env, exports, "createChannel");
  expose<readClock>(env, exports, "readClock");
  expose<finishWorld>(env, exports, "finishWorld");
  expose<closeWorld>(env, exports, "closeWorld");
}

}  // namespace loratwin::bind
