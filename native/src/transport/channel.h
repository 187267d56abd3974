// A one-way channel of messages between two stages of different processes, in the order in which they are sent.
#pragma once

#include <cstddef>

namespace loratwin {

class Channel {
 public:
  virtual ~Channel() = default;
  // Both block the calling stream's thread and throw std::runtime_error once the channel is aborted or its peer is
  // gone. Returns when the receiver has begun to take the bytes: a receiver that has no buffer free holds the sender
  // up.
  virtual void send(const std::byte* from, std::size_t bytes) = 0;
  // Returns when the bytes are there, as many as were sent.
  virtual void receive(std::byte* to, std::size_t bytes) = 0;
  // Wakes who waits, from any thread.
  virtual void abort() = 0;
};

}  // namespace loratwin
