#include "transport/mpi_world.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include "runtime/clock.h"
#include "transport/mpi_library.h"

namespace loratwin {

namespace {

// Of everything but the channels, which have the tags above.
constexpr int kServiceTag = 1;
constexpr int kFirstChannelTag = 16;
// MPI counts in ints.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
// After something last moved the thread polls for a moment without sleep. Then it sleeps between polls, an eighth of
// what it has waited, so that no wait gets longer by more than that, and never more than this: then it takes 2 to 3 %
// of a core.
constexpr std::int64_t kBusyNs = 50'000;
constexpr std::int64_t kMostSleepNs = 1'000'000;
// Of the round trips of a comparison of clocks the shortest counts. Behind large messages they take long.
constexpr int kRounds = 64;
constexpr std::int64_t kComparisonNs = 200'000'000;
// Beats in the time in which a rank must be heard of.
constexpr std::int64_t kBeats = 8;

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

// As people call it: "Open MPI v5.0.7" ends in a comma, "MPICH Version: 4.2.1" in a line's end.
std::string libraryName() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  check(MPI_Get_library_version(text, &length), "MPI_Get_library_version");
  const std::string whole(text, static_cast<std::size_t>(length));
  std::string name;
  for (const char each : whole.substr(0, whole.find_first_of(",\n"))) {
    const char next = each == '\t' ? ' ' : each;
    if (next != ' ' || !name.ends_with(' ')) name += next;
  }
  constexpr std::string_view kWord = " Version:";
  if (const std::size_t at = name.find(kWord); at != std::string::npos) name.erase(at, kWord.size());
  return name;
}

class MpiChannel final : public Channel {
 public:
  MpiChannel(std::shared_ptr<MpiWorld> world, int peer, int tag) : world_(std::move(world)), peer_(peer), tag_(tag) {}
  void send(const std::byte* from, std::size_t bytes) override {
    MpiTransfer transfer{true, const_cast<std::byte*>(from), bytes, peer_, tag_};
    world_->transfer(transfer, aborted_);
  }
  void receive(std::byte* to, std::size_t bytes) override {
    MpiTransfer transfer{false, to, bytes, peer_, tag_};
    world_->transfer(transfer, aborted_);
  }
  void abort() override {
    aborted_ = true;
    world_->wakeAll();
  }

 private:
  const std::shared_ptr<MpiWorld> world_;
  const int peer_;
  const int tag_;
  std::atomic<bool> aborted_{false};
};

}  // namespace

MpiWorld::MpiWorld(std::int64_t silenceNs, std::function<void()> notify)
    : World(std::move(notify)), silenceNs_(silenceNs), thread_([this] { run(); }) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return isStarted_; });
  if (failure_.empty()) return;
  lock.unlock();
  thread_.join();
  throw std::runtime_error(failure_);
}

// MPI_Finalize waits for all ranks, so only finish() asks for it.
MpiWorld::~MpiWorld() {
  if (thread_.joinable()) thread_.detach();
}

void MpiWorld::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_all();
}

void MpiWorld::post(int to, Bytes message) {
  submit([this, to, message = std::move(message)] { send(to, Kind::message, message.data(), message.size()); });
}

void MpiWorld::tell(int to, Told told) {
  submit([this, to, told = std::move(told)] {
    Bytes bytes(sizeof(std::int64_t) * (2 + 2 * told.cells.size()));
    std::byte* at = bytes.data();
    const auto put = [&at](const auto& value) {
      std::memcpy(at, &value, sizeof value);
      at += sizeof value;
    };
    put(told.event);
    put(told.generation);
    for (const auto& [cell, value] : told.cells) {
      put(cell);
      put(value);
    }
    send(to, Kind::told, bytes.data(), bytes.size());
  });
}

std::shared_ptr<Channel> MpiWorld::channel(int peer, int number) {
  return std::make_shared<MpiChannel>(shared_from_this(), peer, kFirstChannelTag + number);
}

