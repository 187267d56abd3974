// A GPU, or a share of one: a compute and a send stream, and one for each of NCCL's channels.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "cuda/blas.h"
#include "runtime/cuda/cuda_memory.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/cuda/devices.h"
#include "runtime/cuda/graphs.h"
#include "runtime/cuda/steps.h"
#include "runtime/cuda/tables.h"
#include "runtime/device.h"

namespace loratwin {

class CudaDevice final : public Device {
 public:
  CudaDevice(std::shared_ptr<Runtime> runtime, std::string name, CudaOptions options);
  ~CudaDevice() override { stop(); }

  const StreamTimes& times() const override { return compute_->times(); }
  GraphCounts graphs() const override { return graphs_->counts(); }
  ProductLibrary products() const override { return {cuda::libraryName(), blas_->choices()}; }

 protected:
  std::shared_ptr<Matrix> makeMatrix(const MatrixSource& source) override;
  std::shared_ptr<const Matrix> useMatrix(const std::shared_ptr<const Matrix>& other) override;
  std::string memoryName() const override { return "cuda " + std::to_string(index_); }
  bool isHostMemory() const override { return false; }
  void parametersWritten(const Adapter& adapter) override;
  void queueRun(Task task, const Program& program, Bindings bindings) override;
  void queueUpdate(Task task, std::vector<UpdateItem> items) override;
  void queueTransfer(Task task, Transfer transfer) override;
  void queueNccl(Task task, NcclMessage message) override;
  void queueUpload(Task task, std::vector<float> data, std::size_t destination) override;
  void queueOther(Task task) override { compute_->enqueue(std::move(task)); }
  void halt() override;
  void release() override;

 private:
  std::shared_ptr<Matrix> quantize(const MatrixSource& source);
  // Makes room for the dequantized columns of a weight.
  void reserveDequantized(std::int32_t out, std::int32_t in);

  struct RunTask;
  void launch(RunTask& run);
  std::vector<Launch> prepare(RunTask& run);
  // Gives the run to the compute stream as a graph, noted from `give` when that is wanted. False when it is not one.
  bool launchGraph(KnownRun& known, const std::function<void()>& give);
  void launchSums(const Bindings& bindings, TableSlot& slot, std::vector<Launch>& launches) const;
  // The norms of an adapter with magnitudes, of the parameters that it has when the stream comes to them.
  void takeNorms(const Adapter& adapter);
  void launchUpdate(const std::vector<UpdateItem>& items, const std::shared_ptr<TableSlot>& slot);
  // What is to be told of them: to the host as the device has them, then into the completion.
  void copyTold(const std::vector<UpdateItem>& items, std::vector<std::vector<float>>& told) const;
  static void takeTold(const std::vector<UpdateItem>& items, const std::vector<std::vector<float>>& told,
                       Completion& done);

  const int index_;
  std::unique_ptr<CudaStream> compute_;
  std::unique_ptr<CudaStream> send_;
  // NCCL's, each with a stream of its own: a message waits for none of another channel.
  struct NcclStream {
    std::shared_ptr<NcclChannel> channel;
    std::unique_ptr<CudaStream> stream;
  };
  std::map<const NcclChannel*, NcclStream> ncclStreams_;
  std::unique_ptr<Buffer> workspace_;
  std::unique_ptr<Buffer> dequantized_;  // columns of a quantized weight; null without one
  std::unique_ptr<cuda::Blas> blas_;
  std::unique_ptr<TableSlots> slots_;
  std::unique_ptr<RotationTables> rotations_;
  std::unique_ptr<Graphs> graphs_;
};

}  // namespace loratwin
