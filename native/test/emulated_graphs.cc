// What driver_emulated.cc promises of captures and graphs.
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/copy.h"
#include "cuda/driver.h"
#include "promises.h"

namespace {

using namespace loratwin;
using test::allKept;
using test::expect;

bool throws(const std::function<void()>& body) {
  try {
    body();
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

class Floats {
 public:
  Floats(std::vector<float> values, void* stream) : count_(values.size()), stream_(stream) {
    data_ = static_cast<float*>(cuda::allocate(bytes(), "floats"));
    cuda::copyAsync(data_, values.data(), bytes(), stream);
  }
  ~Floats() { cuda::release(data_); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  float* data() const { return data_; }
  std::size_t bytes() const { return count_ * sizeof(float); }
  std::vector<float> read() const {
    std::vector<float> values(count_);
    cuda::copyAsync(values.data(), data_, bytes(), stream_);
    return values;
  }

 private:
  std::size_t count_;
  void* stream_;
  float* data_;
};

using Values = std::vector<float>;

}  // namespace

int main() {
  cuda::useDevice(0);
  void* const stream = cuda::createStream();
  void* const other = cuda::createStream();
  const Floats from({1, 2, 3, 4}, stream);
  const Floats middle({0, 0, 0, 0}, stream);
  const Floats to({0, 0, 0, 0}, stream);

  cuda::beginCapture(stream);
  cuda::copy(from.data(), middle.data(), 4, stream);
  cuda::copyAsync(to.data(), middle.data(), to.bytes(), stream);
  const auto [graph, nodes] = cuda::endCapture(stream);
  expect("a graph has a node for each thing that was captured", nodes == 2);
  expect("a captured kernel and a captured copy do not run while they are captured",
         middle.read() == Values{0, 0, 0, 0} && to.read() == Values{0, 0, 0, 0});
  cuda::launchGraph(graph, stream);
  expect("a launched graph does what was captured, in order", to.read() == Values{1, 2, 3, 4});
  const Values next{5, 6, 7, 8};
  cuda::copyAsync(from.data(), next.data(), from.bytes(), stream);
  cuda::launchGraph(graph, stream);
  expect("a graph reads what lies at its addresses when it is launched", to.read() == next);

  cuda::beginCapture(stream);
  cuda::zeroAsync(to.data(), to.bytes(), other);
  cuda::abandonCapture(stream);
  expect("another stream goes on while one is captured", to.read() == Values{0, 0, 0, 0});

  cuda::copyAsync(to.data(), next.data(), to.bytes(), stream);
  cuda::beginCapture(stream);
  cuda::zeroAsync(to.data(), to.bytes(), stream);
  cuda::abandonCapture(stream);
  expect("what was captured and abandoned is never done", to.read() == next);

  cuda::beginCapture(stream);
  const bool refused = throws([&] { cuda::synchronize(stream); });
  expect("a wait for a stream that is captured is refused, and the capture with it",
         refused && throws([&] { cuda::endCapture(stream); }));
  cuda::zeroAsync(to.data(), to.bytes(), stream);
  expect("a stream whose capture failed does again what it is given", to.read() == Values{0, 0, 0, 0});
  cuda::beginCapture(stream);
  expect("a graph is not launched into a capture", throws([&, run = graph] { cuda::launchGraph(run, stream); }));
  cuda::abandonCapture(stream);

  const std::size_t launched = cuda::freeBytes();
  cuda::destroyGraph(graph);
  const std::size_t without = cuda::freeBytes();
  expect("a launched graph takes memory of its device until it is destroyed", without > launched);
  cuda::beginCapture(stream);
  cuda::copy(from.data(), middle.data(), 4, stream);
  const auto [second, secondNodes] = cuda::endCapture(stream);
  expect("a captured graph takes none", cuda::freeBytes() == without);
  cuda::uploadGraph(second, stream);
  const std::size_t uploaded = cuda::freeBytes();
  expect("one that is uploaded does, by its nodes", (without - uploaded) * nodes == (without - launched) * secondNodes);
  cuda::launchGraph(second, stream);
  expect("and no more when it is launched", cuda::freeBytes() == uploaded);
  cuda::destroyGraph(second);
  cuda::useDevice(1);
  expect("a context takes memory of its device", cuda::freeBytes() < cuda::deviceFacts(1).memoryBytes);
  cuda::destroyStream(other);
  cuda::destroyStream(stream);
  return allKept ? 0 : 1;
}
