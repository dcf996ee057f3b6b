# Every header of the house is compiled alone, so that none leans on what its includer happened to include before it.
#
# One that has a source of its own is: `pool.cpp` includes `pool.hpp` before anything else. For the others, include this
# after all rooms: for each folder that has libraries, an object library <folder>_headers is made of one generated source
# per header there, which sees what those libraries see.

# Is the header the first thing that its source includes, at the time of configuring? And every header has its guard.
function(sluice_header_is_first header folder result)
  set(${result} NO PARENT_SCOPE)
  file(STRINGS "${header}" guard REGEX "^#pragma once" LIMIT_COUNT 1)
  if(NOT guard)
    message(FATAL_ERROR "${header} has no #pragma once")
  endif()
  string(REGEX REPLACE "hpp$" "cpp" source "${header}")
  if(NOT EXISTS "${source}")
    return()
  endif()
  file(STRINGS "${source}" first REGEX "^#include" LIMIT_COUNT 1)
  get_filename_component(name "${header}" NAME)
  if(first STREQUAL "#include \"${folder}/${name}\"")
    set(${result} YES PARENT_SCOPE)
  endif()
endfunction()

function(sluice_check_headers_of directory)
  get_property(children DIRECTORY "${directory}" PROPERTY SUBDIRECTORIES)
  foreach(child IN LISTS children)
    sluice_check_headers_of("${child}")
  endforeach()

  set(libraries "")
  set(links "")
  get_property(targets DIRECTORY "${directory}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND libraries ${target})
      # Private ones too: a folder's internal headers use them.
      get_target_property(target_links ${target} LINK_LIBRARIES)
      list(APPEND links ${target_links})  # "…-NOTFOUND" for none, dropped below
    endif()
  endforeach()
  list(FILTER links EXCLUDE REGEX "-NOTFOUND$")
  file(GLOB headers CONFIGURE_DEPENDS "${directory}/*.hpp")
  if(NOT libraries OR NOT headers)
    return()
  endif()

  file(RELATIVE_PATH folder "${CMAKE_SOURCE_DIR}" "${directory}")
  set(sources "")
  foreach(header IN LISTS headers)
    sluice_header_is_first("${header}" "${folder}" checked)
    if(checked)
      continue()
    endif()
    get_filename_component(name "${header}" NAME_WE)
    set(source "${CMAKE_BINARY_DIR}/headers/${folder}/${name}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${folder}/${name}.hpp\"\n")
    list(APPEND sources "${source}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" check "${folder}_headers")
  add_library(${check} OBJECT ${sources})
  target_link_libraries(${check} PRIVATE ${libraries} ${links})
endfunction()

sluice_check_headers_of("${CMAKE_SOURCE_DIR}")
