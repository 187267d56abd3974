# Sources of the operators, relative to native/. The fast operators (src/ops/*.cpu.cc) are compiled from one text into
# namespaces of loratwin::ops: generic and, on x86-64, avx2, avx512, avx512bf16 and amxbf16; dispatch.cc picks one by
# cpuid.
# A target takes ${LORATWIN_OPS_SOURCES} and ${LORATWIN_OPS_OBJECTS}.
set(LORATWIN_OPS_CPU_SOURCES
  src/ops/adamw.cpu.cc
  src/ops/attention.cpu.cc
  src/ops/copy.cpu.cc
  src/ops/embed.cpu.cc
  src/ops/head_loss_rows.cpu.cc
  src/ops/lora.cpu.cc
  src/ops/matmul_panels.cpu.cc
  src/ops/quantized_panel.cpu.cc
  src/ops/rmsnorm.cpu.cc
  src/ops/rope.cpu.cc
  src/ops/sum_squares.cpu.cc
  src/ops/swiglu.cpu.cc)
set(LORATWIN_OPS_SOURCES
  src/ops/dispatch.cc
  src/ops/head_loss.cc
  src/ops/isa.cc
  src/ops/matmul.cc
  src/ops/packed_matrix.cc
  src/ops/quantized.cc
  src/ops/register_peak.cc
  src/ops/tile_permission.cc)
set(LORATWIN_OPS_REFERENCE_SOURCES
  src/ops/adamw.ref.cc
  src/ops/attention.ref.cc
  src/ops/embed.ref.cc
  src/ops/head_loss.ref.cc
  src/ops/lora.ref.cc
  src/ops/matmul.ref.cc
  src/ops/quantized.ref.cc
  src/ops/rmsnorm.ref.cc
  src/ops/rope.ref.cc
  src/ops/sum_squares.ref.cc
  src/ops/swiglu.ref.cc)
set(LORATWIN_OPS_FLAGS -O3 -fno-math-errno -fno-trapping-math)
if(LORATWIN_SANITIZE)
  # As checked code they would take minutes to compile.
  set(LORATWIN_OPS_FLAGS -O1 -fno-math-errno -fno-trapping-math)
endif()

list(TRANSFORM LORATWIN_OPS_CPU_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")
list(TRANSFORM LORATWIN_OPS_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")
list(TRANSFORM LORATWIN_OPS_REFERENCE_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")

add_library(loratwin_ops_generic OBJECT ${LORATWIN_OPS_CPU_SOURCES})
target_compile_definitions(loratwin_ops_generic PRIVATE LORATWIN_ISA_GENERIC=1)
# Wide vectors as arguments: no other build ever calls these functions.
target_compile_options(loratwin_ops_generic PRIVATE ${LORATWIN_OPS_FLAGS} -Wno-psabi)
set(LORATWIN_OPS_OBJECTS $<TARGET_OBJECTS:loratwin_ops_generic>)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_library(loratwin_ops_avx2 OBJECT ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_avx2 PRIVATE LORATWIN_ISA_AVX2=1)
  target_compile_options(loratwin_ops_avx2 PRIVATE ${LORATWIN_OPS_FLAGS} -mavx2 -mfma)
  add_library(loratwin_ops_avx512 OBJECT ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_avx512 PRIVATE LORATWIN_ISA_AVX512=1)
  target_compile_options(loratwin_ops_avx512 PRIVATE ${LORATWIN_OPS_FLAGS}
    -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
  add_library(loratwin_ops_avx512bf16 OBJECT ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_avx512bf16 PRIVATE LORATWIN_ISA_AVX512BF16=1)
  target_compile_options(loratwin_ops_avx512bf16 PRIVATE ${LORATWIN_OPS_FLAGS}
    -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma -mprefer-vector-width=512)
  # The tiles' instructions are given to the assembler: the compiler need not know them.
  add_library(loratwin_ops_amxbf16 OBJECT ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_amxbf16 PRIVATE LORATWIN_ISA_AMXBF16=1)
  target_compile_options(loratwin_ops_amxbf16 PRIVATE ${LORATWIN_OPS_FLAGS}
    -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma -mprefer-vector-width=512)
  list(APPEND LORATWIN_OPS_OBJECTS $<TARGET_OBJECTS:loratwin_ops_avx2>)
  if(LORATWIN_SANITIZE)
    set_source_files_properties("${CMAKE_CURRENT_LIST_DIR}/../../src/ops/dispatch.cc"
      "${CMAKE_CURRENT_LIST_DIR}/../../src/ops/isa.cc" PROPERTIES COMPILE_DEFINITIONS LORATWIN_WIDEST_ISA=1)
    set_target_properties(loratwin_ops_avx512 loratwin_ops_avx512bf16 loratwin_ops_amxbf16 PROPERTIES EXCLUDE_FROM_ALL ON)
  else()
    list(APPEND LORATWIN_OPS_OBJECTS $<TARGET_OBJECTS:loratwin_ops_avx512> $<TARGET_OBJECTS:loratwin_ops_avx512bf16>)
    set(LORATWIN_OPS_TILE_OBJECTS $<TARGET_OBJECTS:loratwin_ops_amxbf16>)
    list(APPEND LORATWIN_OPS_OBJECTS ${LORATWIN_OPS_TILE_OBJECTS})
  endif()
endif()
foreach(target loratwin_ops_generic loratwin_ops_avx2 loratwin_ops_avx512 loratwin_ops_avx512bf16 loratwin_ops_amxbf16)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES CXX_STANDARD 20 POSITION_INDEPENDENT_CODE ON)
  endif()
endforeach()
