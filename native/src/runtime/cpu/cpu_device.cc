#include "runtime/cpu/cpu_device.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "ops/adamw.h"
#include "ops/sum_squares.h"
#include "runtime/clock.h"
#include "runtime/cpu/own_cache.h"
#include "runtime/errors.h"

namespace loratwin {

namespace {

const CpuStep& stepOf(const Step& step) { return static_cast<const CpuStep&>(step); }

}  // namespace

CpuDevice::CpuDevice(std::shared_ptr<Runtime> runtime, std::string name, const std::vector<int>& cores)
    : Device(std::move(runtime), std::move(name), hostMemory(), {},
             {cpuElementwiseSteps(), cpuProductSteps(), cpuAttentionSteps(), cpuLoraSteps(), cpuExpertSteps()}) {
  if (cores.empty()) throw ArgumentError("at least one core", "createDevice.cores", "none");
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (const int core : cores) {
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(static_cast<std::size_t>(core), &allowed)) {
      throw ArgumentError("cores that this process may use", "createDevice.cores", std::to_string(core));
    }
  }
  team_ = std::make_unique<Pool>(cores);
  engine_ = std::make_unique<ops::MatmulEngine>(static_cast<int>(cores.size()));
  compute_ = std::make_unique<Stream>(runtime_, name_, "compute", std::vector<int>{cores.front()}, true);
  send_ = std::make_unique<Stream>(runtime_, name_, "send", cores, false);
  compute_->watch(team_->ownClock());
  send_->watch(sendClock_);
  compute_->start();
  send_->start();
}

void CpuDevice::sampleSpeed(ops::DType dtype, std::int64_t everyNs) {
  if (samples_) return;
  samples_ = std::make_unique<SpeedSamples>(*runtime_, dtype, everyNs);
  compute_->doBetween(*samples_);
}

std::vector<SpeedSample> CpuDevice::takeSpeedSamples() {
  return samples_ ? samples_->take() : std::vector<SpeedSample>{};
}

void CpuDevice::halt() {
  if (compute_) compute_->stop();
  if (send_) send_->stop();
}

void CpuDevice::release() {
  memory_->meter.add(MemoryKind::other, -static_cast<std::ptrdiff_t>(std::exchange(engineBytes_, 0)));
  engine_.reset();
  team_.reset();
}

std::shared_ptr<Matrix> CpuDevice::makeMatrix(const MatrixSource& source) {
  std::vector<ops::PackedMatrix> packed;
  std::vector<ops::Bf16> rounded;
  std::shared_ptr<const std::vector<float>> squares;
  const auto takeSquares = [&]<class Store>(const Store* elements) {
    if (source.forMagnitudes) {
      squares = std::make_shared<const std::vector<float>>(ops::rowSquares(packed.front(), elements));
    }
  };
  for (std::int32_t expert = 0; expert < source.experts; expert++) {
    const WeightData data = source.dataOf(expert);
    if (source.quantization) {
      ops::withStore(data.type, [&]<class Store>(Store) {
        packed.emplace_back(*engine_, static_cast<const Store*>(data.data), source.out, source.in,
                            *source.quantization);
        takeSquares(static_cast<const Store*>(data.data));
      });
      continue;
    }
    const void* const elements = elementsOf(data, data.count, source.dtype, rounded);
    ops::withStore(source.dtype, [&]<class Store>(Store) {
      packed.emplace_back(*engine_, static_cast<const Store*>(elements), source.out, source.in, source.backward);
      takeSquares(static_cast<const Store*>(elements));
    });
  }
  auto matrix = std::make_shared<CpuMatrix>(memory_, std::move(packed));
  matrix->rowSquares = std::move(squares);
  return matrix;
}

std::shared_ptr<const Matrix> CpuDevice::useMatrix(const std::shared_ptr<const Matrix>& other) {
  std::vector<ops::PackedMatrix> packed;
  for (const ops::PackedMatrix& each : expertsOf(*other)) packed.emplace_back(*engine_, each);
  auto matrix = std::make_shared<CpuMatrix>(std::move(packed));
  matrix->rowSquares = static_cast<const CpuMatrix&>(*other).rowSquares;
  matrix->name = other->name;
  matrix->out = other->out;
  matrix->in = other->in;
  matrix->experts = other->experts;
  matrix->dtype = other->dtype;
  matrix->backward = other->backward;
  return matrix;
}

