// A CUDA stream with two threads: one gives it tasks as soon as what they wait for is given to some stream, the other
// reports them when the GPU has done them. The GPU, not the host, waits between tasks of CUDA streams.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/stream.h"

namespace loratwin {

class CudaStream final : public Stream {
 public:
  CudaStream(std::shared_ptr<Runtime> runtime, std::string device, const char* name, int index);
  ~CudaStream() override;

  void* handle() const { return stream_; }
  // Drops what is not given to the GPU yet and waits for what is.
  void halt();

 protected:
  void execute(Task task) override;

 private:
  struct Given {
    Task task;
    Completion done;
    void* start;
    void* end;
  };

  // Until everything given to the stream so far is reported.
  void waitForReports();
  bool waitFor(const Task& task);
  void reportLoop();
  void finish(Given given);
  // The runtime's time of an event that has come true.
  std::int64_t timeOf(void* event);
  void anchor();
  void* takeEvent();

  const int index_;
  void* stream_;
  // What maps the GPU's clock to the runtime's.
  void* anchor_ = nullptr;
  std::int64_t anchorNs_ = 0;
  std::int64_t lastEndNs_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Given> given_;
  int unreported_ = 0;
  std::vector<void*> spareEvents_;
  bool ending_ = false;
  Waiter reporterWaiter_;
  std::thread reporter_;
};

}  // namespace loratwin
