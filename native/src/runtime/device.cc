#include "device.h"

#include <algorithm>
#include <cmath>
#include <chrono>
#include <new>
#include <thread>
#include <type_traits>
#include <utility>

#include "errors.h"

namespace loratwin {

namespace {

// Elements of rows x columns; both are at least 1, and their weights are in memory.
std::size_t requireElements(const char* at, std::int64_t rows, std::int32_t columns, std::size_t given) {
  if (rows < 1 || columns < 1) {
    throw ArgumentError("at least 1 row and 1 column", at, std::to_string(rows) + " x " + std::to_string(columns));
  }
  const std::size_t count = (ops::Size(static_cast<std::size_t>(rows)) * static_cast<std::size_t>(columns)).value();
  if (given != count) throw ArgumentError(std::to_string(count) + " elements", at, std::to_string(given));
  return count;
}

}  // namespace

double UpdateItem::sumSquares() const {
  double sum = 0;
  for (const double* cell : normCells) sum += *cell;
  return sum;
}

std::vector<UpdatePart> updateParts(const UpdateItem& item) {
  const Adapter& adapter = *item.adapter;
  if (item.learningRateB == item.learningRate) return {{0, adapter.count(), item.learningRate}};
  std::vector<UpdatePart> parts;
  for (const AdapterEntry& entry : adapter.entries()) {
    parts.push_back({entry.offset, entry.sizeA(), item.learningRate});
    // As PEFT groups them: what is one-dimensional has the rate of B.
    parts.push_back({entry.offset + entry.sizeA(), entry.sizeB() + entry.sizeM(), item.learningRateB});
  }
  return parts;
}

const void* elementsOf(WeightData source, std::size_t count, ops::DType dtype, std::vector<ops::Bf16>& rounded) {
  if (source.type == dtype) return source.data;
  if (dtype == ops::DType::float32) throw ArgumentError("a Float32Array for float32", "data", "a Uint16Array");
  const float* const values = static_cast<const float*>(source.data);
  rounded.resize(count);
  for (std::size_t i = 0; i < count; i++) rounded[i] = ops::toBf16(values[i]);
  return rounded.data();
}

void throwStepError(const Step& step, const Bindings& bindings, const std::exception& error) {
  throw StepError(step.label, std::string(error.what()) + "\n  " + step.arguments +
                                  " rows=" + std::to_string(bindings.rows) +
                                  " sequences=" + std::to_string(bindings.sequences.size() - 1) +
                                  " segments=" + std::to_string(bindings.segments.size()));
}

Device::Device(std::shared_ptr<Runtime> runtime, std::string name, std::shared_ptr<MemoryPool> pool,
               AdapterFormat format, StepTables steps)
    : runtime_(std::move(runtime)),
      name_(std::move(name)),
      memory_(std::move(pool)),
      arena_(std::make_shared<Buffer>(memory_, MemoryKind::arena, 0)),
      format_(format),
      steps_(std::move(steps)) {}

void Device::stop() {
  if (std::exchange(stopped_, true)) return;
  runsAside_.wait(true);
  for (const auto& [channel, own] : channelStreams_) own.channel->abort();
  channelStreams_.clear();
  halt();
  programs_.clear();
  adapters_.clear();
  weights_ = Weights{};
  packedMatrix_.reset();
  arena_.reset();
  release();
}

void Device::requireLive() const {
  if (stopped_) throw ArgumentError("a device that is not disposed", "device " + name_, "a disposed one");
  if (isAside_) throw ArgumentError("a device that is set up", "device " + name_, "one that packs or reserves memory");
}

void Device::requireQuiet(const char* what) const {
  requireLive();
  const int pending = pending_;
  if (pending > 0) throw ArgumentError("no pending tasks", name_ + "." + what, std::to_string(pending));
}

void Device::requireQuiet(const Adapter& adapter) const {
  const int pending = adapter.pending;
  if (pending > 0) {
    throw ArgumentError("no pending task that uses the adapter", name_ + ".adapter", std::to_string(pending));
  }
}

void Device::requireRange(const char* at, std::size_t offset, std::size_t bytes) const {
  const ops::Size end = ops::Size(offset) + bytes;
  if (end.value() > arena_->bytes()) {
    throw ArgumentError("an end within the arena of " + std::to_string(arena_->bytes()) + " bytes", name_ + "." + at,
                        end.isTooLarge() ? "one beyond all memory" : std::to_string(end.value()));
  }
}

namespace {

template <class Item>
constexpr const char* kindOf() {
  if constexpr (std::is_same_v<Item, Matrix>) return "matrix";
  return std::is_same_v<Item, Vector> ? "vector" : "table";
}

// A block with such a weight would have no scale.
void requireFinite(const MatrixSource& source) {
  const auto find = [&]<class Store>(Store) {
    for (std::int32_t e = 0; e < source.experts; e++) {
      const auto* const weights = static_cast<const Store*>(source.dataOf(e).data);
      const std::int64_t row = ops::rowNotFinite(weights, source.out, source.in);
      if (row >= 0) return row + std::int64_t{e} * source.out;
    }
    return std::int64_t{-1};
  };
  const std::int64_t row = source.data.type == ops::DType::float32 ? find(float{}) : find(ops::Bf16{});
  if (row >= 0) {
    throw ArgumentError("finite weights", "matrix " + source.name, "one that is not in row " + std::to_string(row));
  }
}

}  // namespace

template <class Item>
std::size_t Device::keep(std::vector<std::shared_ptr<const Item>>& items, std::shared_ptr<const Item> item,
                         const std::string& key) {
  if (!key.empty()) {
    const std::string shared = place(kindOf<Item>(), key);
    if (runtime_->sharedWeights.find<Item>(shared)) {
      throw ArgumentError("a key that nothing is shared under", name_ + ".sharedAs", key);
    }
    runtime_->sharedWeights.add<Item>(shared, item);
  }
  items.push_back(std::move(item));
  return items.size() - 1;
}

std::size_t Device::loadMatrix(const MatrixSource& source) {
  requireQuiet("loadMatrix");
  return keep<Matrix>(weights_.matrices, packed(source), source.sharedAs);
}

void Device::startAside(const char* what) {
  requireQuiet(what);
  isAside_ = true;
  runsAside_ = true;
}

void Device::runAside(const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    asideError_ = std::current_exception();
  }
  runsAside_ = false;
  runsAside_.notify_all();
}

