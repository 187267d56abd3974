#include "timing.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace loratwin::gpu {

namespace {

void check(cudaError_t status) {
  if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
}

// Twice the second-level cache, written before each run: nothing that the run reads is left there.
class CacheFlush {
 public:
  CacheFlush() {
    int device = 0;
    int cacheBytes = 0;
    check(cudaGetDevice(&device));
    check(cudaDeviceGetAttribute(&cacheBytes, cudaDevAttrL2CacheSize, device));
    bytes_ = 2 * static_cast<std::size_t>(std::max(cacheBytes, 1 << 20));
    check(cudaMalloc(&memory_, bytes_));
  }
  CacheFlush(const CacheFlush&) = delete;
  CacheFlush& operator=(const CacheFlush&) = delete;
  ~CacheFlush() { cudaFree(memory_); }
  void flush() const { check(cudaMemsetAsync(memory_, 0, bytes_, nullptr)); }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

struct Events {
  cudaEvent_t start{};
  cudaEvent_t end{};
  Events() {
    check(cudaEventCreate(&start));
    check(cudaEventCreate(&end));
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events() {
    cudaEventDestroy(start);
    cudaEventDestroy(end);
  }
  double secondsOf(const std::function<void()>& work) {
    check(cudaEventRecord(start, nullptr));
    work();
    check(cudaEventRecord(end, nullptr));
    check(cudaEventSynchronize(end));
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start, end));
    return static_cast<double>(milliseconds) / 1e3;
  }
};

Timing summary(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), static_cast<int>(seconds.size())};
}

}  // namespace

Timing timeOnGpu(const std::function<void()>& work, int repetitions) {
  const CacheFlush cache;
  Events events;
  work();  // loads the kernel
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    cache.flush();
    seconds.push_back(events.secondsOf(work));
  }
  return summary(std::move(seconds));
}

Timing timeWarm(const std::function<void()>& work, int times, int repetitions) {
  Events events;
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    seconds.push_back(events.secondsOf([&] {
      for (int k = 0; k < times; ++k) work();
    }) / times);
  }
  return summary(std::move(seconds));
}

Timing timeCopy(void* to, const void* from, std::size_t bytes, int repetitions) {
  return timeOnGpu([=] { check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, nullptr)); }, repetitions);
}

}  // namespace loratwin::gpu
