// The CUDA graphs of a device: the launches of a run, noted once and from then on given to the stream in one call. A
// graph stands for a signature, which holds whatever is in the arguments and grids of its launches; what may change
// from run to run lies in tables. All but what is atomic is for the thread that gives tasks to the stream.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "runtime/cuda/devices.h"
#include "runtime/device.h"

namespace loratwin {

using Signature = std::vector<std::uint64_t>;

// What a device knows of a signature.
struct KnownRun {
  KnownRun() = default;
  ~KnownRun();
  KnownRun(const KnownRun&) = delete;
  KnownRun& operator=(const KnownRun&) = delete;

  void* graph = nullptr;
  std::size_t graphNodes = 0;
  std::size_t graphBytes = 0;  // of the device's memory, which the driver takes
  bool refused = false;        // could not be noted, or launched: not tried again
  std::uint64_t runs = 0;
  std::uint64_t lastRun = 0;  // counted over all signatures
  // Of the last run whose launches were given one by one: how long giving them took the host, and how long the GPU took
  // for them, waiting for the host included; 0 until it is reported.
  std::int64_t hostNs = 0;
  std::atomic<std::int64_t> gpuNs{0};
};

class Graphs {
 public:
  // No more are kept than the driver finds room for in `roomBytes`, which nothing else of the device's counts.
  Graphs(GraphMode mode, std::size_t roomBytes);

  // Of the run that is given next. Null where graphs are off.
  std::shared_ptr<KnownRun> find(const Signature& signature);
  // Whether its launches should be noted now: they came before, a graph pays, and there is room for one.
  bool wanted(const KnownRun& known);
  // body() gives the launches to `stream`, which notes them. They have not been done when it returns or throws.
  void capture(KnownRun& known, void* stream, const std::function<void()>& body);
  void launch(KnownRun& known, void* stream);
  // After capture() or launch() threw.
  void refuse(KnownRun& known);
  GraphCounts counts() const;

  static constexpr std::size_t kMostGraphs = 64;
  // A graph gives way to another when so many runs have come since its last. A younger one stays, so that a cycle of
  // more signatures than there is room for does not throw each graph out before its turn.
  static constexpr std::uint64_t kIdleRuns = 256;

 private:
  bool makeRoom();
  bool dropIdle();
  void drop(KnownRun& known);
  void forget();

  const GraphMode mode_;
  const std::size_t roomBytes_;
  std::map<Signature, std::shared_ptr<KnownRun>> known_;
  std::uint64_t runs_ = 0;
  std::atomic<std::size_t> bytes_{0};  // of those kept, as their nodes
  std::atomic<std::size_t> nodes_{0};
  std::atomic<std::uint64_t> kept_{0};
  std::atomic<std::uint64_t> captured_{0};
  std::atomic<std::uint64_t> launched_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace loratwin