void CpuDevice::programMade(const Program& program) {
  // A running task may be using the engine's scratchpads, which may grow here; then the first run makes its primitives.
  if (pending_ > 0) return;
  for (const std::unique_ptr<Step>& step : program.steps()) stepOf(*step).prepare(*engine_);
  countEngine();
}

template <class Read, class Work>
Task::Work CpuDevice::counted(std::int64_t& lostBefore, Read read, Work work) {
  return [&lostBefore, read = std::move(read), work = std::move(work)](Completion& done) {
    std::int64_t from = 0;
    std::int64_t to = 0;
    const Interruption before = read(from);
    work(done);
    const Interruption after = read(to);
    const std::int64_t lost = after.lostNs - before.lostNs;
    // What one thread lost while another did not wait for it counts too: together at most all of the time.
    done.interruption = {std::clamp(lost, std::int64_t{0}, to - from), after.switches - before.switches};
    if (lostBefore != kNeverRan) done.delayedNs = std::max(before.lostNs - lostBefore, std::int64_t{0});
    lostBefore = after.lostNs;
  };
}

template <class Work>
Task::Work CpuDevice::countedCompute(Work work) {
  const auto read = [this](std::int64_t& atNs) {
    Interruption lost = team_->interruption(atNs);
    // Samples of the speed delay the next task as well.
    if (samples_) lost.lostNs += samples_->spentNs();
    return lost;
  };
  return counted(lostCompute_, read, std::move(work));
}

void CpuDevice::queueRun(Task task, const Program& program, Bindings bindings) {
  auto data = std::make_shared<const Bindings>(std::move(bindings));
  task.work =
      countedCompute([this, &program, arena = arena_, data](Completion& done) { run(program, *data, *arena, done); });
  compute_->enqueue(std::move(task));
}

void CpuDevice::run(const Program& program, const Bindings& bindings, Buffer& arena, Completion& done) {
  if (program.givesLosses()) done.losses.emplace(bindings.losses.size(), 0.0);
  for (const RunSegment& segment : bindings.segments) {
    if (segment.adapter->staleNorms.exchange(false)) takeNorms(*segment.adapter);
  }
  const auto& steps = program.steps();
  if (bindings.profile) done.opNs.emplace(steps.size(), 0.0);
  const RowWindow all{0, bindings.rows};
  CpuRun context{*team_, *engine_, bindings, arena.data(), scratch_, done.losses ? &*done.losses : nullptr, all};
  rowWindows(bindings, rowsOfWindow(program.widestRow(), threads(), ownCacheBytes()), scratch_.windows);
  const auto ownNs = [&] {
    std::int64_t now = 0;
    const Interruption lost = team_->interruption(now);
    return now - lost.lostNs;
  };
  std::int64_t from = bindings.profile ? ownNs() : 0;
  const auto runStep = [&](std::size_t index) {
    if (compute_->stopping()) throw Stopped{};
    try {
      stepOf(*steps[index]).run(context);
    } catch (const std::exception& error) {
      throwStepError(*steps[index], bindings, error);
    }
    if (bindings.profile) {
      const std::int64_t now = ownNs();
      (*done.opNs)[index] += static_cast<double>(std::max(now - from, std::int64_t{1}));
      from = now;
    }
  };
  for (std::size_t begin = 0; begin < steps.size();) {
    std::size_t end = begin;
    while (end < steps.size() && stepOf(*steps[end]).goesByRows()) ++end;
    for (const RowWindow& window : scratch_.windows) {
      context.window = window;
      for (std::size_t index = begin; index < end; ++index) runStep(index);
    }
    context.window = all;
    if (end < steps.size()) runStep(end++);
    begin = end;
  }
  countEngine();
  if (bindings.sumSquares.empty()) return;
  done.sumSquares.emplace();
  for (const RunSumSquares& wanted : bindings.sumSquares) {
    const float* const gradients = wanted.adapter->part(AdapterPart::gradients);
    *wanted.cell = ops::sum_squares(*team_, gradients, wanted.adapter->count());
    done.sumSquares->push_back(*wanted.cell);
  }
}

