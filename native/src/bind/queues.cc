#include <algorithm>
#include <utility>
#include <variant>

#include "bind/bind.h"
#include "bind/given.h"
#include "bind/handles.h"
#include "bind/records.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

// Arguments 1 to 3 of every enqueue call: id, waits, signal.
TaskHead head(const Napi::CallbackInfo& call) {
  TaskHead result{whole(call[1], "id"), wholeNumbers(call[2], "waits"), whole(call[3], "signal")};
  if (result.signal < -1) throw ArgumentError("an event, or -1 for none", "signal", std::to_string(result.signal));
  return result;
}

// Pairs of rank and generation.
std::vector<Listener> listeners(const Napi::Value& value) {
  const std::vector<std::int64_t> numbers = wholeNumbers(value, "listeners");
  if (numbers.size() % 2 != 0) throw ArgumentError("pairs of rank and generation", "listeners", shown(value));
  std::vector<Listener> result;
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    result.push_back({static_cast<int>(numbers[i]), numbers[i + 1]});
  }
  return result;
}

GivenBindings bindings(const Napi::Value& value) {
  const Napi::Object from = object(value, "bindings");
  GivenBindings result;
  Bindings& data = result.data;
  placeRun(row<record::Run>(numbers(from.Get("run"), "bindings.run")), data);
  data.ids = integers(from.Get("ids"), "bindings.ids");
  data.targets = integers(from.Get("targets"), "bindings.targets");
  data.sequences = integers(from.Get("sequences"), "bindings.sequences");
  data.rowKeys = integers(from.Get("rowKeys"), "bindings.rowKeys");
  data.logitRows = integers(from.Get("logitRows"), "bindings.logitRows");
  result.segments = rows<record::Segment>(from.Get("segments"), "bindings.segments");
  result.losses = rows<record::LossPart>(from.Get("losses"), "bindings.losses");
  result.caches = rows<record::CachedRows>(from.Get("caches"), "bindings.caches");
  result.preferences = rows<record::Preference>(from.Get("preferences"), "bindings.preferences");
  result.sumSquares = rows<record::SumSquares>(from.Get("sumSquares"), "bindings.sumSquares");
  data.profile = flag(from.Get("profile"), "bindings.profile");
  return result;
}

Napi::Value enqueueRun(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  TaskHead task = head(call);
  const std::int64_t program = whole(call[4], "program");
  GivenBindings given = bindings(call[5]);
  if (!call[6].IsUndefined()) task.listeners = listeners(call[6]);
  if (!call[7].IsUndefined()) task.toldCells = wholeNumbers(call[7], "toldCells");
  device.enqueueRun(task, program, bound(device, std::move(given)));
  return call.Env().Undefined();
}

Napi::Value enqueueUpdate(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  const TaskHead task = head(call);
  const std::vector<Row<record::UpdateItem>> items = rows<record::UpdateItem>(call[4], "items");
  const Napi::Array lists = list(call[5], "normCells", kMaxItems);
  const std::uint32_t count = lists.Length();
  std::vector<std::vector<std::int64_t>> cells;
  for (std::uint32_t i = 0; i < count; i++) cells.push_back(wholeNumbers(lists.Get(i), "normCells"));
  device.enqueueUpdate(task, bound(device, items, cells));
  return call.Env().Undefined();
}

Napi::Value enqueueSend(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  const Device& destination = *deviceOf(call[6]);
  const TaskHead task = head(call);
  device.enqueueSend(task, size(call[4], "send.source"), size(call[5], "send.bytes"), destination,
                     size(call[7], "send.destinationOffset"));
  return call.Env().Undefined();
}

Napi::Value enqueueChannelSend(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  const TaskHead task = head(call);
  const std::size_t source = size(call[4], "send.source");
  const std::size_t bytes = size(call[5], "send.bytes");
  std::visit([&](const auto& channel) { device.enqueueChannelSend(task, source, bytes, channel); }, channelOf(call[6]));
  return call.Env().Undefined();
}

Napi::Value enqueueReceive(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  TaskHead task = head(call);
  if (!call[7].IsUndefined()) task.listeners = listeners(call[7]);
  const std::size_t destination = size(call[4], "receive.destination");
  const std::size_t bytes = size(call[5], "receive.bytes");
  std::visit([&](const auto& channel) { device.enqueueReceive(task, destination, bytes, channel); },
             channelOf(call[6]));
  return call.Env().Undefined();
}

Fault faultOf(const Napi::Value& value) {
  const std::string name = text(value, "enqueueFault.fault");
  if (name == "memory") return Fault::memory;
  if (name == "error") return Fault::error;
  if (name == "end") return Fault::end;
  if (name != "hang") throw ArgumentError("memory, error, end or hang", "fault", name);
  return Fault::hang;
}

Napi::Value enqueueFault(const Napi::CallbackInfo& call) {
  deviceOf(call[0])->enqueueFault(head(call), faultOf(call[4]));
  return call.Env().Undefined();
}

Napi::Value enqueueUpload(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  const TaskHead task = head(call);
  const std::size_t destination = size(call[5], "upload.destinationOffset");
  const FloatView data = floats(call[4], "upload.data");
  device.enqueueUpload(task, {data.data, data.data + data.count}, destination);
  return call.Env().Undefined();
}

}  // namespace

void registerQueues(Napi::Env env, Napi::Object exports) {
  expose<enqueueRun>(env, exports, "enqueueRun");
  expose<enqueueUpdate>(env, exports, "enqueueUpdate");
  expose<enqueueSend>(env, exports, "enqueueSend");
  expose<enqueueChannelSend>(env, exports, "enqueueChannelSend");
  expose<enqueueReceive>(env, exports, "enqueueReceive");
  expose<enqueueUpload>(env, exports, "enqueueUpload");
  expose<enqueueFault>(env, exports, "enqueueFault");
}

}  // namespace loratwin::bind
