#include <algorithm>
#include <utility>

#include "bind/bind.h"
#include "bind/handles.h"
#include "bind/records.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

// Arguments 1 to 3 of every enqueue call: id, waits, signal.
TaskHead head(const Napi::CallbackInfo& call) {
  return {whole(call[1], "id"), wholeNumbers(call[2], "waits"), whole(call[3], "signal")};
}

Bindings bindings(const Device& device, const Napi::Object& given) {
  Bindings result;
  using record::Run;
  const Row<Run> run = row<Run>(given.Get("run"), "bindings.run");
  result.rows = static_cast<std::int32_t>(run[Run::rows]);
  const auto place = [&](Space space, Run::Field field) {
    result.bases[static_cast<int>(space)] = static_cast<std::size_t>(run[field]);
  };
  place(Space::stash, Run::stash);
  place(Space::work, Run::work);
  place(Space::in, Run::in);
  place(Space::out, Run::out);
  result.ids = integers(given.Get("ids"), "bindings.ids");
  result.targets = integers(given.Get("targets"), "bindings.targets");
  result.sequences = integers(given.Get("sequences"), "bindings.sequences");
  result.rowKeys = integers(given.Get("rowKeys"), "bindings.rowKeys");
  using record::Segment;
  for (const Row<Segment>& from : rows<Segment>(given.Get("segments"), "bindings.segments")) {
    RunSegment segment;
    segment.adapter = device.adapter(static_cast<std::int64_t>(from[Segment::adapter]));
    segment.rowStart = static_cast<std::int32_t>(from[Segment::rowStart]);
    segment.rowEnd = static_cast<std::int32_t>(from[Segment::rowEnd]);
    segment.lossScale = static_cast<float>(from[Segment::lossScale]);
    segment.dropout = static_cast<float>(from[Segment::dropout]);
    segment.seed[0] = static_cast<std::uint32_t>(from[Segment::seedLow]);
    segment.seed[1] = static_cast<std::uint32_t>(from[Segment::seedHigh]);
    result.segments.push_back(std::move(segment));
  }
  using record::SumSquares;
  for (const Row<SumSquares>& from : rows<SumSquares>(given.Get("sumSquares"), "bindings.sumSquares")) {
    double* const cell = device.runtime().normCell(static_cast<std::int64_t>(from[SumSquares::cell]));
    result.sumSquares.push_back({device.adapter(static_cast<std::int64_t>(from[SumSquares::adapter])), cell});
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
  using Item = record::UpdateItem;
  Device& device = *deviceOf(call[0]);
  const auto cells = call[5].As<Napi::Array>();
  std::vector<UpdateItem> items;
  for (const Row<Item>& from : rows<Item>(call[4], "items")) {
    UpdateItem item;
    item.adapter = device.adapter(static_cast<std::int64_t>(from[Item::adapter]));
    item.step = static_cast<std::int64_t>(from[Item::step]);
    item.learningRate = from[Item::learningRate];
    item.beta1 = from[Item::beta1];
    item.beta2 = from[Item::beta2];
    item.eps = from[Item::eps];
    item.weightDecay = from[Item::weightDecay];
    item.maxGradNorm = from[Item::maxGradNorm];
    item.toldParts = std::min(static_cast<std::size_t>(from[Item::told]), kToldParts.size());
    for (const std::int64_t cell : wholeNumbers(cells.Get(static_cast<std::uint32_t>(items.size())), "normCells")) {
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
