#include "runtime/cuda/graphs.h"

#include <utility>

#include "cuda/driver.h"

namespace loratwin {

namespace {

// Signatures that are remembered before those without a recent run are forgotten.
constexpr std::size_t kMostKnown = 1024;

// Ends the capture, if nothing else has.
class Capture {
 public:
  explicit Capture(void* stream) : stream_(stream) { cuda::beginCapture(stream_); }
  ~Capture() {
    if (stream_ != nullptr) cuda::abandonCapture(stream_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  cuda::CapturedGraph end() { return cuda::endCapture(std::exchange(stream_, nullptr)); }

 private:
  void* stream_;
};

}  // namespace

KnownRun::~KnownRun() {
  if (graph != nullptr) cuda::destroyGraph(graph);
}

Graphs::Graphs(GraphMode mode, std::size_t roomBytes) : mode_(mode), roomBytes_(roomBytes) {}

std::shared_ptr<KnownRun> Graphs::find(const Signature& signature) {
  if (mode_ == GraphMode::off) return nullptr;
  if (known_.size() >= kMostKnown) forget();
  std::shared_ptr<KnownRun>& known = known_[signature];
  if (known == nullptr) known = std::make_shared<KnownRun>();
  known->runs++;
  known->lastRun = ++runs_;
  return known;
}

bool Graphs::wanted(const KnownRun& known) {
  if (known.graph != nullptr || known.refused || known.runs < 2) return false;
  if (mode_ == GraphMode::automatic) {
    // The first run's launches also load kernels and choose products.
    if (known.runs < 3) return false;
    const std::int64_t gpuNs = known.gpuNs;
    if (gpuNs == 0 || 2 * known.hostNs < gpuNs) return false;
  }
  return makeRoom();
}

void Graphs::capture(KnownRun& known, void* stream, const std::function<void()>& body) {
  const std::size_t before = cuda::freeBytes();
  Capture capture(stream);
  body();
  const cuda::CapturedGraph made = capture.end();
  known.graph = made.graph;
  known.graphNodes = made.nodes;
  nodes_ += made.nodes;
  kept_++;
  captured_++;
  cuda::uploadGraph(known.graph, stream);
  const std::size_t after = cuda::freeBytes();
  known.graphBytes = before > after ? before - after : 0;
  bytes_ += known.graphBytes;
  while (bytes_ > roomBytes_ && dropIdle()) {
  }
}

void Graphs::launch(KnownRun& known, void* stream) {
  cuda::launchGraph(known.graph, stream);
  launched_++;
  // More than there is room for: this once.
  if (bytes_ > roomBytes_) refuse(known);
}

void Graphs::refuse(KnownRun& known) {
  drop(known);
  known.refused = true;
  refused_++;
}

bool Graphs::makeRoom() {
  while (kept_ >= kMostGraphs || bytes_ >= roomBytes_) {
    if (!dropIdle()) return false;
  }
  return true;
}

bool Graphs::dropIdle() {
  KnownRun* oldest = nullptr;
  for (const auto& [signature, known] : known_) {
    if (known->graph != nullptr && (oldest == nullptr || known->lastRun < oldest->lastRun)) oldest = known.get();
  }
  if (oldest == nullptr || oldest->lastRun + kIdleRuns > runs_) return false;
  drop(*oldest);
  return true;
}

void Graphs::drop(KnownRun& known) {
  if (known.graph == nullptr) return;
  cuda::destroyGraph(std::exchange(known.graph, nullptr));
  bytes_ -= std::exchange(known.graphBytes, 0);
  nodes_ -= std::exchange(known.graphNodes, 0);
  known.runs = 0;
  kept_--;
}

void Graphs::forget() {
  for (auto next = known_.begin(); next != known_.end();) {
    KnownRun& known = *next->second;
    if (known.lastRun + kIdleRuns > runs_) {
      ++next;
      continue;
    }
    drop(known);
    next = known_.erase(next);
  }
}

GraphCounts Graphs::counts() const { return {captured_, launched_, kept_, refused_, nodes_, bytes_}; }

}  // namespace loratwin