void Device::endAside() {
  isAside_ = false;
  if (const std::exception_ptr error = std::exchange(asideError_, nullptr)) std::rethrow_exception(error);
  requireLive();
}

std::size_t Device::keepPacked(const std::string& sharedAs) {
  return keep<Matrix>(weights_.matrices, std::exchange(packedMatrix_, nullptr), sharedAs);
}

std::shared_ptr<Matrix> Device::packed(const MatrixSource& source) {
  requireElements(("matrix " + source.name + ".data").c_str(), std::int64_t{source.experts} * source.out, source.in,
                  source.data.count);
  if (source.quantization) requireFinite(source);
  std::shared_ptr<Matrix> matrix = makeMatrix(source);
  matrix->name = source.name;
  matrix->out = source.out;
  matrix->in = source.in;
  matrix->experts = source.experts;
  matrix->dtype = source.dtype;
  matrix->backward = source.backward;
  return matrix;
}

std::size_t Device::loadVector(const float* data, std::size_t count, const std::string& sharedAs) {
  requireLive();
  if (count == 0) throw ArgumentError("at least 1 element", name_ + ".loadVector", "none");
  auto vector = std::shared_ptr<Vector>(new Vector{count, Buffer(memory_, MemoryKind::weights, count * sizeof(float))});
  vector->values.write(0, data, count * sizeof(float));
  return keep<Vector>(weights_.vectors, std::move(vector), sharedAs);
}

std::size_t Device::loadTable(std::int32_t rows, std::int32_t columns, WeightData data, ops::DType dtype,
                              const std::string& sharedAs) {
  requireLive();
  const std::size_t count = requireElements("table.data", rows, columns, data.count);
  const std::size_t bytes = count * ops::sizeOf(dtype);
  std::vector<ops::Bf16> rounded;
  const void* const values = elementsOf(data, count, dtype, rounded);
  auto table = std::shared_ptr<Table>(new Table{rows, columns, dtype, Buffer(memory_, MemoryKind::weights, bytes)});
  table->values.write(0, values, bytes);
  return keep<Table>(weights_.tables, std::move(table), sharedAs);
}

