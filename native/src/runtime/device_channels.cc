// Messages of a device to and from those of other ranks.
#include <algorithm>
#include <utility>

#include "device.h"
#include "errors.h"

namespace loratwin {

Device::ChannelStream& Device::streamOf(const std::shared_ptr<Channel>& channel, const char* name) {
  ChannelStream& own = channelStreams_[channel.get()];
  if (!own.stream) {
    own.channel = channel;
    own.stream = std::make_unique<Stream>(runtime_, name_, name, std::vector<int>{}, false);
    own.stream->start();
  }
  return own;
}

void Device::enqueueChannelSend(const TaskHead& head, std::size_t source, std::size_t bytes,
                                std::shared_ptr<Channel> channel) {
  requireLive();
  requireRange("send.source", source, bytes);
  ChannelStream& own = streamOf(channel, "send");
  Task task = prepare(head);
  task.work = [this, arena = arena_, source, bytes, &own](Completion&) {
    const std::byte* from = arena->data() + source;
    if (!isHostMemory()) {
      own.staging.resize(std::max(own.staging.size(), bytes));
      arena->read(own.staging.data(), source, bytes);
      from = own.staging.data();
    }
    own.channel->send(from, bytes);
  };
  own.stream->enqueue(std::move(task));
}

void Device::enqueueChannelSend(const TaskHead& head, std::size_t source, std::size_t bytes,
                                std::shared_ptr<NcclChannel> channel) {
  requireLive();
  requireRange("send.source", source, bytes);
  requireGpu();
  queueNccl(prepare(head), {true, arena_, source, bytes, std::move(channel)});
}

void Device::enqueueReceive(const TaskHead& head, std::size_t destination, std::size_t bytes,
                            std::shared_ptr<Channel> channel) {
  requireLive();
  requireRange("receive.destination", destination, bytes);
  ChannelStream& own = streamOf(channel, "receive");
  Task task = prepare(head);
  task.work = [this, arena = arena_, destination, bytes, &own](Completion&) {
    if (isHostMemory()) {
      own.channel->receive(arena->data() + destination, bytes);
      return;
    }
    own.staging.resize(std::max(own.staging.size(), bytes));
    own.channel->receive(own.staging.data(), bytes);
    arena->write(destination, own.staging.data(), bytes);
  };
  own.stream->enqueue(std::move(task));
}

void Device::enqueueReceive(const TaskHead& head, std::size_t destination, std::size_t bytes,
                            std::shared_ptr<NcclChannel> channel) {
  requireLive();
  requireRange("receive.destination", destination, bytes);
  requireGpu();
  queueNccl(prepare(head), {false, arena_, destination, bytes, std::move(channel)});
}

void Device::requireGpu() const {
  if (isHostMemory()) throw ArgumentError("a GPU, for a channel of NCCL", "device " + name_, "a CPU device");
}

}  // namespace loratwin