void MpiWorld::readClock() {
  submit([this] { startComparison(); });
}

void MpiWorld::finish() {
  {
    const std::lock_guard lock(mutex_);
    isEnding_ = true;
  }
  wake_.notify_all();
}

void MpiWorld::transfer(MpiTransfer& transfer, const std::atomic<bool>& aborted) {
  submit([this, &transfer] { begin(transfer); });
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return transfer.isDone || aborted || !failure_.empty(); });
  if (transfer.isDone) return;
  const std::string reason = failure_.empty() ? "the channel was closed" : failure_;
  if (failure_.empty()) {
    // The progress thread must not look at the transfer any more, and MPI may still write into its bytes: a run whose
    // channels are closed in the middle of a message ends, and its process with it.
    bool isGone = false;
    tasks_.push_back([&] {
      transfers_.remove(&transfer);
      std::erase_if(waiting_, [&](const auto& each) { return each.second == &transfer; });
      const std::lock_guard own(mutex_);
      isGone = true;
      moved_.notify_all();
    });
    wake_.notify_all();
    moved_.wait(lock, [&] { return isGone || !failure_.empty(); });
  }
  throw std::runtime_error(reason);
}

void MpiWorld::wakeAll() {
  const std::lock_guard lock(mutex_);
  moved_.notify_all();
}

void MpiWorld::run() {
  std::string reason;
  try {
    start();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  {
    const std::lock_guard lock(mutex_);
    failure_ = reason;
    isStarted_ = true;
  }
  wake_.notify_all();
  if (!reason.empty()) return;
  try {
    loop();
    check(MPI_Finalize(), "MPI_Finalize");
    finished();
  } catch (const std::exception& error) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = error.what();
      moved_.notify_all();
    }
    failed(error.what());
  }
}

void MpiWorld::start() {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) throw std::runtime_error("MPI without MPI_THREAD_FUNNELED");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  name_ = libraryName();
  heardNs_.assign(static_cast<std::size_t>(size_), monotonicNs());
}

void MpiWorld::loop() {
  std::int64_t movedNs = monotonicNs();
  std::int64_t sleepNs = 0;
  MPI_Request barrier = MPI_REQUEST_NULL;
  bool isLeaving = false;
  for (;;) {
    takeTasks(sleepNs);
    if (poll()) movedNs = monotonicNs();
    const std::int64_t now = monotonicNs();
    bool isEnding = false;
    {
      const std::lock_guard lock(mutex_);
      isEnding = isEnding_ && tasks_.empty();
    }
    if (!isEnding)
      beat(now);
    else if (isQuiet() && !isLeaving) {
      check(MPI_Ibarrier(MPI_COMM_WORLD, &barrier), "MPI_Ibarrier");
      isLeaving = true;
    }
    if (isLeaving) {
      int ended = 0;
      check(MPI_Test(&barrier, &ended, MPI_STATUS_IGNORE), "MPI_Test");
      if (ended != 0) {
        // What others had sent before they came to the barrier is here: the last beats.
        while (pollIncoming()) continue;
        return;
      }
    }
    const std::int64_t waitedNs = now - movedNs;
    sleepNs = waitedNs < kBusyNs ? 0 : std::min(waitedNs / 8, kMostSleepNs);
  }
}

void MpiWorld::takeTasks(std::int64_t ns) {
  std::deque<std::function<void()>> taken;
  {
    std::unique_lock lock(mutex_);
    if (ns > 0) wake_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return !tasks_.empty(); });
    std::swap(taken, tasks_);
  }
  for (const std::function<void()>& task : taken) task();
}

bool MpiWorld::poll() {
  const bool transferred = pollTransfers();
  const bool sent = pollOutgoing();
  return pollIncoming() || transferred || sent;
}

