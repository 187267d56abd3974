// What NcclChannel promises, between two processes, over NCCL's table on the emulation. The parent is rank 0.
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cuda/driver.h"
#include "promises.h"
#include "transport/nccl_channel.h"

namespace {

using namespace loratwin;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::allKept;
using test::expect;

constexpr int kMessages = 50;
constexpr std::size_t kBytes = std::size_t{1} << 18;
constexpr milliseconds kLate{200};

// The host's messages: a send waits for the receiver's word that it takes them.
class SocketChannel final : public Channel {
 public:
  SocketChannel(int socket, int peer) : socket_(socket), peer_(peer) {}
  void send(const std::byte* from, std::size_t bytes) override {
    std::byte word{};
    move([&](std::byte* at, std::size_t left) { return ::recv(socket_, at, left, 0); }, &word, 1);
    move([&](std::byte* at, std::size_t left) { return ::send(socket_, at, left, MSG_NOSIGNAL); },
         const_cast<std::byte*>(from), bytes);
  }
  void receive(std::byte* to, std::size_t bytes) override {
    std::byte word{};
    move([&](std::byte* at, std::size_t left) { return ::send(socket_, at, left, MSG_NOSIGNAL); }, &word, 1);
    move([&](std::byte* at, std::size_t left) { return ::recv(socket_, at, left, 0); }, to, bytes);
  }
  void abort() override { shutdown(socket_, SHUT_RDWR); }

 private:
  void move(const std::function<ssize_t(std::byte*, std::size_t)>& step, std::byte* data, std::size_t bytes) const {
    for (std::size_t done = 0; done < bytes;) {
      const ssize_t moved = step(data + done, bytes - done);
      if (moved <= 0) throw std::runtime_error("rank " + std::to_string(peer_) + " is gone");
      done += static_cast<std::size_t>(moved);
    }
  }

  const int socket_;
  const int peer_;
};

// The two sockets of a pair.
struct Pair {
  int ends[2];
  Pair() {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("socketpair");
  }
};

// The host's messages of a channel, and the channel of one rank over them.
struct Link {
  Pair forth;
  Pair back;
  std::shared_ptr<Channel> forthOf(int rank) const { return over(forth, rank); }
  std::shared_ptr<Channel> backOf(int rank) const { return over(back, rank); }
  std::unique_ptr<NcclChannel> of(int rank) const {
    return std::make_unique<NcclChannel>(forthOf(rank), backOf(rank), 1 - rank);
  }
  static std::shared_ptr<Channel> over(const Pair& pair, int rank) {
    return std::make_shared<SocketChannel>(pair.ends[rank], 1 - rank);
  }
  void closeOf(int rank) const {
    close(forth.ends[rank]);
    close(back.ends[rank]);
  }
};

// One end of a channel, with a stream and memory of a GPU of its rank.
class End {
 public:
  End(std::unique_ptr<NcclChannel> channel, int device) : channel_(std::move(channel)), device_(device) {
    cuda::useDevice(device_);
    stream_ = cuda::createStream();
    memory_ = static_cast<std::byte*>(cuda::allocate(kBytes, "messages"));
    event_ = cuda::createEvent();
  }
  NcclChannel& channel() { return *channel_; }
  void give(bool sends, std::size_t bytes = kBytes) {
    cuda::useDevice(device_);
    if (sends)
      channel_->send(memory_, bytes, stream_);
    else
      channel_->receive(memory_, bytes, stream_);
    cuda::record(event_, stream_);
  }
  // Until the GPU has done it.
  void finish() {
    cuda::synchronizeEvent(event_);
    channel_->requireWhole();
  }
  void fill(int value) {
    const std::vector<std::byte> bytes(kBytes, static_cast<std::byte>(value));
    cuda::copyAsync(memory_, bytes.data(), kBytes, stream_);
  }
  bool holds(int value) const {
    std::vector<std::byte> bytes(kBytes);
    cuda::copyAsync(bytes.data(), memory_, kBytes, stream_);
    return bytes == std::vector<std::byte>(kBytes, static_cast<std::byte>(value));
  }

