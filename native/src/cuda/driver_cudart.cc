#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "cuda/driver.h"

namespace loratwin::cuda {

namespace {

void check(const char* what, cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that the next launch does not report it again
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

cudaStream_t streamOf(void* stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t eventOf(void* event) { return static_cast<cudaEvent_t>(event); }

// Says what CUDA reads at its first call, unless the user has. Of hardware queues between the host and a GPU there are
// 8 by default and 32 at most (CUDA Programming Guide, CUDA_DEVICE_MAX_CONNECTIONS). Streams of one queue wait for each
// other, and each of the devices that share a GPU has three streams.
void prepareEnvironment() { [[maybe_unused]] static const int once = setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0); }

cudaError_t count(int& devices) {
  prepareEnvironment();
  const cudaError_t status = cudaGetDeviceCount(&devices);
  cudaGetLastError();
  return status;
}

}  // namespace

int deviceCount() {
  int devices = 0;
  return count(devices) == cudaSuccess ? devices : 0;
}

std::string whyNoDevices() {
  int devices = 0;
  const cudaError_t status = count(devices);
  return status == cudaSuccess ? "no GPU in this machine" : cudaGetErrorString(status);
}

DeviceFacts deviceFacts(int device) {
  cudaDeviceProp properties{};
  check("cudaGetDeviceProperties", cudaGetDeviceProperties(&properties, device));
  return {properties.name, properties.totalGlobalMem, properties.major, properties.minor};
}

std::string deviceUuid(int device) {
  cudaDeviceProp properties{};
  check("cudaGetDeviceProperties", cudaGetDeviceProperties(&properties, device));
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char each : properties.uuid.bytes) {
    const auto byte = static_cast<unsigned char>(each);
    text += {kDigits[byte / 16], kDigits[byte % 16]};
  }
  return text;
}

void useDevice(int device) {
  prepareEnvironment();
  check("cudaSetDevice", cudaSetDevice(device));
}

void reachPeers(int device) {
  const int devices = deviceCount();
  for (int peer = 0; peer < devices; peer++) {
    int can = 0;
    if (peer == device) continue;
    check("cudaDeviceCanAccessPeer", cudaDeviceCanAccessPeer(&can, device, peer));
    if (can == 0) continue;
    const cudaError_t status = cudaDeviceEnablePeerAccess(peer, 0);
    if (status == cudaErrorPeerAccessAlreadyEnabled) {
      cudaGetLastError();
    } else {
      check("cudaDeviceEnablePeerAccess", status);
    }
  }
}

std::size_t freeBytes() {
  std::size_t free = 0;
  std::size_t total = 0;
  check("cudaMemGetInfo", cudaMemGetInfo(&free, &total));
  return free;
}

void* allocate(std::size_t bytes, const char*) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check("cudaMalloc", status);
  return memory;
}

void release(void* memory) noexcept { cudaFree(memory); }

void* allocatePinned(std::size_t bytes) {
  void* memory = nullptr;
  check("cudaHostAlloc", cudaHostAlloc(&memory, bytes, cudaHostAllocPortable));
  return memory;
}

void releasePinned(void* memory) noexcept { cudaFreeHost(memory); }

void* createStream() {
  cudaStream_t stream = nullptr;
  check("cudaStreamCreate", cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

void destroyStream(void* stream) noexcept { cudaStreamDestroy(streamOf(stream)); }

void synchronize(void* stream) { check("cudaStreamSynchronize", cudaStreamSynchronize(streamOf(stream))); }

void copyAsync(void* to, const void* from, std::size_t bytes, void* stream) {
  check("cudaMemcpyAsync", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, streamOf(stream)));
}

void zeroAsync(void* to, std::size_t bytes, void* stream) {
  check("cudaMemsetAsync", cudaMemsetAsync(to, 0, bytes, streamOf(stream)));
}

// Other threads go on allocating and waiting: only what this one does is held to the rules of a capture.
void beginCapture(void* stream) {
  check("cudaStreamBeginCapture", cudaStreamBeginCapture(streamOf(stream), cudaStreamCaptureModeThreadLocal));
}

CapturedGraph endCapture(void* stream) {
  cudaGraph_t noted = nullptr;
  check("cudaStreamEndCapture", cudaStreamEndCapture(streamOf(stream), &noted));
  std::size_t nodes = 0;
  cudaError_t status = cudaGraphGetNodes(noted, nullptr, &nodes);
  cudaGraphExec_t graph = nullptr;
  if (status == cudaSuccess) status = cudaGraphInstantiateWithFlags(&graph, noted, 0);
  cudaGraphDestroy(noted);
  check("cudaGraphInstantiate", status);
  return {graph, nodes};
}

void abandonCapture(void* stream) noexcept {
  cudaGraph_t noted = nullptr;
  cudaStreamEndCapture(streamOf(stream), &noted);
  if (noted != nullptr) cudaGraphDestroy(noted);
  cudaGetLastError();
}

void uploadGraph(void* graph, void* stream) {
  check("cudaGraphUpload", cudaGraphUpload(static_cast<cudaGraphExec_t>(graph), streamOf(stream)));
  synchronize(stream);
}

void launchGraph(void* graph, void* stream) {
  check("cudaGraphLaunch", cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), streamOf(stream)));
}

void destroyGraph(void* graph) noexcept { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

// Whoever waits for it sleeps: the devices' threads share the host's cores.
void* createEvent() {
  cudaEvent_t event = nullptr;
  check("cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventBlockingSync));
  return event;
}

void destroyEvent(void* event) noexcept { cudaEventDestroy(eventOf(event)); }

void record(void* event, void* stream) { check("cudaEventRecord", cudaEventRecord(eventOf(event), streamOf(stream))); }

void waitEvent(void* stream, void* event) {
  check("cudaStreamWaitEvent", cudaStreamWaitEvent(streamOf(stream), eventOf(event), 0));
}

// What a kernel did wrong comes out here, long after its launch.
void synchronizeEvent(void* event) {
  check("a kernel or a copy failed (CUDA_LAUNCH_BLOCKING=1 tells which operator)",
        cudaEventSynchronize(eventOf(event)));
}

std::int64_t elapsedNs(void* from, void* to) {
  float milliseconds = 0;
  check("cudaEventElapsedTime", cudaEventElapsedTime(&milliseconds, eventOf(from), eventOf(to)));
  return std::llround(static_cast<double>(milliseconds) * 1e6);
}

}  // namespace loratwin::cuda
