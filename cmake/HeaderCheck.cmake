# Compiles every header of the house alone, so that none leans on what its includer happened to include before it.
#
# Include it after all rooms. For each folder that has libraries, an object library <folder>_headers is made of one
# generated source per header there, which sees what those libraries see.

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
    get_filename_component(name "${header}" NAME_WE)
    set(source "${CMAKE_BINARY_DIR}/headers/${folder}/${name}.cpp")
    # Twice: a header that lacks its guard is found as well.
    file(CONFIGURE OUTPUT "${source}"
      CONTENT "#include \"${folder}/${name}.hpp\"\n#include \"${folder}/${name}.hpp\"  // NOLINT\n")
    list(APPEND sources "${source}")
  endforeach()
  string(REPLACE "/" "_" check "${folder}_headers")
  add_library(${check} OBJECT ${sources})
  target_link_libraries(${check} PRIVATE ${libraries} ${links})
endfunction()

sluice_check_headers_of("${CMAKE_SOURCE_DIR}")
