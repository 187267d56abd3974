// What driver_cudart.cc, the kernels' launches and the graphs ask of the CUDA runtime, judged over a stand-in for it.
// The argument: what CUDA_DEVICE_MAX_CONNECTIONS has to be at the first call.
#include <algorithm>
#include <cstddef>

#include "cuda/driver.h"
#include "cudart_stand_in.h"
#include "promises.h"
#include "runtime/cuda/graphs.h"
#include "runtime/memory.h"

namespace loratwin::test {

// Of cudart_kernel.cu.
void launchDouble(float* values, int count, std::size_t sharedBytes, void* stream);
void launchOther(float* values, std::size_t sharedBytes, void* stream);

namespace {

constexpr std::size_t kKiB = 1024;

auto asked(const char* call) { return std::count(calls.begin(), calls.end(), call); }

// Where the call comes first from a place on; the end when it does not.
auto next(std::vector<std::string>::iterator from, const char* call) { return std::find(from, calls.end(), call); }

void checkSharedMemory(float* values, void* stream) {
  const auto launch = [&](std::size_t sharedBytes) { launchDouble(values, 4, sharedBytes, stream); };
  launch(kKiB);
  launch(48 * kKiB);
  expect("a kernel with little shared memory asks for none", asked("cudaFuncSetAttribute") == 0);
  for (int i = 0; i < 10; i++) launch(64 * kKiB);
  expect("many launches of one size ask once", asked("cudaFuncSetAttribute") == 1);
  launch(96 * kKiB);
  expect("a larger size asks again", asked("cudaFuncSetAttribute") == 2);
  launch(64 * kKiB);
  launch(96 * kKiB);
  expect("a size up to the largest does not", asked("cudaFuncSetAttribute") == 2);
  launchOther(values, 64 * kKiB, stream);
  launchOther(values, 64 * kKiB, stream);
  expect("another kernel asks for itself", asked("cudaFuncSetAttribute") == 3);
  cuda::useDevice(1);
  launch(64 * kKiB);
  launch(64 * kKiB);
  expect("another device is asked for itself", asked("cudaFuncSetAttribute") == 4);
  cuda::useDevice(0);
  launch(96 * kKiB);
  expect("and the first is not asked again", asked("cudaFuncSetAttribute") == 4);
}

void checkGraphs(float* values, void* stream) {
  const auto body = [&] {
    for (int i = 0; i < 3; i++) launchDouble(values, 4, 0, stream);
  };
  const auto run = [&](Graphs& graphs, Signature signature) {
    const auto known = graphs.find(signature);
    if (graphs.wanted(*known)) graphs.capture(*known, stream, body);
    if (known->graph != nullptr) graphs.launch(*known, stream);
  };
  calls.clear();
  Graphs graphs(GraphMode::on, 3 * kNodeBytes);
  run(graphs, {1});
  run(graphs, {1});
  const auto made = next(calls.begin(), "cudaGraphInstantiate");
  const auto uploaded = next(made, "cudaGraphUpload");
  const auto waited = next(uploaded, "cudaStreamSynchronize");
  const auto read = next(made, "cudaMemGetInfo");
  expect("a graph is uploaded, and waited for, before memory is read",
         uploaded < waited && waited < read && read != calls.end());
  expect("its memory and nodes are known", graphs.counts().bytes == 3 * kNodeBytes && graphs.counts().nodes == 3);
  expect("it is kept where there is room for it", graphs.counts().kept == 1 && graphs.counts().launched == 1);

  Graphs tight(GraphMode::on, 3 * kNodeBytes - 1);
  run(tight, {1});
  run(tight, {1});
  expect("it is refused where there is less", tight.counts().kept == 0 && tight.counts().refused == 1);
}

int check(const char* connections) {
  const int devices = cuda::deviceCount();
  expect("the environment is as it should be at the first call", connectionsAtFirstCall == connections);
  expect("the stand-in is asked for devices", devices == 2);
  cuda::useDevice(0);
  void* const stream = cuda::createStream();
  void* const memory = cuda::allocate(4 * sizeof(float), "values");
  checkSharedMemory(static_cast<float*>(memory), stream);
  checkGraphs(static_cast<float*>(memory), stream);
  cuda::release(memory);
  cuda::destroyStream(stream);
  expect("all memory is given back", cuda::freeBytes() == kTotalBytes);
  return allKept ? 0 : 1;
}

}  // namespace

}  // namespace loratwin::test

int main(int, char** arguments) { return loratwin::test::check(arguments[1]); }
