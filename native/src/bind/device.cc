#include "runtime/cpu/cpu_device.h"

#include <sched.h>

#include "bind/bind.h"
#include "bind/given.h"
#include "bind/handles.h"
#include "bind/products.h"
#include "bind/records.h"
#include "runtime/cuda/devices.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

using HeldDevice = std::shared_ptr<Device>;
constexpr HandleType<HeldDevice> kDevice{
    {0x6c6f726174776e01, 0x8f4d1c7b2a905e36}, "a device", [](Napi::Env, HeldDevice* dead) { delete dead; }};

}  // namespace

std::shared_ptr<Device>& deviceOf(const Napi::Value& value) { return kDevice.of(value); }

namespace {

Napi::Value number(const Napi::CallbackInfo& call, std::size_t value) {
  return Napi::Number::New(call.Env(), static_cast<double>(value));
}

WeightData weights(const Napi::Value& value, const char* at) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint16_array) {
    const auto bits = value.As<Napi::Uint16Array>();
    return {bits.Data(), bits.ElementLength(), ops::DType::bfloat16};
  }
  const FloatView data = floats(value, at);
  return {data.data, data.count, ops::DType::float32};
}

// What a frozen weight is multiplied as, and what it is kept in if that is narrower.
struct WeightFormat {
  ops::DType dtype;
  std::optional<ops::Quantization> quantization;
};

WeightFormat weightFormat(const Napi::Value& value, const char* at) {
  const std::string name = text(value, at);
  if (name == "int8") return {ops::DType::bfloat16, ops::Quantization::int8};
  if (name == "nf4") return {ops::DType::bfloat16, ops::Quantization::nf4};
  if (name != "float32" && name != "bfloat16") throw ArgumentError("float32, bfloat16, int8 or nf4", at, name);
  return {dtype(value, at), std::nullopt};
}

Napi::Value handleOf(const Napi::CallbackInfo& call, RuntimeHandle& owner, std::shared_ptr<Device> device) {
  owner.devices.push_back(device);
  return kDevice.wrap(call.Env(), std::make_unique<HeldDevice>(std::move(device)));
}

RuntimeHandle& liveRuntime(const Napi::CallbackInfo& call) {
  RuntimeHandle& owner = runtimeOf(call[0]);
  if (owner.stopped) throw ArgumentError("a runtime that is not disposed", "createDevice", "a disposed one");
  return owner;
}

Napi::Value createDevice(const Napi::CallbackInfo& call) {
  RuntimeHandle& owner = liveRuntime(call);
  std::vector<int> cores;
  for (const std::int64_t core : wholeNumbers(call[2], "createDevice.cores")) {
    const auto id = static_cast<int>(within(static_cast<double>(core), 0, CPU_SETSIZE - 1, "createDevice.cores"));
    cores.push_back(id);
  }
  if (cores.size() > CPU_SETSIZE) {
    throw ArgumentError("at most " + std::to_string(CPU_SETSIZE) + " cores", "createDevice.cores",
                        std::to_string(cores.size()));
  }
  return handleOf(call, owner, std::make_shared<CpuDevice>(owner.runtime, text(call[1], "createDevice.name"), cores));
}

GraphMode graphMode(const Napi::Value& value) {
  const std::string mode = text(value, "createDevice.graphs");
  if (mode == "off") return GraphMode::off;
  if (mode == "on") return GraphMode::on;
  if (mode == "auto") return GraphMode::automatic;
  throw ArgumentError("on, off or auto", "createDevice.graphs", mode);
}

Napi::Value createCudaDevice(const Napi::CallbackInfo& call) {
  RuntimeHandle& owner = liveRuntime(call);
  const Napi::Object given = object(call[2], "createDevice.options");
  CudaOptions options;
  options.index = whole32(given.Get("index"), "createDevice.index");
  options.graphs = graphMode(given.Get("graphs"));
  options.graphRoomBytes = size(given.Get("graphRoomBytes"), "createDevice.graphRoomBytes");
  options.products = productLibrary(given.Get("products"));
  options.measureProducts = flag(given.Get("measureProducts"), "createDevice.measureProducts");
  return handleOf(call, owner, makeCudaDevice(owner.runtime, text(call[1], "createDevice.name"), std::move(options)));
}

