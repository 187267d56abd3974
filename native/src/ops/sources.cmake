# Sources of the operators, relative to native/. The fast operators (src/ops/*.cpu.cc) are compiled from one text into
# namespaces of loratwin::ops: generic and, on x86-64, avx2, avx512, avx512bf16 and amxbf16; dispatch.cc picks one by
# cpuid.
# A target takes ${LORATWIN_OPS_SOURCES}, ${LORATWIN_OPS_OBJECTS} and ${LORATWIN_OPS_DEFINITIONS}.
set(LORATWIN_OPS_CPU_SOURCES
  src/ops/adamw.cpu.cc
  src/ops/attention.cpu.cc
  src/ops/cached_attention.cpu.cc
  src/ops/copy.cpu.cc
  src/ops/embed.cpu.cc
  src/ops/expert_rows.cpu.cc
  src/ops/head_loss_rows.cpu.cc
  src/ops/head_norm.cpu.cc
  src/ops/lora.cpu.cc
  src/ops/magnitude.cpu.cc
  src/ops/matmul_panels.cpu.cc
  src/ops/quantized_panel.cpu.cc
  src/ops/rmsnorm.cpu.cc
  src/ops/rope.cpu.cc
  src/ops/sum_squares.cpu.cc
  src/ops/swiglu.cpu.cc
  src/ops/temperature.cpu.cc
  src/ops/token_rows.cpu.cc)
set(LORATWIN_OPS_SOURCES
  src/ops/adapter_norms.cc
  src/ops/dispatch.cc
  src/ops/expert_matmul.cc
  src/ops/head_logits.cc
  src/ops/head_loss.cc
  src/ops/isa.cc
  src/ops/matmul.cc
  ${LORATWIN_ONEDNN_SOURCE}
  src/ops/packed_matrix.cc
  src/ops/preference.cc
  src/ops/quantized.cc
  src/ops/register_peak.cc
  src/ops/route.cc
  src/ops/tile_permission.cc)
set(LORATWIN_OPS_REFERENCE_SOURCES
  src/ops/adapter_norms.ref.cc
  src/ops/adamw.ref.cc
  src/ops/attention.ref.cc
  src/ops/embed.ref.cc
  src/ops/expert_matmul.ref.cc
  src/ops/expert_rows.ref.cc
  src/ops/head_loss.ref.cc
  src/ops/head_norm.ref.cc
  src/ops/lora.ref.cc
  src/ops/magnitude.ref.cc
  src/ops/matmul.ref.cc
  src/ops/preference.ref.cc
  src/ops/quantized.ref.cc
  src/ops/rmsnorm.ref.cc
  src/ops/rope.ref.cc
  src/ops/route.ref.cc
  src/ops/sum_squares.ref.cc
  src/ops/swiglu.ref.cc
  src/ops/temperature.ref.cc
  src/ops/token_rows.ref.cc)
set(LORATWIN_OPS_FLAGS -O3 -fno-math-errno -fno-trapping-math)
if(LORATWIN_SANITIZE)
  # As checked code they would take minutes to compile.
  set(LORATWIN_OPS_FLAGS -O1 -fno-math-errno -fno-trapping-math)
endif()

list(TRANSFORM LORATWIN_OPS_CPU_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")
list(TRANSFORM LORATWIN_OPS_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")
list(TRANSFORM LORATWIN_OPS_REFERENCE_SOURCES PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")

# In order: a processor that has one has those before it.
set(LORATWIN_ISAS generic)
# Wide vectors as arguments: no other build ever calls these functions.
set(LORATWIN_FLAGS_generic -Wno-psabi)
set(LORATWIN_FLAGS_avx2 -mavx2 -mfma)
set(LORATWIN_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
set(LORATWIN_FLAGS_avx512bf16 ${LORATWIN_FLAGS_avx512} -mavx512bf16)
# The tiles' instructions are given to the assembler: the compiler need not know them.
set(LORATWIN_FLAGS_amxbf16 ${LORATWIN_FLAGS_avx512bf16})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND LORATWIN_ISAS avx2 avx512 avx512bf16 amxbf16)
endif()

set(LORATWIN_ISA all CACHE STRING "The widest instruction set that is built: all, native for this processor's, or a name")
set(LORATWIN_WIDEST ${LORATWIN_ISA})
if(LORATWIN_SANITIZE)
  # As checked code they would take minutes to compile.
  set(LORATWIN_WIDEST avx2)
elseif(LORATWIN_ISA STREQUAL "native" AND EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo flags REGEX "^flags" LIMIT_COUNT 1)
  set(LORATWIN_WIDEST generic)
  if(flags MATCHES " avx2( |$)" AND flags MATCHES " fma( |$)")
    set(LORATWIN_WIDEST avx2)
  endif()
  if(flags MATCHES " avx512f( |$)")
    set(LORATWIN_WIDEST avx512)
  endif()
  if(flags MATCHES " avx512_bf16( |$)")
    set(LORATWIN_WIDEST avx512bf16)
  endif()
  if(flags MATCHES " amx_bf16( |$)")
    set(LORATWIN_WIDEST amxbf16)
  endif()
endif()
list(FIND LORATWIN_ISAS "${LORATWIN_WIDEST}" LORATWIN_WIDEST_ISA)
if(LORATWIN_WIDEST_ISA EQUAL -1)
  list(LENGTH LORATWIN_ISAS LORATWIN_WIDEST_ISA)
  math(EXPR LORATWIN_WIDEST_ISA "${LORATWIN_WIDEST_ISA} - 1")
endif()

set(LORATWIN_ALL_OBJECTS)
set(LORATWIN_OPS_OBJECTS)
foreach(isa ${LORATWIN_ISAS})
  string(TOUPPER ${isa} upper)
  add_library(loratwin_ops_${isa} OBJECT EXCLUDE_FROM_ALL ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_${isa} PRIVATE LORATWIN_ISA_${upper}=1)
  target_compile_options(loratwin_ops_${isa} PRIVATE ${LORATWIN_OPS_FLAGS} ${LORATWIN_FLAGS_${isa}})
  set_target_properties(loratwin_ops_${isa} PROPERTIES CXX_STANDARD 20 POSITION_INDEPENDENT_CODE ON)
  list(FIND LORATWIN_ISAS ${isa} index)
  if(index LESS_EQUAL LORATWIN_WIDEST_ISA)
    list(APPEND LORATWIN_OPS_OBJECTS $<TARGET_OBJECTS:loratwin_ops_${isa}>)
  endif()
  list(APPEND LORATWIN_ALL_OBJECTS $<TARGET_OBJECTS:loratwin_ops_${isa}>)
endforeach()
set(LORATWIN_OPS_DEFINITIONS LORATWIN_WIDEST_ISA=${LORATWIN_WIDEST_ISA})
if(TARGET loratwin_ops_amxbf16)
  set(LORATWIN_OPS_TILE_OBJECTS $<TARGET_OBJECTS:loratwin_ops_amxbf16>)
endif()
