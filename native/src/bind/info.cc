#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "bind/bind.h"
#include "bind/handles.h"
#include "ops/attention.h"
#include "ops/cached_attention.h"
#include "ops/expert_matmul.h"
#include "ops/head_logits.h"
#include "ops/head_loss.h"
#include "ops/isa.h"
#include "ops/lora.h"
#include "ops/onednn.h"
#include "runtime/cpu/core_claims.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/devices.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

// What a number of JavaScript's tells exactly.
constexpr std::size_t kMostBytes = (std::size_t{1} << 53) - 1;

std::string cpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

Napi::Object cuda(Napi::Env env) {
  const CudaInfo info = cudaInfo();
  Napi::Object result = Napi::Object::New(env);
  result.Set("built", info.built);
  result.Set("reason", info.reason);
  Napi::Array devices = Napi::Array::New(env);
  for (const CudaDeviceInfo& device : info.devices) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", device.name);
    entry.Set("memoryBytes", Napi::Number::New(env, static_cast<double>(device.memoryBytes)));
    entry.Set("computeCapability", device.computeCapability);
    devices.Set(devices.Length(), entry);
  }
  result.Set("devices", devices);
  return result;
}

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Object result = Napi::Object::New(env);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  Napi::Array cores = Napi::Array::New(env);
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &allowed)) cores.Set(cores.Length(), Napi::Number::New(env, core));
  }
  result.Set("version", LORATWIN_VERSION);
  result.Set("onednn", ops::onednnVersion());
  result.Set("isa", ops::isaName(ops::currentIsa()));
  result.Set("isaOfProcessor", ops::isaName(ops::isaOfProcessor()));
  result.Set("cpuModel", cpuModel());
  result.Set("cores", cores);
  result.Set("cuda", cuda(env));
  return result;
}

Napi::Value claim(const Napi::CallbackInfo& call) {
  return Napi::Boolean::New(call.Env(), claimCore(whole32(call[0], "claimCore.core")));
}

Napi::Value freeBytes(const Napi::CallbackInfo& call) {
  return Napi::Number::New(call.Env(), static_cast<double>(cudaFreeBytes(whole32(call[0], "cudaFreeBytes.index"))));
}

Napi::Value scratchBytes(const Napi::CallbackInfo& call) {
  const std::string name = text(call[0], "scratchBytes.operator");
  const Napi::Object shape = object(call[1], "scratchBytes.shape");
  const auto figure = [&](const char* field) {
    return size(shape.Get(field), ("scratchBytes." + std::string(field)).c_str());
  };
  const auto figureOr0 = [&](const char* field) { return shape.Has(field) ? figure(field) : 0; };
  std::size_t bytes = 0;
  if (name == "attention") {
    bytes = ops::attentionScratchBytes(figure("threads"), figure("maxSequence"), figure("headDim"));
  } else if (name == "attentionBackward") {
    bytes = ops::attentionBackwardScratchBytes(figure("threads"), figure("maxSequence"), figure("headDim"));
  } else if (name == "cachedAttention") {
    const std::size_t kvHeads = std::max<std::size_t>(figure("kvHeads"), 1);
    bytes = ops::cachedAttentionScratchBytes(figure("threads"), figure("heads"), kvHeads, figure("headDim"));
  } else if (name == "expertMatmul") {
    bytes = ops::expertMatmulScratchBytes(figure("inFeatures"), figure("outFeatures"));
  } else if (name == "headLogits") {
    bytes = ops::headLogitsBytes(figure("rows"), figure("hidden"), figure("vocabulary"),
                                 dtype(shape.Get("dtype"), "scratchBytes.dtype"), figureOr0("lds"));
  } else if (name == "headLoss") {
    bytes = ops::headLossScratchBytes(figure("tileRows"), figure("hidden"), figure("vocabulary"),
                                      dtype(shape.Get("dtype"), "scratchBytes.dtype"), figureOr0("lds"),
                                      figureOr0("tokenColumns"));
  } else if (name == "loraBackward") {
    bytes = ops::loraBackwardScratchBytes(figure("rows"), figure("maxRank"), figure("projections"),
                                          dtype(shape.Get("dtype"), "scratchBytes.dtype"));
  } else if (name == "cudaAttentionBackward") {
    bytes = cuda::attentionScratchBytes(figure("rows"), figure("heads"));
  } else if (name == "cudaHeadLoss") {
    bytes =
        cuda::headScratch(figure("tileRows"), figure("hidden"), figure("vocabulary"),
                          dtype(shape.Get("dtype"), "scratchBytes.dtype"), figureOr0("lds"), figureOr0("tokenColumns"))
            .bytes;
  } else if (name == "cudaLoraBackward") {
    const std::size_t count = figure("projections");
    if (count > ops::kLoraProjections) {
      throw ArgumentError("at most " + std::to_string(ops::kLoraProjections), "scratchBytes.projections",
                          std::to_string(count));
    }
    const std::vector<cuda::LoraScratchProjection> projections(count, {figure("outFeatures"), figure("lds")});
    bytes = cuda::loraScratchBytes(figure("rows"), figure("segments"), figure("maxRank"), figure("inFeatures"),
                                   projections, dtype(shape.Get("dtype"), "scratchBytes.dtype"));
  } else {
    throw ArgumentError("an operator with scratch", "scratchBytes", name);
  }
  if (bytes > kMostBytes) throw ArgumentError("a shape whose scratch has fewer than 2^53 bytes", "scratchBytes", name);
  return Napi::Number::New(call.Env(), static_cast<double>(bytes));
}

// Apart from info(), since loading the library takes a while.
Napi::Value productLibraryName(const Napi::CallbackInfo& call) {
  return Napi::String::New(call.Env(), productLibrary());
}

// As productLibraryName() is.
Napi::Value nccl(const Napi::CallbackInfo& call) {
  const NcclInfo info = ncclInfo();
  Napi::Object result = Napi::Object::New(call.Env());
  Napi::Array gpus = Napi::Array::New(call.Env());
  for (const std::string& gpu : info.gpus) gpus.Set(gpus.Length(), gpu);
  result.Set("name", info.name);
  result.Set("reason", info.reason);
  result.Set("gpus", gpus);
  return result;
}

}  // namespace

void registerInfo(Napi::Env env, Napi::Object exports) {
  expose<info>(env, exports, "info");
  expose<claim>(env, exports, "claimCore");
  expose<freeBytes>(env, exports, "cudaFreeBytes");
  expose<scratchBytes>(env, exports, "scratchBytes");
  expose<productLibraryName>(env, exports, "productLibraryName");
  expose<nccl>(env, exports, "ncclInfo");
}

}  // namespace loratwin::bind
