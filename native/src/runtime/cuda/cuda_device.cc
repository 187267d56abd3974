#include "runtime/cuda/cuda_device.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "cuda/adamw.h"
#include "cuda/adapter_norms.h"
#include "cuda/copy.h"
#include "cuda/dequantize.h"
#include "cuda/driver.h"
#include "cuda/flat_tables.h"
#include "cuda/sum_squares.h"
#include "runtime/clock.h"
#include "runtime/errors.h"
#include "transport/nccl_channel.h"

namespace loratwin {

namespace {

// Rows of A and B are 16-byte aligned in bfloat16; beside the floats is the rounded copy that products read.
constexpr AdapterFormat kFormat{8, sizeof(ops::Bf16), true};
// Tasks that the host may be ahead of the GPU.
constexpr int kAhead = 4;

std::string capability(const cuda::DeviceFacts& facts) {
  return std::to_string(facts.computeMajor) + "." + std::to_string(facts.computeMinor);
}

std::int64_t timeOnGpu(void* stream, const std::function<void()>& body) {
  void* const start = cuda::createEvent();
  void* const end = cuda::createEvent();
  cuda::record(start, stream);
  body();
  cuda::record(end, stream);
  cuda::synchronizeEvent(end);
  const std::int64_t ns = cuda::elapsedNs(start, end);
  cuda::destroyEvent(start);
  cuda::destroyEvent(end);
  return ns;
}

// What the arguments and grids of a run's launches follow from, beside what stays as it is as long as the device: token
// ids, targets, row keys, seeds, scales, adapters' addresses and where rows are in a cache lie in tables, whose sizes
// are part of it. `dependencies`: of the run's steps.
Signature signatureOf(const Program& program, const Bindings& bindings, const std::byte* arena, const TableSlot& slot,
                      const void* dequantized, const std::vector<std::uint64_t>& dependencies) {
  Signature signature;
  const auto address = [&](const void* pointer) { signature.push_back(reinterpret_cast<std::uintptr_t>(pointer)); };
  const auto list = [&](const auto& values) {
    signature.push_back(values.size());
    for (const auto value : values) signature.push_back(static_cast<std::uint64_t>(value));
  };
  address(&program);
  address(arena);
  address(slot.region());
  address(dequantized);
  signature.insert(signature.end(), std::begin(bindings.bases), std::end(bindings.bases));
  signature.push_back(static_cast<std::uint64_t>(bindings.stashRows));
  list(bindings.sequences);
  signature.push_back(bindings.segments.size());
  for (const RunSegment& segment : bindings.segments) {
    signature.push_back(segment.adapter->serial());
    signature.push_back(static_cast<std::uint64_t>(segment.rowStart));
    signature.push_back(static_cast<std::uint64_t>(segment.rowEnd));
  }
  signature.push_back(bindings.sumSquares.size());
  for (const RunSumSquares& wanted : bindings.sumSquares) signature.push_back(wanted.adapter->serial());
  signature.push_back(bindings.rowKeys.size());
  list(slot.sizes());
  list(dependencies);
  return signature;
}

}  // namespace

CudaInfo cudaInfo() {
  CudaInfo info{true, "", {}};
  const int count = cuda::deviceCount();
  if (count == 0) info.reason = cuda::whyNoDevices();
  for (int i = 0; i < count; i++) {
    const cuda::DeviceFacts facts = cuda::deviceFacts(i);
    info.devices.push_back({facts.name, facts.memoryBytes, capability(facts)});
  }
  return info;
}

NcclInfo ncclInfo() {
  NcclInfo info;
  try {
    info.name = cuda::nccl::libraryName();
    const int count = cuda::deviceCount();
    for (int i = 0; i < count; i++) info.gpus.push_back(cuda::deviceUuid(i));
  } catch (const std::runtime_error& error) {
    info.reason = error.what();
  }
  return info;
}

std::string productLibrary() {
  try {
    return cuda::libraryName();
  } catch (const std::runtime_error&) {
    return "";
  }
}

namespace {

// body() on a GPU that is there. Throws ArgumentError, with CUDA's text when it cannot be used.
template <class Body>
auto onGpu(int index, const std::string& name, Body&& body) {
  const int count = cuda::deviceCount();
  if (index < 0 || index >= count) {
    const std::string got = count == 0 ? "none: " + cuda::whyNoDevices() : std::to_string(count) + " GPUs";
    throw ArgumentError("a GPU of index " + std::to_string(index), name, got);
  }
  try {
    return body();
  } catch (const std::runtime_error& error) {
    throw ArgumentError("a GPU that can be used", name, error.what());
  }
}

}  // namespace

std::size_t cudaFreeBytes(int index) {
  return onGpu(index, "cuda:" + std::to_string(index), [&] {
    cuda::useDevice(index);
    return cuda::freeBytes();
  });
}

std::shared_ptr<Device> makeCudaDevice(std::shared_ptr<Runtime> runtime, std::string name, CudaOptions options) {
  return onGpu(options.index, name, [&]() -> std::shared_ptr<Device> {
    return std::make_shared<CudaDevice>(std::move(runtime), name, std::move(options));
  });
}

CudaDevice::CudaDevice(std::shared_ptr<Runtime> runtime, std::string name, CudaOptions options)
    : Device(std::move(runtime), name, std::make_shared<CudaMemory>(options.index, name), kFormat,
             {cudaElementwiseSteps(), cudaProductSteps(), cudaAttentionSteps(), cudaLoraSteps(), cudaExpertSteps()}),
      index_(options.index) {
  cuda::useDevice(index_);
  cuda::reachPeers(index_);
  workspace_ = std::make_unique<Buffer>(memory_, MemoryKind::other, cuda::kBlasWorkspaceBytes);
  // Another library, or another version, has other words for its ways.
  if (options.products.name != cuda::libraryName()) options.products.choices.clear();
  blas_ = cuda::makeBlas({workspace_->data(), std::move(options.products.choices),
                          options.measureProducts ? cuda::Stopwatch(timeOnGpu) : nullptr});
  slots_ = std::make_unique<TableSlots>(memory_, kAhead);
  rotations_ = std::make_unique<RotationTables>(memory_);
  graphs_ = std::make_unique<Graphs>(options.graphs, options.graphRoomBytes);
  compute_ = std::make_unique<CudaStream>(runtime_, name_, "compute", index_);
  send_ = std::make_unique<CudaStream>(runtime_, name_, "send", index_);
  compute_->start();
  send_->start();
}

void CudaDevice::halt() {
  // At once: the end of one may wait for all that the GPU does, and that for the peer of another.
  std::vector<std::thread> aborting;
  for (const auto& [channel, own] : ncclStreams_) aborting.emplace_back([&own] { own.channel->abort(); });
  for (std::thread& each : aborting) each.join();
  ncclStreams_.clear();
  if (compute_) compute_->halt();
  if (send_) send_->halt();
}

void CudaDevice::release() {
  graphs_.reset();
  rotations_.reset();
  slots_.reset();
  blas_.reset();
  dequantized_.reset();
  workspace_.reset();
}

std::shared_ptr<Matrix> CudaDevice::makeMatrix(const MatrixSource& source) {
  if (source.quantization) return quantize(source);
  std::vector<ops::Bf16> rounded;
  const std::size_t bytes = source.elements() * ops::sizeOf(source.dtype);
  const auto experts = static_cast<std::size_t>(source.experts);
  auto matrix = std::make_shared<CudaMatrix>(memory_, experts * bytes);
  for (std::size_t expert = 0; expert < experts; expert++) {
    const WeightData data = source.dataOf(static_cast<std::int32_t>(expert));
    matrix->values.write(expert * bytes, elementsOf(data, data.count, source.dtype, rounded), bytes);
  }
  return matrix;
}

std::shared_ptr<Matrix> CudaDevice::quantize(const MatrixSource& source) {
  const ops::QuantizedLayout layout{*source.quantization, source.out, source.in};
  const auto experts = static_cast<std::size_t>(source.experts);
  auto matrix = std::make_shared<CudaMatrix>(memory_, experts * layout.bytes());
  for (std::size_t expert = 0; expert < experts; expert++) {
    const WeightData data = source.dataOf(static_cast<std::int32_t>(expert));
    ops::withStore(data.type, [&]<class Store>(Store) {
      const ops::QuantizedMatrix host(static_cast<const Store*>(data.data), layout);
      matrix->values.write(expert * layout.bytes(), host.view().codes, host.bytes());
    });
  }
  matrix->quantized = ops::quantizedView(layout, matrix->values.data());
  if (source.experts == 1) reserveDequantized(source.out, source.in);
  return matrix;
}

void CudaDevice::reserveDequantized(std::int32_t out, std::int32_t in) {
  const std::size_t room = std::max(cuda::dequantizedBytes(in, out), cuda::dequantizedBytes(out, in));
  if (dequantized_ != nullptr && dequantized_->bytes() >= room) return;
  dequantized_ = nullptr;  // before the new one, so that the peak does not hold both
  dequantized_ = std::make_unique<Buffer>(memory_, MemoryKind::other, room);
}

std::shared_ptr<const Matrix> CudaDevice::useMatrix(const std::shared_ptr<const Matrix>& other) {
  if (other->experts == 1 && static_cast<const CudaMatrix&>(*other).quantized)
    reserveDequantized(other->out, other->in);
  return other;
}

void CudaDevice::parametersWritten(const Adapter& adapter) {
  cuda::useDevice(index_);
  // Not the compute stream, which may be noting a graph.
  cuda::copy(adapter.part(AdapterPart::parameters), reinterpret_cast<ops::Bf16*>(adapter.rounded()),
             static_cast<std::int64_t>(adapter.count()), send_->handle());
  cuda::synchronize(send_->handle());
}

// A run from its launch to its report.
struct CudaDevice::RunTask {
  const Program& program;
  const Bindings bindings;
  const std::shared_ptr<Buffer> arena;
  std::shared_ptr<TableSlot> slot;
  std::vector<std::uint64_t> dependencies;  // of its steps' launches
  std::vector<void*> marks;                 // with `profile`: events before, between and after the steps
  std::shared_ptr<KnownRun> known;          // when its launches are given one by one and graphs are on

