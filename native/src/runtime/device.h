// One device: weights, adapters, programs, an arena, and queues that run in order. What all kinds of devices share;
// a kind derives where memory lies, what a step is and how a task runs.
// All methods but runAside() are for JavaScript's thread; they never wait for queued tasks, except stop().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/blas.h"
#include "memory.h"
#include "ops/bf16.h"
#include "ops/quantized.h"
#include "program.h"
#include "runtime.h"
#include "stream.h"
#include "transport/channel.h"

namespace loratwin {

class NcclChannel;

// Weights as JavaScript gave them: floats, or the bits of bfloat16.
struct WeightData {
  const void* data;
  std::size_t count;
  ops::DType type;
};

// A frozen weight W [out, in] to be multiplied as `dtype`, kept in the narrower `quantization` if there is one (then
// `dtype` is bfloat16); `backward`: for dx = dy W too. Of several experts: W [experts, out, in].
struct MatrixSource {
  std::string name;
  std::int32_t out;
  std::int32_t in;
  WeightData data;
  ops::DType dtype;
  bool backward;
  std::optional<ops::Quantization> quantization;
  std::string sharedAs;
  std::int32_t experts = 1;
  // Whether adapters with magnitudes may be on it.
  bool forMagnitudes = false;

  std::size_t elements() const { return static_cast<std::size_t>(out) * static_cast<std::size_t>(in); }
  // One expert's.
  WeightData dataOf(std::int32_t expert) const {
    const std::size_t before = static_cast<std::size_t>(expert) * elements() * ops::sizeOf(data.type);
    return {static_cast<const std::byte*>(data.data) + before, elements(), data.type};
  }
};

// What a task can be made to do, to see what becomes of a run: meet an allocation failure, throw what is no exception,
// end its thread, or never end.
enum class Fault { memory, error, end, hang };

struct TaskHead {
  std::int64_t id = 0;
  std::vector<std::int64_t> waits;
  std::int64_t signal = -1;  // -1: none
  // Ranks that hear of the end, and the norm cells that they hear of.
  std::vector<Listener> listeners = {};
  std::vector<std::int64_t> toldCells = {};
};

// What an update may tell of an adapter: nothing, its parameters, or all of them, one after another.
constexpr std::array<AdapterPart, 3> kToldParts = {AdapterPart::parameters, AdapterPart::firstMoment,
                                                   AdapterPart::secondMoment};

struct UpdateItem {
  std::shared_ptr<Adapter> adapter;
  std::int64_t step = 1;
  double learningRate = 0;
  double learningRateB = 0;  // of the matrices B
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double weightDecay = 0;
  double maxGradNorm = 0;  // 0: no clipping
  std::vector<const double*> normCells;
  // Whether the only cell is the one that the last run of this adapter fills: a device that keeps the sum in its own
  // memory need not ask the host for it.
  bool ownNorm = false;
  // How many of `kToldParts` the completion has, as they are then.
  std::size_t toldParts = 0;