std::optional<std::size_t> Device::shareMatrix(const std::string& key) {
  requireQuiet("shareMatrix");
  const auto found = runtime_->sharedWeights.find<Matrix>(place(kindOf<Matrix>(), key));
  if (!found) return std::nullopt;
  return keep<Matrix>(weights_.matrices, useMatrix(found), "");
}

std::optional<std::size_t> Device::shareVector(const std::string& key) {
  requireLive();
  auto found = runtime_->sharedWeights.find<Vector>(place(kindOf<Vector>(), key));
  if (!found) return std::nullopt;
  return keep<Vector>(weights_.vectors, std::move(found), "");
}

std::optional<std::size_t> Device::shareTable(const std::string& key) {
  requireLive();
  auto found = runtime_->sharedWeights.find<Table>(place(kindOf<Table>(), key));
  if (!found) return std::nullopt;
  return keep<Table>(weights_.tables, std::move(found), "");
}

std::shared_ptr<const Table> Device::tableOf(const AdapterEntry& entry, std::int64_t handle, std::size_t index) const {
  const std::string at = "createAdapter[" + std::to_string(index) + "].weight";
  if (handle < 0 || handle >= static_cast<std::int64_t>(weights_.tables.size())) {
    throw ArgumentError("a table of device " + name_, at, std::to_string(handle));
  }
  const std::shared_ptr<const Table>& table = weights_.tables[static_cast<std::size_t>(handle)];
  if (table->columns != entry.inFeatures || entry.tokens.back() >= table->rows) {
    throw ArgumentError("a table with the tokens' rows", at,
                        "one of [" + std::to_string(table->rows) + "," + std::to_string(table->columns) + "]");
  }
  return table;
}

std::size_t Device::createAdapter(std::vector<AdapterEntry> entries, const std::vector<MagnitudeSource>& magnitudes,
                                  bool isFrozen) {
  requireLive();
  const auto matrices = static_cast<std::int64_t>(weights_.matrices.size());
  for (std::size_t i = 0; i < entries.size(); i++) {
    AdapterEntry& entry = entries[i];
    const auto [handle, column] = magnitudes[i];
    if (!entry.tokens.empty()) entry.table = tableOf(entry, handle, i);
    if (handle < 0 || entry.table) continue;
    const std::string at = "createAdapter[" + std::to_string(i) + "].weight";
    if (handle >= matrices) throw ArgumentError("a matrix of device " + name_, at, std::to_string(handle));
    entry.weight = weights_.matrices[static_cast<std::size_t>(handle)];
    entry.column = column;
    const Matrix& matrix = *entry.weight;
    const bool isWithin = column >= 0 && std::int64_t{column} + entry.outFeatures <= matrix.out;
    if (matrix.experts != 1 || matrix.in != entry.inFeatures || !isWithin || !hasRowSquares(matrix)) {
      throw ArgumentError("a matrix with the target's rows, loaded for magnitudes", at, "matrix " + matrix.name);
    }
  }
  AdapterFormat format = format_;
  format.isFrozen = isFrozen;
  auto adapter = std::make_shared<Adapter>(memory_, std::move(entries), format);
  if (freeAdapters_.empty()) {
    adapters_.push_back(std::move(adapter));
    return adapters_.size() - 1;
  }
  const std::size_t handle = freeAdapters_.back();
  freeAdapters_.pop_back();
  adapters_[handle] = std::move(adapter);
  return handle;
}

std::shared_ptr<Adapter> Device::adapter(std::int64_t handle) const {
  requireLive();
  const auto known = static_cast<std::int64_t>(adapters_.size());
  if (handle < 0 || handle >= known || !adapters_[static_cast<std::size_t>(handle)]) {
    throw ArgumentError("an adapter of device " + name_, "adapter", std::to_string(handle));
  }
  return adapters_[static_cast<std::size_t>(handle)];
}

