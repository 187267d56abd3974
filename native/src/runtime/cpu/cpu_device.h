// A device of CPU cores: a pinned pool, and a compute and a send stream of threads.
#pragma once

#include "runtime/cpu/pool.h"
#include "runtime/cpu/speed_samples.h"
#include "runtime/cpu/steps.h"
#include "runtime/device.h"

namespace loratwin {

class CpuDevice final : public Device {
 public:
  // Throws ArgumentError when a core is not one that this process may use.
  CpuDevice(std::shared_ptr<Runtime> runtime, std::string name, const std::vector<int>& cores);
  ~CpuDevice() override { stop(); }

  bool worksAside() const override { return true; }
  const StreamTimes& times() const override { return compute_->times(); }
  void sampleSpeed(ops::DType dtype, std::int64_t everyNs) override;
  std::vector<SpeedSample> takeSpeedSamples() override;

 protected:
  std::shared_ptr<Matrix> makeMatrix(const MatrixSource& source) override;
  std::shared_ptr<const Matrix> useMatrix(const std::shared_ptr<const Matrix>& other) override;
  std::string memoryName() const override { return "host"; }
  bool isHostMemory() const override { return true; }
  bool hasRowSquares(const Matrix& matrix) const override { return rowSquaresOf(matrix) != nullptr; }
  void programMade(const Program& program) override;
  int threads() const override { return team_->threads(); }
  void queueRun(Task task, const Program& program, Bindings bindings) override;
  void queueUpdate(Task task, std::vector<UpdateItem> items) override;
  void queueTransfer(Task task, Transfer transfer) override;
  void queueUpload(Task task, std::vector<float> data, std::size_t destination) override;
  void queueOther(Task task) override { compute_->enqueue(std::move(task)); }
  void halt() override;
  void release() override;

 private:
  static constexpr std::int64_t kNeverRan = -1;

  void countEngine();
  // work(done), and what the system took from the team, or from the send stream's thread, meanwhile and before.
  template <class Read, class Work>
  static Task::Work counted(std::int64_t& lostBefore, Read read, Work work);
  template <class Work>
  Task::Work countedCompute(Work work);
  void run(const Program& program, const Bindings& bindings, Buffer& arena, Completion& done);
  void update(const std::vector<UpdateItem>& items, Completion& done);
  // The norms of an adapter with magnitudes, of the parameters that it has now.
  void takeNorms(const Adapter& adapter);

  std::unique_ptr<Pool> team_;
  std::unique_ptr<ops::MatmulEngine> engine_;
  std::size_t engineBytes_ = 0;
  RunScratch scratch_;
  std::unique_ptr<SpeedSamples> samples_;
  ThreadClock sendClock_;
  // Of the compute and the send stream's threads, until their last tasks had ended.
  std::int64_t lostCompute_ = kNeverRan;
  std::int64_t lostSend_ = kNeverRan;
  std::unique_ptr<Stream> compute_;
  std::unique_ptr<Stream> send_;
};

}  // namespace loratwin
