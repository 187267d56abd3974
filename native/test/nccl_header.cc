// Compiles where what cuda/nccl_api.h declares by hand is what nccl.h says.
#include <nccl.h>

#include <cstddef>
#include <type_traits>

#include "cuda/nccl_api.h"

namespace {

using namespace loratwin::cuda;

// Whether two types are passed alike: both pointers, whole numbers or enums of one size, or an id.
template <class A, class B>
constexpr bool alike() {
  constexpr auto whole = []<class T>() { return std::is_integral_v<T> || std::is_enum_v<T>; };
  if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    return true;
  } else if constexpr (std::is_same_v<A, ncclUniqueId>) {
    return std::is_same_v<B, nccl::UniqueId> && sizeof(A) == sizeof(B);
  } else {
    return whole.template operator()<A>() && whole.template operator()<B>() && sizeof(A) == sizeof(B);
  }
}

template <class Real, class Ours>
struct SameCall : std::false_type {};
template <class R, class... A, class S, class... B>
  requires(sizeof...(A) == sizeof...(B))
struct SameCall<R (*)(A...), S (*)(B...)> : std::bool_constant<alike<R, S>() && (alike<A, B>() && ...)> {};

#define SAME_CALL(real, ours) static_assert(SameCall<decltype(&real), decltype(nccl::Library::ours)>::value, #real)
SAME_CALL(ncclGetVersion, getVersion);
SAME_CALL(ncclGetErrorString, getErrorString);
SAME_CALL(ncclGetLastError, getLastError);
SAME_CALL(ncclGetUniqueId, getUniqueId);
SAME_CALL(ncclCommInitRankConfig, commInitRankConfig);
SAME_CALL(ncclCommGetAsyncError, commGetAsyncError);
SAME_CALL(ncclCommAbort, commAbort);
SAME_CALL(ncclSend, send);
SAME_CALL(ncclRecv, receive);
#undef SAME_CALL

static_assert(nccl::kSuccess == ncclSuccess && nccl::kSystemError == ncclSystemError);
static_assert(nccl::kInvalidArgument == ncclInvalidArgument && nccl::kRemoteError == ncclRemoteError);
static_assert(nccl::kInProgress == ncclInProgress && nccl::kUint8 == ncclUint8);
static_assert(sizeof(nccl::UniqueId) == sizeof(ncclUniqueId));
static_assert(nccl::kLeastVersion == NCCL_VERSION(2, 17, 0) && NCCL_VERSION_CODE >= nccl::kLeastVersion);

static_assert(sizeof(nccl::Config) <= sizeof(ncclConfig_t));
#define SAME_PLACE(real, ours)                                                        \
  static_assert(offsetof(ncclConfig_t, real) == offsetof(nccl::Config, ours), #real); \
  static_assert(sizeof(ncclConfig_t::real) == sizeof(nccl::Config::ours), #real)
SAME_PLACE(size, size);
SAME_PLACE(magic, magic);
SAME_PLACE(version, version);
SAME_PLACE(blocking, blocking);
SAME_PLACE(cgaClusterSize, cgaClusterSize);
SAME_PLACE(minCTAs, minCtas);
SAME_PLACE(maxCTAs, maxCtas);
SAME_PLACE(netName, netName);
#undef SAME_PLACE

// The initializer is for C: what it gives is compared as the compiler sees it.
constexpr ncclConfig_t kReal = NCCL_CONFIG_INITIALIZER;
constexpr nccl::Config kOurs;
static_assert(kReal.magic == kOurs.magic && kReal.blocking == kOurs.blocking && kReal.minCTAs == kOurs.minCtas);
static_assert(kReal.maxCTAs == kOurs.maxCtas && kReal.cgaClusterSize == kOurs.cgaClusterSize);
static_assert(kReal.netName == kOurs.netName);

}  // namespace
