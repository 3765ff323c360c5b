# mediahub_library(NAME name [PATH path] DEPS targets...)
# A folder becomes a static library "mh_<name>" of all its .c files. Its headers are seen by others
# as "<path>/header.h" (<name>/header.h where no path is given), and only by targets that link it: an
# include against the direction of the arrows does not compile.
function(mediahub_library)
  cmake_parse_arguments(ARG "" "NAME;PATH" "DEPS;SOURCES" ${ARGN})
  if(NOT ARG_PATH)
    set(ARG_PATH ${ARG_NAME})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main[^/]*\\.c$")
  set(visibility PUBLIC)
  if(sources)
    add_library(mh_${ARG_NAME} STATIC ${sources} ${ARG_SOURCES})
  else() # headers only
    add_library(mh_${ARG_NAME} INTERFACE)
    set(visibility INTERFACE)
  endif()

  set(root ${CMAKE_BINARY_DIR}/include/${ARG_NAME})
  cmake_path(GET ARG_PATH PARENT_PATH above)
  file(MAKE_DIRECTORY ${root}/${above})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${ARG_PATH} SYMBOLIC)
  target_include_directories(mh_${ARG_NAME} ${visibility} ${root})
  target_link_libraries(mh_${ARG_NAME} ${visibility} mediahub_flags ${ARG_DEPS})
endfunction()

# mediahub_program(NAME program MAIN file DEPS targets...)
function(mediahub_program)
  cmake_parse_arguments(ARG "" "NAME;MAIN" "DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_MAIN})
  # A library that the program calls nothing of is not loaded: it would be copied at every fork.
  target_link_options(${ARG_NAME} PRIVATE -Wl,--as-needed)
  target_link_libraries(${ARG_NAME} PRIVATE mediahub_flags ${ARG_DEPS})
endfunction()

# mediahub_generate(OUTPUTS files... SCRIPT script DEPENDS files... ARGS arguments...)
# Runs one generator of schemas/ at build time; its outputs live in the build folder only.
function(mediahub_generate)
  cmake_parse_arguments(ARG "" "SCRIPT" "OUTPUTS;DEPENDS;ARGS" ${ARGN})
  add_custom_command(OUTPUT ${ARG_OUTPUTS}
    COMMAND ${Python3_EXECUTABLE} ${ARG_SCRIPT} ${ARG_ARGS}
    DEPENDS ${ARG_SCRIPT} ${ARG_DEPENDS}
    VERBATIM)
endfunction()

# mediahub_embed(FILE file OUTPUT file): the bytes of a file for a C array, see embed.py. The output
# stands among the SOURCES of the library that includes it.
function(mediahub_embed)
  cmake_parse_arguments(ARG "" "FILE;OUTPUT" "" ${ARGN})
  mediahub_generate(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/embed.py
    OUTPUTS ${ARG_OUTPUT} DEPENDS ${ARG_FILE} ARGS ${ARG_FILE} ${ARG_OUTPUT})
endfunction()