bool MpiWorld::pollTransfers() {
  bool moved = false;
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    MpiTransfer& transfer = **at;
    int ended = 0;
    check(MPI_Test(&transfer.request, &ended, MPI_STATUS_IGNORE), transfer.sends ? "MPI_Isend" : "MPI_Irecv");
    if (ended == 0) {
      ++at;
      continue;
    }
    moved = true;
    if (transfer.given < transfer.bytes) {
      giveNextPart(transfer);
      ++at;
      continue;
    }
    at = transfers_.erase(at);
    const std::lock_guard lock(mutex_);
    transfer.isDone = true;
    moved_.notify_all();
  }
  return moved;
}

// A message is sent when its receive has been posted: what a receiver has no buffer for holds the sender up, whatever
// its size. MPI_Issend says the same, but crashed Open MPI 5.0.7 with messages of some kilobytes over two links of TCP
// (mca_pml_ob1_recv_frag_callback_ack).
void MpiWorld::begin(MpiTransfer& transfer) {
  const std::pair<int, int> place{transfer.peer, transfer.tag};
  if (transfer.sends) {
    int& ready = ready_[place];
    if (ready == 0) {
      waiting_[place] = &transfer;
      return;
    }
    ready -= 1;
  }
  transfers_.push_back(&transfer);
  giveNextPart(transfer);
  if (!transfer.sends) send(transfer.peer, Kind::ready, &transfer.tag, sizeof transfer.tag);
}

void MpiWorld::giveNextPart(MpiTransfer& transfer) {
  const std::size_t count = std::min(transfer.bytes - transfer.given, kMostBytes);
  std::byte* const from = transfer.data + transfer.given;
  transfer.given += count;
  const int code = transfer.sends ? MPI_Isend(from, static_cast<int>(count), MPI_BYTE, transfer.peer, transfer.tag,
                                              MPI_COMM_WORLD, &transfer.request)
                                  : MPI_Irecv(from, static_cast<int>(count), MPI_BYTE, transfer.peer, transfer.tag,
                                              MPI_COMM_WORLD, &transfer.request);
  check(code, transfer.sends ? "MPI_Isend" : "MPI_Irecv");
}

void MpiWorld::send(int to, Kind kind, const void* data, std::size_t bytes) {
  if (bytes >= kMostBytes) throw std::runtime_error("a message of more than 1 GiB");
  Outgoing& out = outgoing_.emplace_back();
  out.bytes.resize(bytes + 1);
  out.bytes[0] = static_cast<std::byte>(kind);
  if (bytes > 0) std::memcpy(out.bytes.data() + 1, data, bytes);
  check(MPI_Isend(out.bytes.data(), static_cast<int>(out.bytes.size()), MPI_BYTE, to, kServiceTag, MPI_COMM_WORLD,
                  &out.request),
        "MPI_Isend");
}

bool MpiWorld::pollOutgoing() {
  bool moved = false;
  for (auto at = outgoing_.begin(); at != outgoing_.end();) {
    int ended = 0;
    check(MPI_Test(&at->request, &ended, MPI_STATUS_IGNORE), "MPI_Isend");
    moved = moved || ended != 0;
    at = ended != 0 ? outgoing_.erase(at) : std::next(at);
  }
  return moved;
}