Napi::Value disposeDevice(const Napi::CallbackInfo& call) {
  deviceOf(call[0])->stop();
  return call.Env().Undefined();
}

MatrixSource matrixSource(const Napi::CallbackInfo& call) {
  const std::int32_t out = whole32(call[2], "loadMatrix.out");
  const std::int32_t in = whole32(call[3], "loadMatrix.in");
  const WeightFormat format = weightFormat(call[6], "loadMatrix.dtype");
  const WeightData data = weights(call[4], "loadMatrix.data");
  return {text(call[1], "loadMatrix.name"),
          out,
          in,
          data,
          format.dtype,
          flag(call[5], "loadMatrix.backward"),
          format.quantization,
          text(call[7], "loadMatrix.sharedAs"),
          whole32(call[8], "loadMatrix.experts"),
          flag(call[9], "loadMatrix.forMagnitudes")};
}

Napi::Value loadMatrix(const Napi::CallbackInfo& call) {
  return number(call, deviceOf(call[0])->loadMatrix(matrixSource(call)));
}

// What a device does on a thread of libuv's, as a promise.
class AsideWorker : public Napi::AsyncWorker {
 public:
  AsideWorker(const Napi::CallbackInfo& call, const char* what)
      : Napi::AsyncWorker(call.Env()), device_(deviceOf(call[0])), result_(Napi::Promise::Deferred::New(call.Env())) {
    device_->startAside(what);
  }

  void Execute() override {
    device_->runAside([this] { run(*device_); });
  }

  void OnOK() override {
    try {
      device_->endAside();
      result_.Resolve(result(*device_));
    } catch (const std::exception& error) {
      result_.Reject(toJavaScript(Env(), error).Value());
    }
  }

  Napi::Promise promise() const { return result_.Promise(); }

 protected:
  virtual void run(Device& device) = 0;
  virtual Napi::Value result(Device&) { return Env().Undefined(); }

 private:
  const std::shared_ptr<Device> device_;
  const Napi::Promise::Deferred result_;
};

// Holds the data that JavaScript gave.
class PackWorker final : public AsideWorker {
 public:
  PackWorker(const Napi::CallbackInfo& call, MatrixSource source)
      : AsideWorker(call, "packMatrix"),
        source_(std::move(source)),
        data_(Napi::Persistent(call[4].As<Napi::Object>())) {}

 protected:
  void run(Device& device) override { device.pack(source_); }
  Napi::Value result(Device& device) override {
    return Napi::Number::New(Env(), static_cast<double>(device.keepPacked(source_.sharedAs)));
  }

 private:
  const MatrixSource source_;
  const Napi::ObjectReference data_;
};

class ArenaWorker final : public AsideWorker {
 public:
  ArenaWorker(const Napi::CallbackInfo& call, std::size_t bytes) : AsideWorker(call, "prepareArena"), bytes_(bytes) {}

 protected:
  void run(Device& device) override { device.replaceArena(bytes_); }

 private:
  const std::size_t bytes_;
};

Napi::Value queued(std::unique_ptr<AsideWorker> worker) {
  const Napi::Promise promise = worker->promise();
  worker.release()->Queue();  // deletes itself when it is done
  return promise;
}

Napi::Value resolved(Napi::Env env, const Napi::Value& value) {
  const Napi::Promise::Deferred result = Napi::Promise::Deferred::New(env);
  result.Resolve(value);
  return result.Promise();
}

// A promise of loadMatrix's handle.
Napi::Value packMatrix(const Napi::CallbackInfo& call) {
  if (!deviceOf(call[0])->worksAside()) return resolved(call.Env(), loadMatrix(call));
  return queued(std::make_unique<PackWorker>(call, matrixSource(call)));
}

Napi::Value loadVector(const Napi::CallbackInfo& call) {
  const FloatView data = floats(call[1], "loadVector.data");
  return number(call, deviceOf(call[0])->loadVector(data.data, data.count, text(call[2], "loadVector.sharedAs")));
}

Napi::Value loadTable(const Napi::CallbackInfo& call) {
  const WeightData data = weights(call[3], "loadTable.data");
  const ops::DType type = dtype(call[4], "loadTable.dtype");
  return number(call,
                deviceOf(call[0])->loadTable(whole32(call[1], "loadTable.rows"), whole32(call[2], "loadTable.columns"),
                                             data, type, text(call[5], "loadTable.sharedAs")));
}

