#include "runtime/cuda/devices.h"
#include "runtime/errors.h"
#include "transport/nccl_channel.h"

namespace loratwin {

namespace {
constexpr const char* kReason = "this build has no CUDA backend";
}

CudaInfo cudaInfo() { return {false, kReason, {}}; }

std::size_t cudaFreeBytes(int index) { throw ArgumentError("a CUDA device", "cuda:" + std::to_string(index), kReason); }
std::string productLibrary() { return ""; }
NcclInfo ncclInfo() { return {"", kReason, {}}; }

std::shared_ptr<Device> makeCudaDevice(std::shared_ptr<Runtime>, std::string name, CudaOptions) {
  throw ArgumentError("a CUDA device", name, kReason);
}

std::shared_ptr<NcclChannel> ncclChannel(World&, int, int) { throw ArgumentError("NCCL", "channel", kReason); }

}  // namespace loratwin
