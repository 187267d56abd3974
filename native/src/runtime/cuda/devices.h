// The door to the CUDA devices; cuda_device.cc has them, no_devices.cc is what a build without CUDA says.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "cuda/blas.h"
#include "runtime/device.h"

namespace loratwin {

struct CudaDeviceInfo {
  std::string name;
  std::size_t memoryBytes;
  std::string computeCapability;  // "9.0"
};

struct CudaInfo {
  bool built;          // whether this addon has the CUDA backend
  std::string reason;  // why there are no devices
  std::vector<CudaDeviceInfo> devices;
};
CudaInfo cudaInfo();

// What moves messages between GPUs of different ranks.
struct NcclInfo {
  std::string name;               // with its version; empty where it cannot be used
  std::string reason;             // why it cannot
  std::vector<std::string> gpus;  // by index: what no other GPU is called
};
// Loads it.
NcclInfo ncclInfo();

// Of a GPU, now, with this process's context on it, which is made if there is none: that takes part of a second and
// some hundred megabytes. Throws ArgumentError for a GPU that is not there or cannot be used.
std::size_t cudaFreeBytes(int index);

// Whether the launches of runs that come again are noted in CUDA graphs: of all, or of those that take the host at
// least half as long to give one by one as they take the GPU.
enum class GraphMode { off, on, automatic };

struct CudaOptions {
  int index = 0;
  GraphMode graphs = GraphMode::automatic;
  std::size_t graphRoomBytes = 0;  // of the GPU's memory, for its graphs
  // Of earlier runs, for the library that they name; another one has its own first choice.
  ProductLibrary products = {};
  // Whether products that `products` does not have are timed.
  bool measureProducts = false;
};

// Name and version of what multiplies on GPUs; empty where nothing does.
std::string productLibrary();

// Several devices may share a GPU. Throws ArgumentError when there is no such GPU, or nothing that multiplies on it.
std::shared_ptr<Device> makeCudaDevice(std::shared_ptr<Runtime> runtime, std::string name, CudaOptions options);

}  // namespace loratwin