  void complete(Completion& done) {
    const double* results = slot->downloaded();
    if (program.givesLosses()) {
      done.losses.emplace(results, results + bindings.losses.size());
      results += bindings.losses.size();
    }
    if (!bindings.sumSquares.empty()) {
      done.sumSquares.emplace(results, results + bindings.sumSquares.size());
      for (const RunSumSquares& wanted : bindings.sumSquares) *wanted.cell = *results++;
    }
    if (bindings.profile) done.opNs.emplace();
    for (std::size_t i = 1; i < marks.size(); i++) {
      done.opNs->push_back(static_cast<double>(cuda::elapsedNs(marks[i - 1], marks[i])));
    }
    for (void* const mark : marks) cuda::destroyEvent(mark);
    if (known) known->gpuNs = done.endNs - done.startNs;
    known.reset();
    slot.reset();
  }
};

void CudaDevice::queueRun(Task task, const Program& program, Bindings bindings) {
  auto run = std::make_shared<RunTask>(RunTask{program, std::move(bindings), arena_, nullptr, {}, {}, nullptr});
  task.work = [this, run](Completion&) { launch(*run); };
  task.complete = [run](Completion& done) { run->complete(done); };
  compute_->enqueue(std::move(task));
}

std::vector<Launch> CudaDevice::prepare(RunTask& run) {
  run.slot = slots_->take();
  for (;;) {
    try {
      std::vector<Launch> launches;
      CudaRun context(run.bindings, run.arena->data(), *run.slot, *rotations_, *blas_);
      if (dequantized_) context.dequantized = reinterpret_cast<ops::Bf16*>(dequantized_->data());
      if (run.program.givesLosses()) context.losses = run.slot->results(run.bindings.losses.size());
      for (const std::unique_ptr<Step>& step : run.program.steps()) {
        launches.push_back(static_cast<const CudaStep&>(*step).prepare(context));
      }
      launchSums(run.bindings, *run.slot, launches);
      run.dependencies = std::move(context.dependencies);
      return launches;
    } catch (const TableSlot::Full&) {
      slots_->grow(*run.slot);
    }
  }
}

void CudaDevice::launch(RunTask& run) {
  for (const RunSegment& segment : run.bindings.segments) {
    if (segment.adapter->staleNorms.exchange(false)) takeNorms(*segment.adapter);
  }
  const std::vector<Launch> launches = prepare(run);
  const auto& steps = run.program.steps();
  void* const stream = compute_->handle();
  const auto mark = [&] {
    if (!run.bindings.profile) return;
    run.marks.push_back(cuda::createEvent());
    cuda::record(run.marks.back(), stream);
  };
  const auto give = [&] {
    mark();
    for (std::size_t i = 0; i < launches.size(); i++) {
      if (compute_->stopping()) throw Stopped{};
      if (i >= steps.size()) {
        launches[i](stream);
        continue;
      }
      try {
        launches[i](stream);
      } catch (const std::exception& error) {
        throwStepError(*steps[i], run.bindings, error);
      }
      mark();
    }
  };
  run.slot->upload(stream);
  std::shared_ptr<KnownRun> known;
  if (!run.bindings.profile) {
    const void* const room = dequantized_ ? dequantized_->data() : nullptr;
    known = graphs_->find(signatureOf(run.program, run.bindings, run.arena->data(), *run.slot, room, run.dependencies));
  }
  if (known == nullptr || !launchGraph(*known, give)) {
    const std::int64_t from = monotonicNs();
    give();
    if (known) known->hostNs = monotonicNs() - from;
    run.known = std::move(known);
  }
  run.slot->download(stream);
}

bool CudaDevice::launchGraph(KnownRun& known, const std::function<void()>& give) {
  try {
    if (graphs_->wanted(known)) graphs_->capture(known, compute_->handle(), give);
    if (known.graph == nullptr) return false;
    graphs_->launch(known, compute_->handle());
    return true;
  } catch (const std::exception&) {
    // Given one by one, the launches are done, or the one that cannot be says why.
    graphs_->refuse(known);
    return false;
  }
}

void CudaDevice::launchSums(const Bindings& bindings, TableSlot& slot, std::vector<Launch>& launches) const {
  if (bindings.sumSquares.empty()) return;
  std::vector<cuda::FlatVector> vectors;
  std::vector<std::int64_t> counts;
  for (const RunSumSquares& wanted : bindings.sumSquares) {
    counts.push_back(static_cast<std::int64_t>(wanted.adapter->count()));
    vectors.push_back({wanted.adapter->part(AdapterPart::gradients), counts.back(), wanted.adapter->sumSquares()});
  }
  const std::vector<std::int32_t> first = cuda::firstChunks(counts);
  const cuda::SumSquares op{slot.table(vectors),
                            slot.table(first),
                            static_cast<std::int32_t>(vectors.size()),
                            first.back(),
                            slot.room<double>(static_cast<std::size_t>(first.back())),
                            slot.results(vectors.size())};
  launches.push_back([op](void* stream) { cuda::sum_squares(op, stream); });
}

void CudaDevice::queueUpdate(Task task, std::vector<UpdateItem> items) {
  // The norms of other stages come to this one by way of the host; its own is there when the stream comes to the task.
  for (const UpdateItem& item : items) task.hostWaits = task.hostWaits || (item.maxGradNorm > 0 && !item.ownNorm);
  auto data = std::make_shared<const std::vector<UpdateItem>>(std::move(items));
  auto slot = std::make_shared<std::shared_ptr<TableSlot>>();
  auto told = std::make_shared<std::vector<std::vector<float>>>();
  task.work = [this, data, slot, told](Completion&) {
    *slot = slots_->take();
    launchUpdate(*data, *slot);
    for (const UpdateItem& item : *data) {
      if (item.adapter->hasMagnitudes()) takeNorms(*item.adapter);
    }
    copyTold(*data, *told);
  };
  task.complete = [data, slot, told](Completion& done) {
    slot->reset();
    takeTold(*data, *told, done);
  };
  compute_->enqueue(std::move(task));
}

void CudaDevice::takeNorms(const Adapter& adapter) {
  void* const stream = compute_->handle();
  float* const parameters = adapter.part(AdapterPart::parameters);
  for (const AdapterEntry& entry : adapter.entries()) {
    if (!entry.weight) continue;
    const CudaMatrix& matrix = cudaMatrix(*entry.weight);
    // Rows first .. first + count of the target's, which lie at `weight`.
    const auto take = [&]<class Store>(const Store* weight, std::int32_t first, std::int32_t count) {
      cuda::AdapterNormsT<Store> op{};
      op.weight = weight;
      op.outFeatures = count;
      op.inFeatures = entry.inFeatures;
      op.a = parameters + entry.offset;
      op.lda = entry.lda;
      op.b = op.a + entry.sizeA() + std::int64_t{first} * entry.ldb;
      op.ldb = entry.ldb;
      op.rank = entry.rank;
      op.scale = entry.scale;
      op.norm = adapter.norms(entry) + first;
      op.magnitude = parameters + entry.offsetM() + first;
      cuda::adapter_norms(op, stream);
    };
    if (!matrix.quantized) {
      ops::withStore(entry.weight->dtype, [&]<class Store>(Store) {
        const Store* const rows = reinterpret_cast<const Store*>(matrix.values.data());
        take(rows + std::int64_t{entry.column} * entry.inFeatures, 0, entry.outFeatures);
      });
      continue;
    }
    auto* const room = reinterpret_cast<ops::Bf16*>(dequantized_->data());
    const auto width = static_cast<std::int32_t>(cuda::dequantizedColumns(entry.inFeatures, entry.weight->out));
    for (std::int32_t first = 0; first < entry.outFeatures; first += width) {
      const std::int32_t count = std::min(width, entry.outFeatures - first);
      cuda::dequantize({*matrix.quantized, entry.column + first, count, 0, entry.inFeatures, room, entry.inFeatures},
                       stream);
      take(static_cast<const ops::Bf16*>(room), first, count);
    }
  }
}

// Behind the update and before what comes next on the stream.
void CudaDevice::copyTold(const std::vector<UpdateItem>& items, std::vector<std::vector<float>>& told) const {
  for (const UpdateItem& item : items) {
    for (std::size_t part = 0; part < item.toldParts; part++) {
      std::vector<float>& padded = told.emplace_back(item.adapter->count());
      cuda::copyAsync(padded.data(), item.adapter->part(kToldParts[part]), padded.size() * sizeof(float),
                      compute_->handle());
    }
  }
}

void CudaDevice::takeTold(const std::vector<UpdateItem>& items, const std::vector<std::vector<float>>& told,
                          Completion& done) {
  if (told.empty()) return;
  done.parameters.emplace();
  auto next = told.begin();
  for (const UpdateItem& item : items) {
    for (std::size_t part = 0; part < item.toldParts; part++) {
      const std::size_t before = done.parameters->size();
      done.parameters->resize(before + item.adapter->elements());
      item.adapter->unpad((next++)->data(), done.parameters->data() + before);
    }
  }
}

void CudaDevice::launchUpdate(const std::vector<UpdateItem>& items, const std::shared_ptr<TableSlot>& slot) {
  std::vector<double> squares;       // of the items whose norm comes from the host
  std::vector<std::int64_t> counts;  // of the parts of all items
  for (const UpdateItem& item : items) {
    if (item.maxGradNorm > 0 && !item.ownNorm) squares.push_back(item.sumSquares());
    for (const UpdatePart& part : updateParts(item)) counts.push_back(static_cast<std::int64_t>(part.count));
  }
  const std::vector<std::int32_t> first = cuda::firstChunks(counts);
  for (;;) {
    try {
      const double* fromHost = squares.empty() ? nullptr : slot->table(squares);
      std::vector<cuda::AdamwVector> vectors;
      for (const UpdateItem& item : items) {
        const Adapter& adapter = *item.adapter;
        const double* sum = nullptr;
        if (item.maxGradNorm > 0) sum = item.ownNorm ? adapter.sumSquares() : fromHost++;
        for (const auto& [offset, count, learningRate] : updateParts(item)) {
          vectors.push_back(
              {adapter.part(AdapterPart::parameters) + offset, adapter.part(AdapterPart::firstMoment) + offset,
               adapter.part(AdapterPart::secondMoment) + offset, adapter.part(AdapterPart::gradients) + offset,
               reinterpret_cast<ops::Bf16*>(adapter.rounded()) + offset, static_cast<std::int64_t>(count),
               cuda::adamwCoefficients(item.step, learningRate, item.beta1, item.beta2, item.eps, item.weightDecay),
               sum, item.maxGradNorm});
        }
      }
      const cuda::Adamw op{slot->table(vectors), slot->table(first), static_cast<std::int32_t>(vectors.size()),
                           first.back()};
      slot->upload(compute_->handle());
      cuda::adamw(op, compute_->handle());
      return;
    } catch (const TableSlot::Full&) {
      slots_->grow(*slot);
    }
  }
}

void CudaDevice::queueTransfer(Task task, Transfer transfer) {
  task.work = [moved = std::move(transfer), stream = send_->handle()](Completion&) {
    cuda::copyAsync(moved.to->data() + moved.destination, moved.from->data() + moved.source, moved.bytes, stream);
  };
  send_->enqueue(std::move(task));
}

void CudaDevice::queueNccl(Task task, NcclMessage message) {
  NcclStream& own = ncclStreams_[message.channel.get()];
  if (!own.stream) {
    own.channel = message.channel;
    own.stream = std::make_unique<CudaStream>(runtime_, name_, message.sends ? "send" : "receive", index_);
    own.stream->start();
  }
  // Only then are both sides ready.
  task.hostWaits = true;
  task.work = [message, stream = own.stream->handle()](Completion&) {
    std::byte* const at = message.arena->data() + message.offset;
    if (message.sends)
      message.channel->send(at, message.bytes, stream);
    else
      message.channel->receive(at, message.bytes, stream);
  };
  task.complete = [channel = own.channel](Completion&) { channel->requireWhole(); };
  own.stream->enqueue(std::move(task));
}

void CudaDevice::queueUpload(Task task, std::vector<float> data, std::size_t destination) {
  auto from = std::make_shared<const std::vector<float>>(std::move(data));
  task.work = [to = arena_, destination, from, stream = compute_->handle()](Completion&) {
    cuda::copyAsync(to->data() + destination, from->data(), from->size() * sizeof(float), stream);
  };
  // The copy may still read the vector until the GPU has done it.
  task.complete = [from](Completion&) {};
  compute_->enqueue(std::move(task));
}

}  // namespace loratwin
