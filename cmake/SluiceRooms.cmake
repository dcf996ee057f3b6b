# How a room (a folder of the house) becomes a target whose includes can only point down.
#
# Every room is seen through an include root of its own, a folder holding one symbolic link to it:
# `build/rooms/protocol/protocol -> protocol/`. A target gets the include roots of the rooms that it links, and no
# other, so `#include "proxy/…"` in `router/` does not compile.

add_library(sluice_options INTERFACE)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough -Wcast-align -Werror -fno-omit-frame-pointer)
# Test code is most of what is compiled, and no test is about its own speed or its own undefined behaviour: it is not
# optimised, and of the sanitizers it has those that need all code to take part (address, thread). A target whose
# property SLUICE_TEST_CODE is set is such code.
set(is_test "$<BOOL:$<TARGET_PROPERTY:SLUICE_TEST_CODE>>")
target_compile_options(sluice_options INTERFACE $<${is_test}:-O0>)
# Under a sanitizer the control plane, whose templates take the compiler longest, is not optimised either, and goes
# without what AddressSanitizer ends at as well (null, object-size) and what takes raw memory to go wrong (alignment). A
# target whose property SLUICE_CONTROL_PLANE is set is of it.
set(is_control "$<BOOL:$<TARGET_PROPERTY:SLUICE_CONTROL_PLANE>>")
if(SLUICE_SANITIZE)
  target_compile_options(sluice_options INTERFACE
    -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all $<${is_test}:-fno-sanitize=undefined>)
  if(NOT SLUICE_FUZZ)
    target_compile_options(sluice_options INTERFACE
      "$<${is_control}:-O0;-fno-sanitize=null,object-size,alignment>")
  endif()
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  target_compile_options(sluice_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# sluice_room_root(<room>): makes the include root of a top-level folder and names it in SLUICE_ROOT_<room>.
function(sluice_room_root room)
  set(root "${CMAKE_BINARY_DIR}/rooms/${room}")
  file(MAKE_DIRECTORY "${root}")
  file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${room}" "${root}/${room}" SYMBOLIC)
  set(SLUICE_ROOT_${room} "${root}" PARENT_SCOPE)
endfunction()

# sluice_room(<target> [CONTROL] ROOM <folder> SOURCES … LINKS …): a static library of that room; CONTROL: of the
# control plane.
function(sluice_room target)
  cmake_parse_arguments(arg "CONTROL" "ROOM" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  sluice_room_root(${arg_ROOM})
  add_library(${target} STATIC ${arg_SOURCES})
  target_include_directories(${target} PUBLIC "${SLUICE_ROOT_${arg_ROOM}}")
  target_link_libraries(${target} PUBLIC sluice_options ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
  set_target_properties(${target} PROPERTIES SLUICE_CONTROL_PLANE ${arg_CONTROL})
endfunction()

# sluice_test_code(<target>): it is compiled as test code is, with what all tests include precompiled.
function(sluice_test_code target)
  set_target_properties(${target} PROPERTIES SLUICE_TEST_CODE ON)
  target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/tests")
  target_link_libraries(${target} PRIVATE sluice_options)
  target_precompile_headers(${target} REUSE_FROM sluice_test_precompiled)
endfunction()

# All tests of this preset that start no thread: scripts/test --all builds and runs those of dev first.
add_custom_target(pure_tests)

# sluice_test(<name> [PURE] SOURCES … LINKS …): a GoogleTest binary. Each TEST becomes one CTest test; under a sanitizer,
# where the start of a process takes longer than most of them, the whole binary is one.
# PURE: it starts no thread. ThreadSanitizer could find nothing in it, so there it is neither built nor run.
# CTest's limits here and elsewhere only end what hangs: they are far longer than a test takes on any machine.
function(sluice_test name)
  cmake_parse_arguments(arg "PURE" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  sluice_test_code(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} GTest::gtest_main)
  if(arg_PURE AND SLUICE_SANITIZE STREQUAL "thread")
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  set(label unit)
  if(arg_PURE)
    set(label pure)
    add_dependencies(pure_tests ${name})
  endif()
  file(RELATIVE_PATH room "${CMAKE_SOURCE_DIR}/tests" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REPLACE "/" "_" room "${room}")
  if(NOT TARGET quick_${room})
    add_custom_target(quick_${room})  # for scripts/test --quick
  endif()
  add_dependencies(quick_${room} ${name})
  set(properties TIMEOUT 1200 LABELS ${SLUICE_TEST_PREFIX}${label})
  if(SLUICE_SANITIZE)
    add_test(NAME ${SLUICE_TEST_PREFIX}${name} COMMAND ${name})
    set_tests_properties(${SLUICE_TEST_PREFIX}${name} PROPERTIES ${properties} COST 10)
  else()
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 600 PROPERTIES ${properties})
  endif()
endfunction()

# sluice_fuzz(<name> SOURCES … LINKS …): a libFuzzer binary, only in the fuzz preset.
function(sluice_fuzz name)
  if(NOT SLUICE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
