// What is called of NCCL, declared here so that building needs neither NCCL nor CUDA. The numbers and layouts are those
// of nccl.h; native/test/nccl_header.cc compares them where the header is there. Two implementations: nccl_library.cc
// loads libnccl.so.2 when it is first asked for, nccl_emulated.cc is the same table over TCP and streams of the
// emulation.
//
// Groups are not needed: a communicator has two ranks and one direction here, so none of its operations needs another.
#pragma once

#include <climits>
#include <cstddef>
#include <string>

namespace loratwin::cuda::nccl {

using Communicator = struct CommunicatorState*;

// ncclUniqueId
struct UniqueId {
  char internal[128];
};
static_assert(sizeof(UniqueId) == 128);

// ncclResult_t and ncclDataType_t
constexpr int kSuccess = 0;
constexpr int kSystemError = 2;
constexpr int kInvalidArgument = 4;
constexpr int kRemoteError = 6;
constexpr int kInProgress = 7;
constexpr int kUint8 = 1;

// ncclConfig_t as version 2.17 has it: it only grows, and a library takes a shorter one by its size and version.
struct Config {
  std::size_t size = sizeof(Config);
  unsigned int magic = 0xcafebeef;
  unsigned int version = 2'17'00;
  // 0: calls return at once, with kInProgress. INT_MIN, here and below: as the library likes.
  int blocking = INT_MIN;
  int cgaClusterSize = INT_MIN;
  // Blocks of an operation's kernel.
  int minCtas = INT_MIN;
  int maxCtas = INT_MIN;
  const char* netName = nullptr;
};
static_assert(sizeof(Config) == 40);

// `stream` is a CUDA stream.
struct Library {
  int (*getVersion)(int*);
  const char* (*getErrorString)(int);
  const char* (*getLastError)(Communicator);
  int (*getUniqueId)(UniqueId*);
  int (*commInitRankConfig)(Communicator*, int ranks, UniqueId, int rank, Config*);
  int (*commGetAsyncError)(Communicator, int* error);
  int (*commAbort)(Communicator);
  int (*send)(const void*, std::size_t count, int type, int peer, Communicator, void* stream);
  int (*receive)(void*, std::size_t count, int type, int peer, Communicator, void* stream);
};

// As ncclGetVersion() tells it: major * 10000 + minor * 100 + patch, in all versions that are taken.
constexpr int kLeastVersion = 2'17'00;

// Throws std::runtime_error with the reason where there is none, or LORATWIN_NCCL is 0.
const Library& library();
// "NCCL 2.21.5". Throws as library() does.
std::string libraryName();

}  // namespace loratwin::cuda::nccl
