// A one-way channel of messages between two GPUs of different ranks: what NCCL moves on a CUDA stream, past the host's
// memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cuda/nccl_api.h"
#include "transport/channel.h"
#include "transport/world.h"

namespace loratwin {

// An operation is given to the GPU when both sides are ready for it, and not before: its kernel waits for the peer's,
// holds a part of the GPU meanwhile, and may keep others from running. The receiver says when its buffer is free, by a
// message of the host which the sender takes when its bytes are there.
class NcclChannel {
 public:
  // `forth` goes the way of the messages, `back` the other one.
  NcclChannel(std::shared_ptr<Channel> forth, std::shared_ptr<Channel> back, int peer);
  ~NcclChannel();
  NcclChannel(const NcclChannel&) = delete;
  NcclChannel& operator=(const NcclChannel&) = delete;

  // Both block until the operation is in `stream`, which is the same one each time and of the GPU in use, as is the
  // memory; the first of them meets the peer. They throw std::runtime_error once the channel is aborted, or the peer is
  // gone, whose rank it names.
  void send(const std::byte* from, std::size_t bytes, void* stream);
  void receive(std::byte* to, std::size_t bytes, void* stream);
  // When the stream has come to the end of an operation: throws where that is because it was aborted.
  void requireWhole();
  // Wakes who waits and ends what is in the stream, from any thread.
  void abort();

 private:
  // Makes the communicator, of which the sender is rank 0, if there is none.
  void meet(int rank);
  // Messages of the host.
  template <class Value>
  void tell(Channel& channel, const Value& value);
  template <class Value>
  Value hear(Channel& channel);
  // A call of NCCL, until it is done; holds the mutex meanwhile, but for its waits.
  void call(const char* name, const std::function<int(const cuda::nccl::Library&)>& body);
  // All hold the mutex. What is neither done nor in progress closes the channel.
  int progress(const char* name, int result);
  void requireOpen() const;
  void close(const std::string& reason);
  // Asks NCCL now and then whether the peer is gone, and ends what waits for it.
  void watch();

  const std::shared_ptr<Channel> forth_;
  const std::shared_ptr<Channel> back_;
  const int peer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hasMet_ = false;  // of the thread that gives the operations
  cuda::nccl::Communicator communicator_ = nullptr;
  // Why it is closed; empty while it is not.
  std::string reason_;
  std::thread watchdog_;
};

// To or from `peer`; its host messages take the channel `number` of the world and the next one. Throws ArgumentError
// without NCCL.
std::shared_ptr<NcclChannel> ncclChannel(World& world, int peer, int number);

}  // namespace loratwin
