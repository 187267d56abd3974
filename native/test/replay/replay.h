// Calls of a recording on this machine's CPU devices, without Node: for sanitizers and the fuzzer.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "replay/recording.h"
#include "runtime/device.h"
#include "runtime/errors.h"

namespace loratwin::test {

// Whether a call was refused since tasks that it has to wait for have not ended.
bool comesTooEarly(const ArgumentError& error);

class Replay {
 public:
  // `cores`: what a device is given in place of the recorded ones, as many of them.
  // `patienceMs`: how long it waits for tasks that had ended in the recording.
  Replay(std::vector<int> cores, int patienceMs) : cores_(std::move(cores)), patienceMs_(patienceMs) {}
  ~Replay();

  // Makes the call. Throws what the addon would throw; std::runtime_error for arguments of another kind.
  void make(const Call& call);
  // Waits until the queues are empty, or some time has passed without anything being done. What stopped a runtime.
  std::vector<std::string> settle(int patienceMs);
  // Of all updates that told parameters, and of all losses: numbers to compare runs by.
  double losses() const { return losses_; }
  std::size_t completed() const { return completed_; }

 private:
  struct OneRuntime {
    std::shared_ptr<Runtime> runtime;
    std::vector<std::weak_ptr<Device>> devices;
  };

  Runtime& runtime(const Call& call) const;
  Device& device(const Call& call, std::size_t argument = 0) const;
  void createDevice(const Call& call);
  void load(const Call& call);
  void touchAdapter(const Call& call);
  void touchArena(const Call& call);
  void enqueue(const Call& call);
  void drain();
  // Waits until as many tasks of a stream have ended as had in the recording.
  void awaitEnds(const Call& call);

  std::vector<int> cores_;
  int patienceMs_;
  std::vector<OneRuntime> runtimes_;
  std::vector<std::shared_ptr<Device>> devices_;
  std::vector<std::string> failures_;
  std::size_t enqueued_ = 0;
  std::size_t completed_ = 0;
  // Of each runtime, device and stream.
  std::map<std::string, std::size_t> ends_;
  double losses_ = 0;
};

}  // namespace loratwin::test