bool MpiWorld::pollIncoming() {
  int isThere = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check(MPI_Improbe(MPI_ANY_SOURCE, kServiceTag, MPI_COMM_WORLD, &isThere, &message, &status), "MPI_Improbe");
  if (isThere == 0) return false;
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  Bytes bytes(static_cast<std::size_t>(count));
  check(MPI_Mrecv(bytes.data(), count, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
  const Kind kind = static_cast<Kind>(bytes.at(0));
  bytes.erase(bytes.begin());
  heardNs_[static_cast<std::size_t>(status.MPI_SOURCE)] = monotonicNs();
  handle(status.MPI_SOURCE, kind, std::move(bytes));
  // A beat is nothing that anybody waits for.
  return kind != Kind::beat;
}

void MpiWorld::handle(int from, Kind kind, Bytes bytes) {
  const std::byte* at = bytes.data();
  const auto take = [&at](auto value) {
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
  };
  switch (kind) {
    case Kind::message:
      received({from, std::move(bytes)});
      return;
    case Kind::told: {
      Told told;
      told.event = take(std::int64_t{});
      told.generation = take(std::int64_t{});
      while (at != bytes.data() + bytes.size()) {
        const auto cell = take(std::int64_t{});
        told.cells.emplace_back(cell, take(double{}));
      }
      hear(told);
      return;
    }
    case Kind::ping: {
      const std::int64_t now = monotonicNs();
      send(from, Kind::pong, &now, sizeof now);
      return;
    }
    case Kind::pong:
      pong(take(std::int64_t{}));
      return;
    case Kind::ready: {
      const std::pair<int, int> place{from, take(int{})};
      ready_[place] += 1;
      if (const auto found = waiting_.find(place); found != waiting_.end()) {
        MpiTransfer& transfer = *found->second;
        waiting_.erase(found);
        begin(transfer);
      }
      return;
    }
    case Kind::beat:
      return;
  }
}

void MpiWorld::startComparison() {
  if (rank_ == 0) {
    read({monotonicNs(), 0, 0});
    return;
  }
  if (comparison_) return;
  comparison_ = Comparison{};
  comparison_->roundsLeft = kRounds;
  comparison_->startNs = monotonicNs();
  ping();
}

void MpiWorld::ping() {
  comparison_->roundsLeft -= 1;
  comparison_->sentNs = monotonicNs();
  send(0, Kind::ping, nullptr, 0);
}

void MpiWorld::pong(std::int64_t remoteNs) {
  if (!comparison_) return;
  const std::int64_t now = monotonicNs();
  const std::int64_t roundTripNs = now - comparison_->sentNs;
  const std::int64_t middleNs = comparison_->sentNs + roundTripNs / 2;
  if (!comparison_->best || roundTripNs < comparison_->best->roundTripNs) {
    comparison_->best = ClockReading{middleNs, remoteNs - middleNs, roundTripNs};
  }
  if (comparison_->roundsLeft > 0 && now - comparison_->startNs < kComparisonNs) {
    ping();
    return;
  }
  read(*comparison_->best);
  comparison_.reset();
}

// Rank 0 and each other rank tell each other that they live; computing, however long, does not silence this thread.
void MpiWorld::beat(std::int64_t nowNs) {
  if (size_ == 1 || nowNs - beatNs_ < silenceNs_ / kBeats) return;
  // Where this thread itself had no core for long, nobody else is to blame.
  const bool isLate = beatNs_ != 0 && nowNs - beatNs_ > silenceNs_ / 2;
  beatNs_ = nowNs;
  const int first = rank_ == 0 ? 1 : 0;
  const int end = rank_ == 0 ? size_ : 1;
  for (int peer = first; peer < end; peer++) {
    std::int64_t& heardNs = heardNs_[static_cast<std::size_t>(peer)];
    if (isLate) heardNs = nowNs;
    if (nowNs - heardNs > silenceNs_) {
      throw std::runtime_error("rank " + std::to_string(peer) + " has not been heard of for " +
                               std::to_string((nowNs - heardNs) / 1'000'000'000) + " s");
    }
    send(peer, Kind::beat, nullptr, 0);
  }
}

}  // namespace loratwin

extern "C" __attribute__((visibility("default"))) void loratwinJoinMpi(std::int64_t silenceNs,
                                                                       std::function<void()> notify,
                                                                       std::shared_ptr<loratwin::World>& joined) {
  // Kept for ever: a rank that fails leaves with its thread in the middle of a call.
  static auto* const kept = new std::vector<std::shared_ptr<loratwin::World>>();
  kept->push_back(std::make_shared<loratwin::MpiWorld>(silenceNs, std::move(notify)));
  joined = kept->back();
}

extern "C" __attribute__((visibility("default"))) void loratwinMpiName(std::string& name) {
  name = loratwin::libraryName();
}
