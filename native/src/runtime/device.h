// One device: weights, adapters, programs and an arena, a pinned pool, and the compute and send streams.
// All methods are for JavaScript's thread; they never wait for the device, except stop().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memory.h"
#include "ops/matmul.h"
#include "pool.h"
#include "program.h"
#include "runtime.h"
#include "stream.h"

namespace loratwin {

// Weights as JavaScript gave them: floats, or the bits of bfloat16.
struct WeightData {
  const void* data;
  ops::DType type;
};

struct TaskHead {
  std::int64_t id = 0;
  std::vector<std::int64_t> waits;
  std::int64_t signal = -1;  // -1: none
};

struct UpdateItem {
  std::shared_ptr<Adapter> adapter;
  std::int64_t step = 1;
  double learningRate = 0;
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weightDecay = 0;
  double maxGradNorm = 0;  // 0: no clipping
  std::vector<const double*> normCells;
};

class Device {
 public:
  // Throws ArgumentError when a core is not one that this process may use.
  Device(std::shared_ptr<Runtime> runtime, std::string name, std::vector<int> cores);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // `data` are kept as `dtype`: floats are rounded to bfloat16 where that is wanted.
  std::size_t loadMatrix(std::string name, std::int32_t out, std::int32_t in, WeightData data, ops::DType dtype,
                         bool backward);
  std::size_t loadVector(const float* data, std::size_t count);
  std::size_t loadTable(std::int32_t rows, std::int32_t columns, WeightData data, ops::DType dtype);
  std::size_t createAdapter(std::vector<AdapterEntry> entries);
  void releaseAdapter(std::int64_t handle);
  std::shared_ptr<Adapter> adapter(std::int64_t handle) const;
  // The vector of an adapter that no pending task uses.
  float* quietAdapterPart(const Adapter& adapter, AdapterPart part) const;
  std::size_t createProgram(const std::vector<RawOperator>& operators);

  void reserveArena(std::size_t bytes);
  // A range of the arena while nothing is pending.
  std::byte* quietArena(std::size_t offset, std::size_t bytes) const;

  void enqueueRun(const TaskHead& head, std::int64_t program, Bindings bindings);
  void enqueueUpdate(const TaskHead& head, std::vector<UpdateItem> items);
  void enqueueSend(const TaskHead& head, std::size_t source, std::size_t bytes, const Device& destination,
                   std::size_t destinationOffset);
  void enqueueUpload(const TaskHead& head, std::vector<float> data, std::size_t destinationOffset);

  // Drops pending tasks, joins all threads, gives the memory back. Any other call throws afterwards.
  void stop();

  const StreamTimes& times() const { return compute_->times(); }
  const MemoryMeter& memory() const { return *meter_; }
  Runtime& runtime() const { return *runtime_; }

 private:
  Task prepare(const TaskHead& head);
  void countEngine();
  void requireLive() const;
  void requireQuiet(const char* what) const;
  void requireRange(const char* at, std::size_t offset, std::size_t bytes) const;
  void run(const Program& program, const Bindings& bindings, Buffer& arena, Completion& done);
  void update(const std::vector<UpdateItem>& items);

  std::shared_ptr<Runtime> runtime_;
  std::string name_;
  std::shared_ptr<MemoryMeter> meter_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<ops::MatmulEngine> engine_;
  std::size_t engineBytes_ = 0;
  Weights weights_;
  std::vector<std::shared_ptr<Adapter>> adapters_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::shared_ptr<Buffer> arena_;
  RunScratch scratch_;
  std::atomic<int> pending_{0};
  bool stopped_ = false;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> send_;
};

}  // namespace loratwin