// The engine's scratchpads grow when a new shape comes.
void CpuDevice::countEngine() {
  const std::size_t bytes = engine_->scratchBytes();
  memory_->meter.add(MemoryKind::other, static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(engineBytes_));
  engineBytes_ = bytes;
}

void CpuDevice::queueUpdate(Task task, std::vector<UpdateItem> items) {
  auto data = std::make_shared<const std::vector<UpdateItem>>(std::move(items));
  task.work = countedCompute([this, data](Completion& done) { update(*data, done); });
  compute_->enqueue(std::move(task));
}

void CpuDevice::update(const std::vector<UpdateItem>& items, Completion& done) {
  for (const UpdateItem& item : items) {
    if (compute_->stopping()) throw Stopped{};
    Adapter& adapter = *item.adapter;
    // Where nothing is clipped, nobody has waited for the norms of other stages.
    const bool isClipped = item.maxGradNorm != 0;
    const double sumSquares = isClipped ? item.sumSquares() : 0;
    // The adapter stays what it was before the gradient that is none; its gradients stay too, so that no later step of
    // it is any better.
    const bool isFinite = std::isfinite(sumSquares);
    ops::Adamw op{};
    op.step = item.step;
    op.beta1 = item.beta1;
    op.beta2 = item.beta2;
    op.eps = item.eps;
    op.weightDecay = item.weightDecay;
    op.gradientScale = isClipped ? ops::clipCoefficient(std::sqrt(sumSquares), item.maxGradNorm) : 1;
    if (isFinite) {
      for (const auto& [offset, count, learningRate] : updateParts(item)) {
        op.parameters = adapter.part(AdapterPart::parameters) + offset;
        op.firstMoment = adapter.part(AdapterPart::firstMoment) + offset;
        op.secondMoment = adapter.part(AdapterPart::secondMoment) + offset;
        op.gradients = adapter.part(AdapterPart::gradients) + offset;
        op.count = count;
        op.learningRate = learningRate;
        ops::adamw(*team_, op);
      }
      if (adapter.hasMagnitudes()) takeNorms(adapter);
    }
    for (std::size_t part = 0; part < item.toldParts; part++) {
      if (!done.parameters) done.parameters.emplace();
      const std::size_t before = done.parameters->size();
      done.parameters->resize(before + adapter.elements());
      adapter.unpad(adapter.part(kToldParts[part]), done.parameters->data() + before);
    }
  }
}

void CpuDevice::takeNorms(const Adapter& adapter) {
  float* const parameters = adapter.part(AdapterPart::parameters);
  for (const AdapterEntry& entry : adapter.entries()) {
    if (!entry.weight) continue;
    float* const norms = adapter.norms(entry);
    ops::adapter_norms(
        *team_, *engine_,
        {&packedOf(*entry.weight), rowSquaresOf(*entry.weight)->data(), entry.column, entry.outFeatures,
         parameters + entry.offset, parameters + entry.offset + entry.sizeA(), entry.rank, entry.scale, norms},
        scratch_.norms);
    float* const magnitudes = parameters + entry.offsetM();
    for (std::int32_t n = 0; n < entry.outFeatures; n++) {
      if (std::isnan(magnitudes[n])) magnitudes[n] = norms[n];
    }
  }
}

void CpuDevice::queueTransfer(Task task, Transfer transfer) {
  const auto read = [this](std::int64_t& atNs) { return sendClock_.read(atNs); };
  task.work = counted(lostSend_, read, [moved = std::move(transfer)](Completion&) {
    moved.to->write(moved.destination, moved.from->data() + moved.source, moved.bytes);
  });
  send_->enqueue(std::move(task));
}

void CpuDevice::queueUpload(Task task, std::vector<float> data, std::size_t destination) {
  auto from = std::make_shared<const std::vector<float>>(std::move(data));
  task.work = [to = arena_, destination, from](Completion&) {
    to->write(destination, from->data(), from->size() * sizeof(float));
  };
  compute_->enqueue(std::move(task));
}

}  // namespace loratwin
