#include "device.h"

#include <omp.h>
#include <sched.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "clock.h"
#include "errors.h"
#include "ops/adamw.h"
#include "ops/sum_squares.h"

namespace loratwin {

Device::Device(std::shared_ptr<Runtime> runtime, std::string name, std::vector<int> cores)
    : runtime_(std::move(runtime)), name_(std::move(name)), meter_(std::make_shared<MemoryMeter>()) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (const int core : cores) {
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &allowed)) {
      throw ArgumentError("cores that this process may use", "createDevice.cores", std::to_string(core));
    }
  }
  // Packing on JavaScript's thread must not leave a spinning OpenMP team on the devices' cores.
  omp_set_num_threads(1);
  pool_ = std::make_unique<Pool>(cores);
  engine_ = std::make_unique<ops::MatmulEngine>(static_cast<int>(cores.size()));
  arena_ = std::make_shared<Buffer>(meter_, MemoryKind::arena, 0);
  compute_ = std::make_unique<Stream>(runtime_, name_, "compute", std::vector<int>{cores.front()}, true);
  send_ = std::make_unique<Stream>(runtime_, name_, "send", cores, false);
}

Device::~Device() { stop(); }

void Device::stop() {
  if (std::exchange(stopped_, true)) return;
  compute_->stop();
  send_->stop();
  programs_.clear();
  adapters_.clear();
  for (const std::unique_ptr<Matrix>& matrix : weights_.matrices) {
    meter_->add(MemoryKind::weights, -static_cast<std::ptrdiff_t>(matrix->packed.bytes()));
  }
  weights_ = Weights{};
  meter_->add(MemoryKind::other, -static_cast<std::ptrdiff_t>(std::exchange(engineBytes_, 0)));
  engine_.reset();
  arena_.reset();
  pool_.reset();
}

void Device::requireLive() const {
  if (stopped_) throw ArgumentError("a device that is not disposed", "device " + name_, "a disposed one");
}

void Device::requireQuiet(const char* what) const {
  requireLive();
  const int pending = pending_;
  if (pending > 0) throw ArgumentError("no pending tasks", name_ + "." + what, std::to_string(pending));
}

void Device::requireRange(const char* at, std::size_t offset, std::size_t bytes) const {
  if (offset + bytes > arena_->bytes()) {
    throw ArgumentError("an end within the arena of " + std::to_string(arena_->bytes()) + " bytes", name_ + "." + at,
                        std::to_string(offset + bytes));
  }
}

namespace {

// The elements of `data` as bfloat16; `rounded` holds them when they came as floats.
const ops::Bf16* asBf16(WeightData data, std::size_t count, std::vector<ops::Bf16>& rounded) {
  if (data.type == ops::DType::bfloat16) return static_cast<const ops::Bf16*>(data.data);
  const float* const values = static_cast<const float*>(data.data);
  rounded.resize(count);
  for (std::size_t i = 0; i < count; i++) rounded[i] = ops::toBf16(values[i]);
  return rounded.data();
}

const float* asFloats(WeightData data, const char* at) {
  if (data.type != ops::DType::float32) throw ArgumentError("a Float32Array for float32", at, "a Uint16Array");
  return static_cast<const float*>(data.data);
}

}  // namespace

std::size_t Device::loadMatrix(std::string name, std::int32_t out, std::int32_t in, WeightData data, ops::DType dtype,
                               bool backward) {
  requireQuiet("loadMatrix");
  const auto pack = [&] {
    if (dtype == ops::DType::float32) return ops::PackedMatrix(*engine_, asFloats(data, "data"), out, in, backward);
    std::vector<ops::Bf16> rounded;
    const std::size_t count = static_cast<std::size_t>(out) * static_cast<std::size_t>(in);
    return ops::PackedMatrix(*engine_, asBf16(data, count, rounded), out, in, backward);
  };
  auto matrix = std::unique_ptr<Matrix>(new Matrix{std::move(name), pack()});
  meter_->add(MemoryKind::weights, static_cast<std::ptrdiff_t>(matrix->packed.bytes()));
  weights_.matrices.push_back(std::move(matrix));
  return weights_.matrices.size() - 1;
}