  // Over all stages; the cells are filled once the task's events are signalled.
  double sumSquares() const;
};

// Elements of an adapter's flat vectors that have one learning rate.
struct UpdatePart {
  std::size_t offset;
  std::size_t count;
  double learningRate;
};

// All elements of an item's adapter, in order: in one part unless A and B have rates of their own.
std::vector<UpdatePart> updateParts(const UpdateItem& item);

// Bytes from one arena into another, which may be another device's.
struct Transfer {
  std::shared_ptr<Buffer> from;
  std::size_t source;
  std::shared_ptr<Buffer> to;
  std::size_t destination;
  std::size_t bytes;
};

// Bytes of an arena to or from a GPU of another rank.
struct NcclMessage {
  bool sends;
  std::shared_ptr<Buffer> arena;
  std::size_t offset;
  std::size_t bytes;
  std::shared_ptr<NcclChannel> channel;
};

// Of CUDA graphs, since the device was made: how many have been captured and launched, how many it keeps, and how many
// runs could not be captured, or their graph not be kept. Then the nodes of those that it keeps, and the bytes that the
// driver has taken for them.
struct GraphCounts {
  std::uint64_t captured = 0;
  std::uint64_t launched = 0;
  std::uint64_t kept = 0;
  std::uint64_t refused = 0;
  std::uint64_t nodes = 0;
  std::uint64_t bytes = 0;
};

// Which of a library's ways of each product was the fastest.
struct ProductLibrary {
  std::string name;
  std::vector<cuda::ProductChoice> choices;
};

// How fast a device was at one moment.
struct SpeedSample {
  std::int64_t atNs;
  // FLOP/s, and bytes/s read and written.
  double product;
  double copy;
};

struct MagnitudeSource {
  std::int64_t weight;
  std::int32_t column;
};

class Device {
 public:
  virtual ~Device() = default;  // a kind's destructor calls stop()
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Floats are rounded to bfloat16 where that is wanted; bfloat16 bits for float32 throw. Under a key `sharedAs`, other
  // devices of this device's memory can have it; none where the key is empty.
  std::size_t loadMatrix(const MatrixSource& source);
  // What takes long in three parts: runAside() may be on another thread where worksAside(). From the first part to the
  // last every other call throws, but for stop(), which waits for the end of runAside().
  virtual bool worksAside() const { return false; }
  void startAside(const char* what);
  // work(), which is one of the two below; what it throws is thrown by endAside().
  void runAside(const std::function<void()>& work);
  void endAside();
  // loadMatrix in two parts, aside and after it; and reserveArena, aside.
  void pack(const MatrixSource& source) { packedMatrix_ = packed(source); }
  std::size_t keepPacked(const std::string& sharedAs);
  void replaceArena(std::size_t bytes);
  std::size_t loadVector(const float* data, std::size_t count, const std::string& sharedAs);
  std::size_t loadTable(std::int32_t rows, std::int32_t columns, WeightData data, ops::DType dtype,
                        const std::string& sharedAs);
  // Handles to what a device of this device's memory has loaded under the key, which that device counts; nothing where
  // none has.
  std::optional<std::size_t> shareMatrix(const std::string& key);
  std::optional<std::size_t> shareVector(const std::string& key);
  std::optional<std::size_t> shareTable(const std::string& key);
  // `magnitudes`: of each entry, the matrix of its target and the first of its rows, a handle of -1 for none; of one
  // with tokens their table.
  std::size_t createAdapter(std::vector<AdapterEntry> entries, const std::vector<MagnitudeSource>& magnitudes,
                            bool isFrozen);
  void releaseAdapter(std::int64_t handle);
  std::shared_ptr<Adapter> adapter(std::int64_t handle) const;
  // Throw while a pending task uses the adapter; `values` [adapter.elements()].
  void writeAdapter(const Adapter& adapter, AdapterPart part, const float* values);
  void readAdapter(const Adapter& adapter, AdapterPart part, float* values) const;
  std::size_t createProgram(const std::vector<RawOperator>& operators);

  void reserveArena(std::size_t bytes);
  // A range of the arena while nothing is pending.
  void writeArena(std::size_t offset, const void* from, std::size_t bytes);
  // Throws ArgumentError where the two below would.
  void requireArena(std::size_t offset, std::size_t bytes) const;
  void readArena(void* to, std::size_t offset, std::size_t bytes) const;

  void enqueueRun(const TaskHead& head, std::int64_t program, Bindings bindings);
  void enqueueUpdate(const TaskHead& head, std::vector<UpdateItem> items);
  void enqueueSend(const TaskHead& head, std::size_t source, std::size_t bytes, const Device& destination,
                   std::size_t destinationOffset);
  // Bytes of the arena to or from a device of another rank, on a stream of the channel's own. Those of NCCL are between
  // GPUs.
  void enqueueChannelSend(const TaskHead& head, std::size_t source, std::size_t bytes,
                          std::shared_ptr<Channel> channel);
  void enqueueChannelSend(const TaskHead& head, std::size_t source, std::size_t bytes,
                          std::shared_ptr<NcclChannel> channel);
  void enqueueReceive(const TaskHead& head, std::size_t destination, std::size_t bytes,
                      std::shared_ptr<Channel> channel);
  void enqueueReceive(const TaskHead& head, std::size_t destination, std::size_t bytes,
                      std::shared_ptr<NcclChannel> channel);
  void enqueueUpload(const TaskHead& head, std::vector<float> data, std::size_t destinationOffset);

  void enqueueFault(const TaskHead& head, Fault fault);

  // Drops pending tasks, joins all threads, gives the memory back. Any other call throws afterwards.
  void stop();

