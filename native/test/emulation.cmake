# The kernels as C++ on the emulation, twice: as they are, and with every load and store checked. Built on demand by the tests:
# node native/build.mjs cuda_table cuda_table_checked. The kernels' own functions are found by a small archive each, so that a
# test can put a changed kernel before them.
set(LORATWIN_EMULATION
  emulation/block.cc
  emulation/checker.cc
  emulation/fiber.cc
  emulation/memory.cc
  emulation/streams.cc
  emulation/traffic.cc
  emulation/warp.cc)
set(LORATWIN_CUDA_TABLE
  test/cuda/attention.cc
  test/cuda/cached.cc
  test/cuda/cross_entropy.cc
  test/cuda/cuda_table.cc
  test/cuda/elementwise.cc
  test/cuda/experts.cc
  test/cuda/lora.cc
  test/cuda/magnitudes.cc
  test/cuda/token_rows.cc
  test/cuda/optimizer.cc
  test/cuda/plain.cc
  test/cuda/preference.cc
  test/cuda/quantized.cc
  src/ops/quantized.cc)
foreach(list LORATWIN_EMULATION LORATWIN_CUDA_TABLE)
  list(TRANSFORM ${list} PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
endforeach()
set_source_files_properties(${LORATWIN_CUDA_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")

# Program counters of 32 bits, which is what the checker keeps, need a program at fixed addresses.
function(loratwin_cuda_target target)
  set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON POSITION_INDEPENDENT_CODE OFF)
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE -fno-pie -g)
endfunction()

# Light optimization: the time goes into the emulation, and the compiler's is saved twice. The stack probe turns a large local
# array into a report.
set(LORATWIN_KERNEL_FLAGS -O1 -ffp-contract=off -fstack-clash-protection)
add_library(cuda_kernels STATIC ${LORATWIN_CUDA_KERNELS})
target_compile_options(cuda_kernels PRIVATE ${LORATWIN_KERNEL_FLAGS})
# Accesses are not to be joined before they are counted.
set(LORATWIN_CHECK_FLAGS -fsanitize=thread -fno-tree-vectorize -fno-store-merging)
add_library(cuda_kernels_checked STATIC ${LORATWIN_CUDA_KERNELS})
target_compile_options(cuda_kernels_checked PRIVATE ${LORATWIN_KERNEL_FLAGS} ${LORATWIN_CHECK_FLAGS})
add_library(cuda_emulation STATIC ${LORATWIN_EMULATION} ${LORATWIN_CUDA_TABLES})
# Everything but the kernels.
add_library(cuda_table_cases STATIC ${LORATWIN_CUDA_TABLE} ${LORATWIN_OPS_REFERENCE_SOURCES})
target_compile_options(cuda_table_cases PRIVATE -O1)
foreach(target cuda_kernels cuda_kernels_checked cuda_emulation cuda_table_cases)
  loratwin_cuda_target(${target})
endforeach()
foreach(kernels cuda_kernels cuda_kernels_checked)
  string(REPLACE cuda_kernels cuda_table table ${kernels})
  add_executable(${table} EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda/main.cc)
  target_link_options(${table} PRIVATE -no-pie)
  target_link_libraries(${table} PRIVATE cuda_table_cases ${kernels} cuda_emulation)
  loratwin_cuda_target(${table})
endforeach()

# What gpu_bench times, run once at a small shape: whether each kernel gets what it may read and write.
set(bench ${CMAKE_CURRENT_SOURCE_DIR}/../gpu/programs)
file(GLOB LORATWIN_BENCH_CASES CONFIGURE_DEPENDS ${bench}/*_cases.cc)
add_executable(emulated_bench EXCLUDE_FROM_ALL ${LORATWIN_BENCH_CASES} ${bench}/gpu_bench.cc ${bench}/matmul_peak.cc
  ${bench}/lines.cc ${bench}/timing_emulated.cc ${CMAKE_CURRENT_SOURCE_DIR}/src/cuda/blas_emulated.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/src/cuda/product_choices.cc)
target_compile_options(emulated_bench PRIVATE -O1)
target_include_directories(emulated_bench PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/test/cuda)
target_link_options(emulated_bench PRIVATE -no-pie)
target_link_libraries(emulated_bench PRIVATE cuda_kernels_checked cuda_emulation)
loratwin_cuda_target(emulated_bench)

# Captures and graphs of the emulated driver.
add_executable(emulated_graphs EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/test/emulated_graphs.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/src/cuda/driver_emulated.cc)
target_link_options(emulated_graphs PRIVATE -no-pie)
target_link_libraries(emulated_graphs PRIVATE cuda_kernels cuda_emulation ${CMAKE_DL_LIBS})
loratwin_cuda_target(emulated_graphs)

# A channel of NCCL between two processes.
add_executable(emulated_nccl EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/test/emulated_nccl.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/src/cuda/driver_emulated.cc ${CMAKE_CURRENT_SOURCE_DIR}/src/cuda/nccl_emulated.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/src/transport/nccl_channel.cc)
target_link_options(emulated_nccl PRIVATE -no-pie)
target_link_libraries(emulated_nccl PRIVATE cuda_kernels cuda_emulation Threads::Threads ${CMAKE_DL_LIBS})
loratwin_cuda_target(emulated_nccl)

# What the emulation counts of a launch.
set(LORATWIN_TRAFFIC_KERNELS ${CMAKE_CURRENT_SOURCE_DIR}/test/traffic_kernels.cu)
set_source_files_properties(${LORATWIN_TRAFFIC_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
add_library(traffic_kernels OBJECT ${LORATWIN_TRAFFIC_KERNELS})
target_compile_options(traffic_kernels PRIVATE ${LORATWIN_KERNEL_FLAGS} ${LORATWIN_CHECK_FLAGS})
add_executable(emulated_traffic EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/test/emulated_traffic.cc
  $<TARGET_OBJECTS:traffic_kernels>)
target_link_options(emulated_traffic PRIVATE -no-pie)
target_link_libraries(emulated_traffic PRIVATE cuda_emulation ${CMAKE_DL_LIBS})
foreach(target traffic_kernels emulated_traffic)
  loratwin_cuda_target(${target})
endforeach()

# For the test that it loads without a driver; one architecture, so that it is built in time.
if(LORATWIN_HAS_NVCC)
  loratwin_cuda_addon(loratwin_cuda 80)
  set_target_properties(loratwin_cuda PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

# The same backend over the emulation, for tests: node native/build.mjs loratwin_emulated; loratwin_checked with every load
# and store of a kernel checked.
function(loratwin_emulated_addon addon)
  add_library(${addon}_kernels OBJECT ${LORATWIN_CUDA_KERNELS})
  target_include_directories(${addon}_kernels PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_compile_options(${addon}_kernels PRIVATE ${LORATWIN_KERNEL_FLAGS} -g ${ARGN})
  loratwin_addon(${addon} ${LORATWIN_CUDA_DEVICE_SOURCES} src/cuda/blas_emulated.cc src/cuda/driver_emulated.cc
    src/cuda/nccl_emulated.cc src/bind/emulation.cc ${LORATWIN_EMULATION} $<TARGET_OBJECTS:${addon}_kernels>)
  target_compile_definitions(${addon} PRIVATE LORATWIN_EMULATION)
  target_link_libraries(${addon} PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(${addon}_kernels ${addon} PROPERTIES EXCLUDE_FROM_ALL ON)
endfunction()
loratwin_emulated_addon(loratwin_emulated -O2)
loratwin_emulated_addon(loratwin_checked ${LORATWIN_CHECK_FLAGS})