// The handle, or -1 where no device of the same memory has loaded anything under the key.
Napi::Value shareWeights(const Napi::CallbackInfo& call) {
  Device& device = *deviceOf(call[0]);
  const std::string kind = text(call[1], "shareWeights.kind");
  const std::string key = text(call[2], "shareWeights.key");
  if (kind != "matrix" && kind != "vector" && kind != "table") {
    throw ArgumentError("matrix, vector or table", "shareWeights.kind", kind);
  }
  const std::optional<std::size_t> handle = kind == "matrix"   ? device.shareMatrix(key)
                                            : kind == "vector" ? device.shareVector(key)
                                                               : device.shareTable(key);
  return Napi::Number::New(call.Env(), handle ? static_cast<double>(*handle) : -1);
}

Napi::Value createAdapter(const Napi::CallbackInfo& call) {
  const auto given = rows<record::AdapterEntry>(call[1], "createAdapter");
  const std::vector<std::int32_t> tokens = integers(call[3], "createAdapter.tokens");
  return number(call, deviceOf(call[0])->createAdapter(entries(given, tokens), magnitudeSources(given),
                                                       flag(call[2], "createAdapter.frozen")));
}

Napi::Value releaseAdapter(const Napi::CallbackInfo& call) {
  deviceOf(call[0])->releaseAdapter(whole(call[1], "adapter"));
  return call.Env().Undefined();
}

AdapterPart partNamed(const std::string& name) {
  if (name == "parameters") return AdapterPart::parameters;
  if (name == "gradients") return AdapterPart::gradients;
  if (name == "firstMoment") return AdapterPart::firstMoment;
  if (name == "secondMoment") return AdapterPart::secondMoment;
  throw ArgumentError("parameters, gradients, firstMoment or secondMoment", "part", name);
}

struct PartView {
  std::shared_ptr<Adapter> adapter;
  AdapterPart part;
};

PartView adapterPart(const Napi::CallbackInfo& call) {
  return {deviceOf(call[0])->adapter(whole(call[1], "adapter")), partNamed(text(call[2], "part"))};
}

Napi::Value writeAdapter(const Napi::CallbackInfo& call) {
  const PartView view = adapterPart(call);
  const FloatView data = floats(call[3], "writeAdapter.data");
  if (data.count != view.adapter->elements()) {
    throw ArgumentError(std::to_string(view.adapter->elements()) + " elements", "writeAdapter.data",
                        std::to_string(data.count));
  }
  deviceOf(call[0])->writeAdapter(*view.adapter, view.part, data.data);
  return call.Env().Undefined();
}

Napi::Value readAdapter(const Napi::CallbackInfo& call) {
  const PartView view = adapterPart(call);
  const Napi::Value result = newFloats(call.Env(), view.adapter->elements());
  deviceOf(call[0])->readAdapter(*view.adapter, view.part, result.As<Napi::Float32Array>().Data());
  return result;
}

Napi::Value reserveArena(const Napi::CallbackInfo& call) {
  deviceOf(call[0])->reserveArena(size(call[1], "reserveArena.bytes"));
  return call.Env().Undefined();
}

// reserveArena, as a promise.
Napi::Value prepareArena(const Napi::CallbackInfo& call) {
  if (!deviceOf(call[0])->worksAside()) return resolved(call.Env(), reserveArena(call));
  return queued(std::make_unique<ArenaWorker>(call, size(call[1], "prepareArena.bytes")));
}

Napi::Value writeArena(const Napi::CallbackInfo& call) {
  const FloatView data = floats(call[2], "writeArena.data");
  const auto offset = size(call[1], "writeArena.offset");
  deviceOf(call[0])->writeArena(offset, data.data, data.count * sizeof(float));
  return call.Env().Undefined();
}

Napi::Value readArena(const Napi::CallbackInfo& call) {
  const Device& device = *deviceOf(call[0]);
  const std::size_t count = size(call[2], "readArena.count");
  const std::size_t offset = size(call[1], "readArena.offset");
  device.requireArena(offset, count * sizeof(float));
  const Napi::Value result = newFloats(call.Env(), count);
  device.readArena(result.As<Napi::Float32Array>().Data(), offset, count * sizeof(float));
  return result;
}

