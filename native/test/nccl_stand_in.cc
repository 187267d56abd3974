// A library in NCCL's place for what loading it asks: its version, STAND_IN_VERSION, and whether it has all functions.
#include <cstdlib>

extern "C" {

int ncclGetVersion(int* version) {
  *version = std::atoi(std::getenv("STAND_IN_VERSION"));
  return 0;
}
#define FUNCTION(name) \
  int name() { return 1; }
FUNCTION(ncclGetErrorString)
FUNCTION(ncclGetLastError)
FUNCTION(ncclGetUniqueId)
FUNCTION(ncclCommInitRankConfig)
FUNCTION(ncclCommGetAsyncError)
FUNCTION(ncclCommAbort)
FUNCTION(ncclSend)
#ifndef STAND_IN_LACKS_RECV
FUNCTION(ncclRecv)
#endif
#undef FUNCTION

}  // extern "C"