namespace {

void requireTrained(const Adapter& adapter, const char* at) {
  if (adapter.isFrozen()) throw ArgumentError("an adapter that is trained", at, "a frozen one");
}

void requirePart(const Adapter& adapter, AdapterPart part, const char* at) {
  if (part != AdapterPart::parameters) requireTrained(adapter, at);
}

// Rows first .. first + count of a table as floats.
std::vector<float> tableRows(const Table& table, std::size_t first, std::size_t count) {
  const std::size_t columns = static_cast<std::size_t>(table.columns);
  const std::size_t size = ops::sizeOf(table.dtype);
  std::vector<float> result(count * columns);
  if (table.dtype == ops::DType::float32) {
    table.values.read(result.data(), first * columns * size, result.size() * size);
    return result;
  }
  std::vector<ops::Bf16> stored(result.size());
  table.values.read(stored.data(), first * columns * size, stored.size() * size);
  std::transform(stored.begin(), stored.end(), result.begin(), [](ops::Bf16 value) { return ops::toFloat(value); });
  return result;
}

// The mean of a table's first rows.
std::vector<float> meanRow(const Table& table, std::size_t rows) {
  constexpr std::size_t kRows = 256;
  const std::size_t columns = static_cast<std::size_t>(table.columns);
  std::vector<double> sums(columns);
  for (std::size_t first = 0; first < rows; first += kRows) {
    const std::vector<float> part = tableRows(table, first, std::min(kRows, rows - first));
    for (std::size_t i = 0; i < part.size(); i++) sums[i % columns] += part[i];
  }
  std::vector<float> mean(columns);
  for (std::size_t i = 0; i < columns; i++) mean[i] = static_cast<float>(sums[i] / static_cast<double>(rows));
  return mean;
}

// Parameters with new rows of tokens in place of the marks that stand for them, in `filled` where there are any.
const float* withBaseRows(const Adapter& adapter, const float* values, std::vector<float>& filled) {
  std::size_t place = 0;
  for (const AdapterEntry& entry : adapter.entries()) {
    const std::size_t columns = static_cast<std::size_t>(entry.inFeatures);
    std::vector<float> mean;
    for (std::size_t j = 0; j < entry.tokens.size(); j++) {
      const float mark = values[place + j * columns];
      if (std::isfinite(mark)) continue;
      if (filled.empty()) filled.assign(values, values + adapter.elements());
      const auto token = static_cast<std::size_t>(entry.tokens[j]);
      if (std::isinf(mark) && mean.empty()) mean = meanRow(*entry.table, std::max<std::size_t>(token, 1));
      const std::vector<float> row = std::isinf(mark) ? mean : tableRows(*entry.table, token, 1);
      std::copy(row.begin(), row.end(), filled.begin() + static_cast<std::ptrdiff_t>(place + j * columns));
    }
    place += entry.elements();
  }
  return filled.empty() ? values : filled.data();
}

}  // namespace

void Device::writeAdapter(const Adapter& adapter, AdapterPart part, const float* values) {
  requireQuiet(adapter);
  requirePart(adapter, part, "writeAdapter");
  std::vector<float> filled;
  if (part == AdapterPart::parameters) values = withBaseRows(adapter, values, filled);
  adapter.write(part, values);
  if (part == AdapterPart::parameters) parametersWritten(adapter);
}

void Device::readAdapter(const Adapter& adapter, AdapterPart part, float* values) const {
  requireQuiet(adapter);
  requirePart(adapter, part, "readAdapter");
  adapter.read(part, values);
}

void Device::releaseAdapter(std::int64_t handle) {
  requireQuiet(*adapter(handle));
  adapters_[static_cast<std::size_t>(handle)] = nullptr;
  freeAdapters_.push_back(static_cast<std::size_t>(handle));
}

std::size_t Device::createProgram(const std::vector<RawOperator>& operators) {
  requireLive();
  auto program = std::make_unique<Program>(operators, weights_, steps_);
  programMade(*program);
  programs_.push_back(std::move(program));
  return programs_.size() - 1;
}

