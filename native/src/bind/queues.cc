#include <utility>

#include "bind/bind.h"
#include "bind/handles.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

// Arguments 1 to 3 of every enqueue call: id, waits, signal.
TaskHead head(const Napi::CallbackInfo& call) {
  return {whole(call[1], "id"), wholeNumbers(call[2], "waits"), whole(call[3], "signal")};
}

Bindings bindings(const Device& device, const Napi::Object& given) {
  constexpr std::size_t kSegmentFields = 7;
  Bindings result;
  result.rows = whole32(given.Get("rows"), "bindings.rows");
  result.ids = integers(given.Get("ids"), "bindings.ids");
  result.targets = integers(given.Get("targets"), "bindings.targets");
  result.sequences = integers(given.Get("sequences"), "bindings.sequences");
  result.rowKeys = integers(given.Get("rowKeys"), "bindings.rowKeys");
  const std::vector<double> segments = doubles(given.Get("segments"), "bindings.segments");
  for (std::size_t i = 0; i + kSegmentFields <= segments.size(); i += kSegmentFields) {
    RunSegment segment;
    segment.adapter = device.adapter(static_cast<std::int64_t>(segments[i]));
    segment.rowStart = static_cast<std::int32_t>(segments[i + 1]);
    segment.rowEnd = static_cast<std::int32_t>(segments[i + 2]);
    segment.lossScale = static_cast<float>(segments[i + 3]);
    segment.dropout = static_cast<float>(segments[i + 4]);
    segment.seed[0] = static_cast<std::uint32_t>(segments[i + 5]);
    segment.seed[1] = static_cast<std::uint32_t>(segments[i + 6]);
    result.segments.push_back(std::move(segment));
  }
  const std::vector<double> bases = doubles(given.Get("bases"), "bindings.bases");
  for (int space = 0; space < kSpaces; space++) {
    result.bases[space] = static_cast<std::size_t>(bases.at(static_cast<std::size_t>(space)));
  }
  const std::vector<double> sums = doubles(given.Get("sumSquares"), "bindings.sumSquares");
  for (std::size_t i = 0; i + 2 <= sums.size(); i += 2) {
    double* const cell = device.runtime().normCell(static_cast<std::int64_t>(sums[i + 1]));
    result.sumSquares.push_back({device.adapter(static_cast<std::int64_t>(sums[i])), cell});
  }
  result.profile = given.Get("profile").ToBoolean();
  return result;
}

Napi::Value enqueueRun(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  device.enqueueRun(head(call), whole(call[4], "program"), bindings(device, call[5].As<Napi::Object>()));
  return call.Env().Undefined();
}

Napi::Value enqueueUpdate(const Napi::CallbackInfo& call) {
  constexpr std::size_t kItemFields = 8;
  Device& device = *deviceOf(call[0]);
  const std::vector<double> packed = doubles(call[4], "items");
  const auto cells = call[5].As<Napi::Array>();
  std::vector<UpdateItem> items;
  for (std::uint32_t i = 0; (i + 1) * kItemFields <= packed.size(); i++) {
    const double* const from = packed.data() + i * kItemFields;
    UpdateItem item;
    item.adapter = device.adapter(static_cast<std::int64_t>(from[0]));
    item.step = static_cast<std::int64_t>(from[1]);
    item.learningRate = from[2];
    item.beta1 = from[3];
    item.beta2 = from[4];
    item.eps = from[5];
    item.weightDecay = from[6];
    item.maxGradNorm = from[7];
    for (const std::int64_t cell : wholeNumbers(cells.Get(i), "normCells")) {
      item.normCells.push_back(device.runtime().normCell(cell));
    }
    items.push_back(std::move(item));
  }
  device.enqueueUpdate(head(call), std::move(items));
  return call.Env().Undefined();
}

Napi::Value enqueueSend(const Napi::CallbackInfo& call) {
  deviceOf(call[0])->enqueueSend(head(call), static_cast<std::size_t>(whole(call[4], "source")),
                                 static_cast<std::size_t>(whole(call[5], "bytes")), *deviceOf(call[6]),
                                 static_cast<std::size_t>(whole(call[7], "destinationOffset")));
  return call.Env().Undefined();
}

Napi::Value enqueueUpload(const Napi::CallbackInfo& call) {
  const FloatView data = floats(call[4], "upload.data");
  deviceOf(call[0])->enqueueUpload(head(call), {data.data, data.data + data.count},
                                   static_cast<std::size_t>(whole(call[5], "destinationOffset")));
  return call.Env().Undefined();
}

}  // namespace

void registerQueues(Napi::Env env, Napi::Object exports) {
  expose<enqueueRun>(env, exports, "enqueueRun");
  expose<enqueueUpdate>(env, exports, "enqueueUpdate");
  expose<enqueueSend>(env, exports, "enqueueSend");
  expose<enqueueUpload>(env, exports, "enqueueUpload");
}

}  // namespace loratwin::bind
