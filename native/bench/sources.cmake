# kernel_bench: what this machine's cores and memory can do at most, as JSON lines. Needs no library, and of the
# operators what tells instruction sets apart.
add_executable(kernel_bench EXCLUDE_FROM_ALL
  ${CMAKE_CURRENT_LIST_DIR}/kernel_bench.cc
  ${CMAKE_CURRENT_LIST_DIR}/memory_rate.cc
  ${CMAKE_CURRENT_LIST_DIR}/timed_team.cc
  ${CMAKE_CURRENT_LIST_DIR}/../src/ops/isa.cc
  ${CMAKE_CURRENT_LIST_DIR}/../src/ops/register_peak.cc
  ${CMAKE_CURRENT_LIST_DIR}/../src/ops/tile_permission.cc)
target_include_directories(kernel_bench PRIVATE ${CMAKE_CURRENT_LIST_DIR}/../src)
target_link_libraries(kernel_bench PRIVATE Threads::Threads)