 private:
  const std::unique_ptr<NcclChannel> channel_;
  const int device_;
  void* stream_;
  std::byte* memory_;
  void* event_;
};

int valueOf(int rank, int message) { return 100 * rank + message; }

void sendAll(End& end, int rank) {
  for (int k = 0; k < kMessages; k++) {
    end.fill(valueOf(rank, k));
    end.give(true);
    end.finish();
  }
}

// Whether each was whole and in its place.
bool receiveAll(End& end, int rank) {
  bool right = true;
  for (int k = 0; k < kMessages; k++) {
    end.give(false);
    end.finish();
    right = right && end.holds(valueOf(rank, k));
  }
  return right;
}

// What body() throws; empty when it does not.
std::string errorOf(const std::function<void()>& body) {
  try {
    body();
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

milliseconds since(steady_clock::time_point from) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - from);
}

}  // namespace

int main() {
  // Up: from rank 0 to rank 1. Idle: rank 1 never comes. Lost: rank 1 dies behind its word that its buffer is free.
  const Link up, down, sizes, idle, lost, lostBefore;
  const pid_t child = fork();
  const int rank = child == 0 ? 1 : 0;
  for (const Link* link : {&up, &down, &sizes, &idle, &lost, &lostBefore}) link->closeOf(1 - rank);
  alarm(60);

  End upward(up.of(rank), rank);
  End downward(down.of(rank), rank);
  bool right = false;
  {
    End& own = rank == 0 ? upward : downward;
    End& others = rank == 0 ? downward : upward;
    std::thread sending([&] { sendAll(own, rank); });
    right = receiveAll(others, 1 - rank);
    sending.join();
  }
  // The other one comes late: first the receiver, then the sender.
  auto from = steady_clock::now();
  if (rank == 1) std::this_thread::sleep_for(kLate);
  upward.give(rank == 0);
  const bool senderWaited = since(from) >= kLate / 2;
  upward.finish();
  from = steady_clock::now();
  if (rank == 1) std::this_thread::sleep_for(kLate);
  downward.give(rank == 1);
  const bool receiverWaited = since(from) >= kLate / 2;
  downward.finish();

  End other(sizes.of(rank), rank);
  const std::string size = errorOf([&] { other.give(rank == 0, rank == 0 ? kBytes : kBytes / 2); });

  if (rank == 1) {
    // As a receive does, up to its operation.
    const std::shared_ptr<Channel> forth = lost.forthOf(1);
    cuda::nccl::UniqueId id;
    forth->receive(reinterpret_cast<std::byte*>(&id), sizeof id);
    cuda::nccl::Communicator made = nullptr;
    cuda::nccl::Config config;
    config.blocking = 0;
    cuda::nccl::library().commInitRankConfig(&made, 2, id, 1, &config);
    const std::uint64_t room = kBytes;
    lost.backOf(1)->send(reinterpret_cast<const std::byte*>(&room), sizeof room);
    _exit(right ? 0 : 1);
  }

  expect("50 messages come in order, up while as many come down", right);
  expect("a send is not given to the GPU before the receiver is ready", senderWaited);
  expect("a receive is not given to the GPU before the sender is ready", receiverWaited);
  expect("another size is an error that names the rank",
         size == "rank 1 takes a message of 131072 bytes, not of 262144");

  End waiting(idle.of(0), 0);
  std::string closed;
  std::thread waits([&] { closed = errorOf([&] { waiting.give(true); }); });
  std::this_thread::sleep_for(milliseconds(50));
  waiting.channel().abort();
  waits.join();
  expect("a closed channel frees who waits", closed == "the channel was closed");
  expect("and stays closed", errorOf([&] { waiting.give(true); }) == "the channel was closed");

  End dying(lost.of(0), 0);
  dying.fill(1);
  from = steady_clock::now();
  const std::string gone = errorOf([&] {
    dying.give(true);
    dying.finish();
  });
  expect("a rank that dies within a message ends it with an error that names the rank",
         gone.find("with rank 1: remote process exited") != std::string::npos);
  expect("soon", since(from) < milliseconds(5000));
  int status = 0;
  waitpid(child, &status, 0);
  expect("the other rank had all messages in order too", WIFEXITED(status) && WEXITSTATUS(status) == 0);
  End late(lostBefore.of(0), 0);
  expect("a rank that is gone before is an error that names it",
         errorOf([&] { late.give(false); }) == "rank 1 is gone");
  return allKept ? 0 : 1;
}
