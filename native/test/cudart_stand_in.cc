#include "cudart_stand_in.h"

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

// What nvcc's host code is and calls; its headers declare these for nvcc alone.
extern "C" {
void** __cudaRegisterFatBinary(void* fatbin);
void __cudaRegisterFatBinaryEnd(void** handle);
void __cudaUnregisterFatBinary(void** handle);
void __cudaRegisterFunction(void** handle, const char* host, char* device, const char* name, int threads, uint3*,
                            uint3*, dim3*, dim3*, int*);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream);
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream);
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* entry);
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared,
                               cudaStream_t stream);
}

namespace {

using namespace loratwin::test;

constexpr int kDevices = 2;
constexpr std::size_t kSharedAtFirst = 48 * 1024;

struct Stream {
  bool capturing = false;
  std::size_t noted = 0;
};
struct Graph {
  std::size_t nodes;
};
struct Exec {
  int device;
  std::size_t nodes;
  bool onDevice = false;
};

struct Configuration {
  dim3 grid;
  dim3 block;
  std::size_t shared;
  cudaStream_t stream;
};

int inUse = 0;
std::size_t used[kDevices];
std::map<void*, std::pair<int, std::size_t>> allocations;
std::map<const void*, std::string> kernels;
std::map<std::pair<const void*, int>, std::size_t> allowed;
Configuration pushed;
cudaError_t last = cudaSuccess;

// Kernels are registered before anything is called.
void note(const std::string& call) {
  if (calls.empty()) {
    const char* const given = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
    connectionsAtFirstCall = given == nullptr ? "" : given;
  }
  calls.push_back(call);
}

cudaError_t failed(cudaError_t error) {
  last = error;
  return error;
}

// To a stream that is capturing everything is a node; else it is done.
template <class Work>
cudaError_t give(cudaStream_t stream, Work&& work) {
  auto* const to = reinterpret_cast<Stream*>(stream);
  if (to != nullptr && to->capturing) {
    to->noted++;
  } else {
    work();
  }
  return cudaSuccess;
}

cudaError_t takeMemory(Exec& graph) {
  if (graph.onDevice) return cudaSuccess;
  const std::size_t bytes = graph.nodes * kNodeBytes;
  if (used[graph.device] + bytes > kTotalBytes) return failed(cudaErrorMemoryAllocation);
  used[graph.device] += bytes;
  graph.onDevice = true;
  return cudaSuccess;
}

cudaError_t launch(const void* kernel, std::size_t shared, cudaStream_t stream) {
  note("launch " + kernels.at(kernel));
  const auto most = allowed.find({kernel, inUse});
  if (shared > (most == allowed.end() ? kSharedAtFirst : most->second)) return failed(cudaErrorInvalidValue);
  return give(stream, [] {});
}

template <class Kind, class Handle>
Kind& as(Handle handle) {
  return *reinterpret_cast<Kind*>(handle);
}

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  kernels[host] = name;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  pushed = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared = pushed.shared;
  *static_cast<cudaStream_t*>(stream) = pushed.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* entry) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(entry));
  return cudaSuccess;
}
// CUDA 13's stubs launch by the first, earlier ones by the second.
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3, dim3, void**, size_t shared, cudaStream_t stream) {
  return launch(kernel, shared, stream);
}
cudaError_t cudaLaunchKernel(const void* kernel, dim3, dim3, void**, size_t shared, cudaStream_t stream) {
  return launch(kernel, shared, stream);
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  note("cudaFuncSetAttribute");
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0) return failed(cudaErrorInvalidValue);
  allowed[{kernel, inUse}] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "invalid argument";
}
cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }

cudaError_t cudaGetDeviceCount(int* count) {
  note("cudaGetDeviceCount");
  *count = kDevices;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  note("cudaGetDeviceProperties");
  *properties = {};
  std::strcpy(properties->name, "stand-in");
  properties->totalGlobalMem = kTotalBytes;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  note("cudaSetDevice");
  if (device < 0 || device >= kDevices) return failed(cudaErrorInvalidDevice);
  inUse = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = inUse;
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  note("cudaMemGetInfo");
  *free = kTotalBytes - used[inUse];
  *total = kTotalBytes;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  if (used[inUse] + bytes > kTotalBytes) return failed(cudaErrorMemoryAllocation);
  *memory = std::malloc(bytes);
  // What nobody has written is no number.
  std::memset(*memory, 0xff, bytes);
  allocations[*memory] = {inUse, bytes};
  used[inUse] += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  const auto [device, bytes] = allocations[memory];
  used[device] -= bytes;
  allocations.erase(memory);
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = reinterpret_cast<cudaStream_t>(new Stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete &as<Stream>(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  note("cudaStreamSynchronize");
  return as<Stream>(stream).capturing ? failed(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  return give(stream, [&] { std::memmove(to, from, bytes); });
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return give(stream, [&] { std::memset(to, value, bytes); });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  as<Stream>(stream) = {.capturing = true, .noted = 0};
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  auto& captured = as<Stream>(stream);
  captured.capturing = false;
  *graph = reinterpret_cast<cudaGraph_t>(new Graph{captured.noted});
  return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = as<Graph>(graph).nodes;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  note("cudaGraphInstantiate");
  *made = reinterpret_cast<cudaGraphExec_t>(new Exec{inUse, as<Graph>(graph).nodes});
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete &as<Graph>(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t) {
  note("cudaGraphUpload");
  return takeMemory(as<Exec>(graph));
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  note("cudaGraphLaunch");
  return takeMemory(as<Exec>(graph));
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  auto* const dead = &as<Exec>(graph);
  if (dead->onDevice) used[dead->device] -= dead->nodes * kNodeBytes;
  delete dead;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new int(0));
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete &as<int>(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  *milliseconds = 0;
  return cudaSuccess;
}

}  // extern "C"
