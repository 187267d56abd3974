// The symbols of loratwin_mpi.so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "transport/world.h"

namespace loratwin {

using JoinMpi = void (*)(std::int64_t silenceNs, std::function<void()> notify, std::shared_ptr<World>& joined);
constexpr const char* kJoinMpi = "loratwinJoinMpi";

using MpiName = void (*)(std::string& name);
constexpr const char* kMpiName = "loratwinMpiName";

}  // namespace loratwin