std::size_t Device::loadVector(const float* data, std::size_t count) {
  requireLive();
  auto vector = std::unique_ptr<Vector>(new Vector{count, Buffer(meter_, MemoryKind::weights, count * sizeof(float))});
  std::memcpy(vector->values.data(), data, count * sizeof(float));
  weights_.vectors.push_back(std::move(vector));
  return weights_.vectors.size() - 1;
}

std::size_t Device::loadTable(std::int32_t rows, std::int32_t columns, WeightData data, ops::DType dtype) {
  requireLive();
  const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  const std::size_t bytes = count * ops::sizeOf(dtype);
  std::vector<ops::Bf16> rounded;
  const void* const values = dtype == ops::DType::float32 ? static_cast<const void*>(asFloats(data, "data"))
                                                          : asBf16(data, count, rounded);
  auto table = std::unique_ptr<Table>(new Table{rows, columns, dtype, Buffer(meter_, MemoryKind::weights, bytes)});
  std::memcpy(table->values.data(), values, bytes);
  weights_.tables.push_back(std::move(table));
  return weights_.tables.size() - 1;
}

std::size_t Device::createAdapter(std::vector<AdapterEntry> entries) {
  requireLive();
  adapters_.push_back(std::make_shared<Adapter>(meter_, std::move(entries)));
  return adapters_.size() - 1;
}

std::shared_ptr<Adapter> Device::adapter(std::int64_t handle) const {
  requireLive();
  const auto known = static_cast<std::int64_t>(adapters_.size());
  if (handle < 0 || handle >= known || !adapters_[static_cast<std::size_t>(handle)]) {
    throw ArgumentError("an adapter of device " + name_, "adapter", std::to_string(handle));
  }
  return adapters_[static_cast<std::size_t>(handle)];
}

float* Device::quietAdapterPart(const Adapter& adapter, AdapterPart part) const {
  const int pending = adapter.pending;
  if (pending > 0) {
    throw ArgumentError("no pending task that uses the adapter", name_ + ".adapter", std::to_string(pending));
  }
  return adapter.part(part);
}

void Device::releaseAdapter(std::int64_t handle) {
  quietAdapterPart(*adapter(handle), AdapterPart::parameters);
  adapters_[static_cast<std::size_t>(handle)] = nullptr;
}

std::size_t Device::createProgram(const std::vector<RawOperator>& operators) {
  requireLive();
  auto program = std::make_unique<Program>(operators, weights_);
  // A running task may be using the engine's scratchpads, which may grow here; then the first run makes its primitives.
  if (pending_ == 0) {
    program->prepare(*engine_);
    countEngine();
  }
  programs_.push_back(std::move(program));
  return programs_.size() - 1;
}

void Device::reserveArena(std::size_t bytes) {
  requireQuiet("reserveArena");
  // Before the new one is made, so that the peak does not count both. A send of another device may still hold it.
  arena_ = nullptr;
  try {
    arena_ = std::make_shared<Buffer>(meter_, MemoryKind::arena, bytes);
  } catch (...) {
    arena_ = std::make_shared<Buffer>(meter_, MemoryKind::arena, 0);
    throw;
  }
}

std::byte* Device::quietArena(std::size_t offset, std::size_t bytes) const {
  requireQuiet("arena");
  requireRange("arena", offset, bytes);
  return arena_->data() + offset;
}

Task Device::prepare(const TaskHead& head) {
  Task task;
  task.id = head.id;
  for (const std::int64_t wait : head.waits) task.waits.push_back(runtime_->event(wait, "waits"));
  if (head.signal >= 0) task.signal = runtime_->claimSignal(head.signal);
  task.uses.emplace_back(pending_);
  return task;
}

void Device::enqueueRun(const TaskHead& head, std::int64_t program, Bindings bindings) {
  requireLive();
  if (program < 0 || program >= static_cast<std::int64_t>(programs_.size())) {
    throw ArgumentError("a program of device " + name_, "program", std::to_string(program));
  }
  const Program* const steps = programs_[static_cast<std::size_t>(program)].get();
  steps->check(bindings, arena_->bytes(), pool_->threads());
  Task task = prepare(head);
  for (const RunSegment& segment : bindings.segments) task.uses.emplace_back(segment.adapter->pending);
  for (const RunSumSquares& wanted : bindings.sumSquares) task.uses.emplace_back(wanted.adapter->pending);
  auto data = std::make_shared<const Bindings>(std::move(bindings));
  task.work = [this, steps, arena = arena_, data](Completion& done) { run(*steps, *data, *arena, done); };
  compute_->enqueue(std::move(task));
}