Napi::Value createProgram(const Napi::CallbackInfo& call) {
  return number(call, deviceOf(call[0])->createProgram(operators(call[1])));
}

Napi::Value statistics(const Napi::CallbackInfo& call) {
  const Device& device = *deviceOf(call[0]);
  const StreamTimes& times = device.times();
  const MemoryMeter& memory = device.memory();
  const GraphCounts graphs = device.graphs();
  using record::Graphs;
  using record::Memory;
  using record::Times;
  const Row<Times> ns({{Times::busyNs, times.busyNs.load()},
                       {Times::waitNs, times.waitNs.load()},
                       {Times::starvedNs, times.starvedNs.load()},
                       {Times::hostWaits, times.hostWaits.load()}});
  const Row<Memory> bytes({{Memory::weightsBytes, memory.bytes(MemoryKind::weights)},
                           {Memory::arenaBytes, memory.bytes(MemoryKind::arena)},
                           {Memory::adaptersBytes, memory.bytes(MemoryKind::adapters)},
                           {Memory::otherBytes, memory.bytes(MemoryKind::other)},
                           {Memory::peakBytes, memory.peak()}});
  const Row<Graphs> counts({{Graphs::captured, graphs.captured},
                            {Graphs::launched, graphs.launched},
                            {Graphs::kept, graphs.kept},
                            {Graphs::refused, graphs.refused},
                            {Graphs::nodes, graphs.nodes},
                            {Graphs::bytes, graphs.bytes}});
  Napi::Object result = Napi::Object::New(call.Env());
  result.Set("times", packed<Times>(call.Env(), {ns}));
  result.Set("memory", packed<Memory>(call.Env(), {bytes}));
  result.Set("graphs", packed<Graphs>(call.Env(), {counts}));
  return result;
}

Napi::Value sampleSpeed(const Napi::CallbackInfo& call) {
  const std::size_t everyNs = size(call[2], "sampleSpeed.everyNs");
  if (everyNs == 0) throw ArgumentError("at least 1 ns", "sampleSpeed.everyNs", "0");
  deviceOf(call[0])->sampleSpeed(dtype(call[1], "sampleSpeed.dtype"), static_cast<std::int64_t>(everyNs));
  return call.Env().Undefined();
}

Napi::Value takeSpeedSamples(const Napi::CallbackInfo& call) {
  using Sample = record::SpeedSample;
  std::vector<Row<Sample>> samples;
  for (const SpeedSample& taken : deviceOf(call[0])->takeSpeedSamples()) {
    samples.push_back(
        Row<Sample>({{Sample::atNs, taken.atNs}, {Sample::product, taken.product}, {Sample::copy, taken.copy}}));
  }
  return packed(call.Env(), samples);
}

Napi::Value products(const Napi::CallbackInfo& call) { return toJavaScript(call.Env(), deviceOf(call[0])->products()); }

}  // namespace

void registerDevice(Napi::Env env, Napi::Object exports) {
  expose<createDevice>(env, exports, "createDevice");
  expose<createCudaDevice>(env, exports, "createCudaDevice");
  expose<disposeDevice>(env, exports, "disposeDevice");
  expose<loadMatrix>(env, exports, "loadMatrix");
  expose<packMatrix>(env, exports, "packMatrix");
  expose<loadVector>(env, exports, "loadVector");
  expose<loadTable>(env, exports, "loadTable");
  expose<shareWeights>(env, exports, "shareWeights");
  expose<createAdapter>(env, exports, "createAdapter");
  expose<releaseAdapter>(env, exports, "releaseAdapter");
  expose<writeAdapter>(env, exports, "writeAdapter");
  expose<readAdapter>(env, exports, "readAdapter");
  expose<reserveArena>(env, exports, "reserveArena");
  expose<prepareArena>(env, exports, "prepareArena");
  expose<writeArena>(env, exports, "writeArena");
  expose<readArena>(env, exports, "readArena");
  expose<createProgram>(env, exports, "createProgram");
  expose<statistics>(env, exports, "statistics");
  expose<sampleSpeed>(env, exports, "sampleSpeed");
  expose<takeSpeedSamples>(env, exports, "takeSpeedSamples");
  expose<products>(env, exports, "products");
}

}  // namespace loratwin::bind