void Device::reserveArena(std::size_t bytes) {
  requireQuiet("reserveArena");
  replaceArena(bytes);
}

void Device::replaceArena(std::size_t bytes) {
  // Before the new one is made, so that the peak does not count both. A send of another device may still hold it.
  arena_ = nullptr;
  try {
    arena_ = std::make_shared<Buffer>(memory_, MemoryKind::arena, bytes);
  } catch (...) {
    arena_ = std::make_shared<Buffer>(memory_, MemoryKind::arena, 0);
    throw;
  }
}

void Device::writeArena(std::size_t offset, const void* from, std::size_t bytes) {
  requireArena(offset, bytes);
  arena_->write(offset, from, bytes);
}

void Device::requireArena(std::size_t offset, std::size_t bytes) const {
  requireQuiet("arena");
  requireRange("arena", offset, bytes);
}

void Device::readArena(void* to, std::size_t offset, std::size_t bytes) const {
  requireArena(offset, bytes);
  arena_->read(to, offset, bytes);
}

Task Device::prepare(const TaskHead& head) {
  Task task;
  task.id = head.id;
  for (const std::int64_t wait : head.waits) task.waits.push_back(runtime_->event(wait, "waits"));
  if (head.signal >= 0) task.signal = runtime_->claimSignal(head.signal);
  task.signalIndex = head.signal;
  task.listeners = head.listeners;
  for (const std::int64_t cell : head.toldCells) task.toldCells.emplace_back(cell, runtime_->normCell(cell));
  task.uses.emplace_back(pending_);
  return task;
}

void Device::enqueueRun(const TaskHead& head, std::int64_t program, Bindings bindings) {
  requireLive();
  if (program < 0 || program >= static_cast<std::int64_t>(programs_.size())) {
    throw ArgumentError("a program of device " + name_, "program", std::to_string(program));
  }
  const Program& steps = *programs_[static_cast<std::size_t>(program)];
  steps.check(bindings, arena_->bytes(), threads());
  Task task = prepare(head);
  for (const RunSegment& segment : bindings.segments) task.uses.emplace_back(segment.adapter->pending);
  for (const RunSumSquares& wanted : bindings.sumSquares) {
    requireTrained(*wanted.adapter, "bindings.sumSquares");
    task.uses.emplace_back(wanted.adapter->pending);
    wanted.adapter->normCell = wanted.cell;
  }
  queueRun(std::move(task), steps, std::move(bindings));
}

void Device::enqueueUpdate(const TaskHead& head, std::vector<UpdateItem> items) {
  requireLive();
  Task task = prepare(head);
  for (UpdateItem& item : items) {
    requireTrained(*item.adapter, "items.adapter");
    task.uses.emplace_back(item.adapter->pending);
    item.ownNorm = item.normCells.size() == 1 && item.normCells.front() == item.adapter->normCell;
  }
  queueUpdate(std::move(task), std::move(items));
}

void Device::enqueueSend(const TaskHead& head, std::size_t source, std::size_t bytes, const Device& destination,
                         std::size_t destinationOffset) {
  requireLive();
  destination.requireLive();
  if (destination.runtime_ != runtime_) throw ArgumentError("a device of this runtime", name_ + ".send", "another's");
  requireRange("send.source", source, bytes);
  destination.requireRange("send.destinationOffset", destinationOffset, bytes);
  queueTransfer(prepare(head), {arena_, source, destination.arena_, destinationOffset, bytes});
}

void Device::enqueueFault(const TaskHead& head, Fault fault) {
  requireLive();
  Task task = prepare(head);
  task.work = [fault](Completion&) {
    if (fault == Fault::memory) throw std::bad_alloc();
    if (fault == Fault::error) throw 1;
    if (fault == Fault::end) throw ThreadEnds{};
    for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
  };
  queueOther(std::move(task));
}

void Device::enqueueUpload(const TaskHead& head, std::vector<float> data, std::size_t destinationOffset) {
  requireLive();
  requireRange("upload.destinationOffset", destinationOffset, data.size() * sizeof(float));
  queueUpload(prepare(head), std::move(data), destinationOffset);
}

}  // namespace loratwin