  virtual const StreamTimes& times() const = 0;
  virtual GraphCounts graphs() const { return {}; }
  // What it was given and what it has measured, while no task runs; nothing where products have one way.
  virtual ProductLibrary products() const { return {}; }
  // From now on its speed is sampled between tasks, with products of `dtype`; a kind that cannot has no samples.
  virtual void sampleSpeed(ops::DType, std::int64_t /* everyNs */) {}
  virtual std::vector<SpeedSample> takeSpeedSamples() { return {}; }
  const MemoryMeter& memory() const { return memory_->meter; }
  Runtime& runtime() const { return *runtime_; }

 protected:
  Device(std::shared_ptr<Runtime> runtime, std::string name, std::shared_ptr<MemoryPool> pool, AdapterFormat format,
         StepTables steps);

  virtual std::shared_ptr<Matrix> makeMatrix(const MatrixSource& source) = 0;
  // Another device's matrix of the same memory, as this one multiplies with it.
  virtual std::shared_ptr<const Matrix> useMatrix(const std::shared_ptr<const Matrix>& other) = 0;
  // Which memory weights lie in: devices that say the same can read each other's.
  virtual std::string memoryName() const = 0;
  // Whether the arena is host memory, which channels read and write themselves.
  virtual bool isHostMemory() const = 0;
  virtual void programMade(const Program&) {}
  virtual void parametersWritten(const Adapter&) {}
  // Whether norms of its rows with an adapter can be taken.
  virtual bool hasRowSquares(const Matrix&) const { return true; }
  // Of a CPU device's pool; see Reach.
  virtual int threads() const { return 0; }
  virtual void queueRun(Task task, const Program& program, Bindings bindings) = 0;
  virtual void queueUpdate(Task task, std::vector<UpdateItem> items) = 0;
  virtual void queueTransfer(Task task, Transfer transfer) = 0;
  // Of devices whose arena is no host memory.
  virtual void queueNccl(Task, NcclMessage) {}
  virtual void queueUpload(Task task, std::vector<float> data, std::size_t destination) = 0;
  // On the compute stream.
  virtual void queueOther(Task task) = 0;
  // Joins the threads, then, when nothing runs any more, lets go of what the kind holds.
  virtual void halt() = 0;
  virtual void release() = 0;

  const std::shared_ptr<Runtime> runtime_;
  const std::string name_;
  const std::shared_ptr<MemoryPool> memory_;
  Weights weights_;
  std::shared_ptr<Buffer> arena_;
  std::atomic<int> pending_{0};

 private:
  // A handle to `item`, which others can have under the key.
  template <class Item>
  std::size_t keep(std::vector<std::shared_ptr<const Item>>& items, std::shared_ptr<const Item> item,
                   const std::string& key);
  // The embedding of an entry with tokens.
  std::shared_ptr<const Table> tableOf(const AdapterEntry& entry, std::int64_t handle, std::size_t index) const;
  // Where weights of this kind lie among all that is shared.
  std::string place(const char* kind, const std::string& key) const { return memoryName() + " " + kind + " " + key; }
  std::shared_ptr<Matrix> packed(const MatrixSource& source);
  Task prepare(const TaskHead& head);
  // A channel's stream, whose thread waits for the other rank.
  struct ChannelStream {
    std::shared_ptr<Channel> channel;
    std::unique_ptr<Stream> stream;
    // Where the arena is no host memory: what is on its way.
    std::vector<std::byte> staging;
  };
  ChannelStream& streamOf(const std::shared_ptr<Channel>& channel, const char* name);
  void requireGpu() const;
  void requireLive() const;
  void requireQuiet(const char* what) const;
  void requireQuiet(const Adapter& adapter) const;
  void requireRange(const char* at, std::size_t offset, std::size_t bytes) const;

  const AdapterFormat format_;
  const StepTables steps_;
  std::vector<std::shared_ptr<Adapter>> adapters_;
  // Handles of adapters that are gone.
  std::vector<std::size_t> freeAdapters_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::map<const Channel*, ChannelStream> channelStreams_;
  bool stopped_ = false;
  bool isAside_ = false;
  std::atomic<bool> runsAside_{false};
  std::exception_ptr asideError_;
  // What pack() made.
  std::shared_ptr<Matrix> packedMatrix_;
};

// `source` as `dtype`: its own bytes, or `rounded` filled with them. Throws ArgumentError for bfloat16 bits as float32.
const void* elementsOf(WeightData source, std::size_t count, ops::DType dtype, std::vector<ops::Bf16>& rounded);

// What a failed step is reported as: the reason, its arguments and the shapes of the run.
[[noreturn]] void throwStepError(const Step& step, const Bindings& bindings, const std::exception& error);

}  // namespace loratwin