void Device::run(const Program& program, const Bindings& bindings, Buffer& arena, Completion& done) {
  if (program.givesLosses()) done.losses.emplace(bindings.segments.size(), 0.0);
  if (bindings.profile) done.opNs.emplace();
  Run context{*pool_, *engine_, bindings, arena.data(), scratch_, done.losses ? &*done.losses : nullptr};
  std::int64_t from = monotonicNs();
  for (const std::unique_ptr<Step>& step : program.steps()) {
    if (compute_->stopping()) throw Stopped{};
    try {
      step->run(context);
    } catch (const std::exception& error) {
      throw StepError(step->label, std::string(error.what()) + "\n  " + step->arguments + " rows=" +
                                       std::to_string(bindings.rows) + " sequences=" +
                                       std::to_string(bindings.sequences.size() - 1) + " segments=" +
                                       std::to_string(bindings.segments.size()));
    }
    if (bindings.profile) {
      const std::int64_t now = monotonicNs();
      done.opNs->push_back(static_cast<double>(now - from));
      from = now;
    }
  }
  countEngine();
  if (bindings.sumSquares.empty()) return;
  done.sumSquares.emplace();
  for (const RunSumSquares& wanted : bindings.sumSquares) {
    const float* const gradients = wanted.adapter->part(AdapterPart::gradients);
    *wanted.cell = ops::sum_squares(*pool_, gradients, wanted.adapter->count());
    done.sumSquares->push_back(*wanted.cell);
  }
}

// The engine's scratchpads grow when a new shape comes.
void Device::countEngine() {
  const std::size_t bytes = engine_->scratchBytes();
  meter_->add(MemoryKind::other, static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(engineBytes_));
  engineBytes_ = bytes;
}

void Device::enqueueUpdate(const TaskHead& head, std::vector<UpdateItem> items) {
  requireLive();
  Task task = prepare(head);
  for (const UpdateItem& item : items) task.uses.emplace_back(item.adapter->pending);
  auto data = std::make_shared<const std::vector<UpdateItem>>(std::move(items));
  task.work = [this, data](Completion&) { update(*data); };
  compute_->enqueue(std::move(task));
}

void Device::update(const std::vector<UpdateItem>& items) {
  for (const UpdateItem& item : items) {
    if (compute_->stopping()) throw Stopped{};
    double squares = 0;
    for (const double* cell : item.normCells) squares += *cell;
    Adapter& adapter = *item.adapter;
    ops::Adamw op{};
    op.parameters = adapter.part(AdapterPart::parameters);
    op.firstMoment = adapter.part(AdapterPart::firstMoment);
    op.secondMoment = adapter.part(AdapterPart::secondMoment);
    op.gradients = adapter.part(AdapterPart::gradients);
    op.count = adapter.count();
    op.step = item.step;
    op.learningRate = item.learningRate;
    op.beta1 = item.beta1;
    op.beta2 = item.beta2;
    op.eps = item.eps;
    op.weightDecay = item.weightDecay;
    op.gradientScale = ops::clipCoefficient(std::sqrt(squares), item.maxGradNorm);
    ops::adamw(*pool_, op);
  }
}

void Device::enqueueSend(const TaskHead& head, std::size_t source, std::size_t bytes, const Device& destination,
                         std::size_t destinationOffset) {
  requireLive();
  destination.requireLive();
  requireRange("send.source", source, bytes);
  destination.requireRange("send.destinationOffset", destinationOffset, bytes);
  Task task = prepare(head);
  task.work = [from = arena_, to = destination.arena_, source, bytes, destinationOffset](Completion&) {
    std::memmove(to->data() + destinationOffset, from->data() + source, bytes);
  };
  send_->enqueue(std::move(task));
}

void Device::enqueueUpload(const TaskHead& head, std::vector<float> data, std::size_t destinationOffset) {
  requireLive();
  requireRange("upload.destinationOffset", destinationOffset, data.size() * sizeof(float));
  Task task = prepare(head);
  auto from = std::make_shared<const std::vector<float>>(std::move(data));
  task.work = [to = arena_, destinationOffset, from](Completion&) {
    std::memcpy(to->data() + destinationOffset, from->data(), from->size() * sizeof(float));
  };
  compute_->enqueue(std::move(task));
}

}  // namespace loratwin
