# The operator table: checks every fast operator against its reference and prints JSON lines.
# Needs src/ops/sources.cmake.
find_package(Threads REQUIRED)
set(LORATWIN_OP_TABLE_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/op_table.cc
  ${CMAKE_CURRENT_LIST_DIR}/attention_kinds.cc
  ${CMAKE_CURRENT_LIST_DIR}/cached.cc
  ${CMAKE_CURRENT_LIST_DIR}/head_adapters.cc
  ${CMAKE_CURRENT_LIST_DIR}/magnitudes.cc
  ${CMAKE_CURRENT_LIST_DIR}/token_rows.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_attention.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_bf16.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_experts.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_heads.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_linear.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_lora.cc
  ${CMAKE_CURRENT_LIST_DIR}/operators_quantized.cc
  ${CMAKE_CURRENT_LIST_DIR}/preference.cc
  ${CMAKE_CURRENT_LIST_DIR}/product_rows.cc
  ${CMAKE_CURRENT_LIST_DIR}/quantization.cc
  ${CMAKE_CURRENT_LIST_DIR}/step_timing.cc
  ${LORATWIN_OPS_REFERENCE_SOURCES})
function(loratwin_op_table name)
  add_executable(${name} ${LORATWIN_OP_TABLE_SOURCES} ${ARGN})
  set_target_properties(${name} PROPERTIES CXX_STANDARD 20)
  target_compile_options(${name} PRIVATE -O2)
  target_compile_definitions(${name} PRIVATE ${LORATWIN_OPS_DEFINITIONS})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/../src)
  target_link_libraries(${name} PRIVATE loratwin_onednn Threads::Threads)
endfunction()
loratwin_op_table(op_table ${LORATWIN_OPS_SOURCES} ${LORATWIN_OPS_OBJECTS})

# The same with stand-ins for AMX: tiles in plain C++, and their instructions carried out one by one.
if(LORATWIN_OPS_TILE_OBJECTS AND NOT LORATWIN_SANITIZE)
  set(LORATWIN_OWN_DEFINITIONS ${LORATWIN_OPS_DEFINITIONS})
  set(LORATWIN_OWN_OBJECTS ${LORATWIN_OPS_OBJECTS})
  set(LORATWIN_OPS_DEFINITIONS LORATWIN_WIDEST_ISA=4)
  set(LORATWIN_OPS_OBJECTS ${LORATWIN_ALL_OBJECTS})
  set(LORATWIN_AMX_EMULATION ${CMAKE_CURRENT_LIST_DIR}/amx_emulation.cc)
  set(LORATWIN_OPS_OTHER_SOURCES ${LORATWIN_OPS_SOURCES})
  list(FILTER LORATWIN_OPS_OTHER_SOURCES EXCLUDE REGEX "tile_permission")
  set(LORATWIN_OPS_OTHER_OBJECTS ${LORATWIN_OPS_OBJECTS})
  list(REMOVE_ITEM LORATWIN_OPS_OTHER_OBJECTS ${LORATWIN_OPS_TILE_OBJECTS})
  add_library(loratwin_ops_plain_tiles OBJECT EXCLUDE_FROM_ALL ${LORATWIN_OPS_CPU_SOURCES})
  target_compile_definitions(loratwin_ops_plain_tiles PRIVATE LORATWIN_ISA_PLAIN_TILES=1)
  target_compile_options(loratwin_ops_plain_tiles PRIVATE ${LORATWIN_OPS_FLAGS} -Wno-psabi)
  set_target_properties(loratwin_ops_plain_tiles PROPERTIES CXX_STANDARD 20 POSITION_INDEPENDENT_CODE ON)
  loratwin_op_table(op_table_tiles ${CMAKE_CURRENT_LIST_DIR}/plain_tiles.cc ${LORATWIN_OPS_OTHER_SOURCES}
    ${LORATWIN_OPS_OTHER_OBJECTS} $<TARGET_OBJECTS:loratwin_ops_plain_tiles>)
  loratwin_op_table(op_table_amx ${LORATWIN_AMX_EMULATION} ${LORATWIN_OPS_OTHER_SOURCES}
    ${LORATWIN_OPS_OBJECTS})
  # The addon with them, for whole training steps.
  function(loratwin_amx_addon)
    set(LORATWIN_OPS_SOURCES ${LORATWIN_OPS_OTHER_SOURCES} ${LORATWIN_AMX_EMULATION})
    loratwin_addon(loratwin_amx src/runtime/cuda/no_devices.cc)
  endfunction()
  loratwin_amx_addon()
  set_target_properties(op_table_tiles op_table_amx loratwin_amx PROPERTIES EXCLUDE_FROM_ALL ON)
  set(LORATWIN_OPS_DEFINITIONS ${LORATWIN_OWN_DEFINITIONS})
  set(LORATWIN_OPS_OBJECTS ${LORATWIN_OWN_OBJECTS})
endif()

# How a CPU device cuts a micro-batch's rows.
add_executable(row_windows EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/row_windows.cc
  ${CMAKE_CURRENT_LIST_DIR}/../src/runtime/cpu/row_windows.cc)
set_target_properties(row_windows PROPERTIES CXX_STANDARD 20)
target_include_directories(row_windows PRIVATE ${CMAKE_CURRENT_LIST_DIR}/../src)

# Calls of the addon that recorder.cjs wrote down, made without Node.
set(LORATWIN_REPLAY_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/replay/recording.cc
  ${CMAKE_CURRENT_LIST_DIR}/replay/replay.cc
  ${LORATWIN_RUNTIME_SOURCES} src/runtime/cuda/no_devices.cc ${LORATWIN_OPS_SOURCES} ${LORATWIN_OPS_OBJECTS})
function(loratwin_replay name)
  add_executable(${name} EXCLUDE_FROM_ALL ${ARGN} ${LORATWIN_REPLAY_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/src
    ${CMAKE_CURRENT_SOURCE_DIR}/test)
  target_compile_definitions(${name} PRIVATE ${LORATWIN_OPS_DEFINITIONS})
  target_link_libraries(${name} PRIVATE loratwin_onednn Threads::Threads ${CMAKE_DL_LIBS})
endfunction()
loratwin_replay(replay_calls ${CMAKE_CURRENT_LIST_DIR}/replay/replay_calls.cc)

# The same calls with changes, which are kept where they reach new places of the runtime.
if(LORATWIN_SANITIZE STREQUAL "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_library(fuzz_coverage OBJECT ${CMAKE_CURRENT_LIST_DIR}/fuzz/coverage.cc)
  target_include_directories(fuzz_coverage PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/test)
  loratwin_replay(fuzz_calls ${CMAKE_CURRENT_LIST_DIR}/fuzz/fuzz_calls.cc ${CMAKE_CURRENT_LIST_DIR}/fuzz/changes.cc
    $<TARGET_OBJECTS:fuzz_coverage>)
  target_compile_options(fuzz_calls PRIVATE -fsanitize-coverage=trace-pc)
endif()
