# One interface target that every library and program of ours links.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
# Assertions stay on in every build: they guard against our own mistakes.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_library(mediahub_flags INTERFACE)
target_compile_definitions(mediahub_flags INTERFACE _GNU_SOURCE
  $<$<BOOL:${MEDIAHUB_FAULTS}>:MEDIAHUB_FAULTS>)
target_compile_options(mediahub_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wwrite-strings -Wcast-qual
  -Wpointer-arith -Wundef -Wvla -Wimplicit-fallthrough -Wno-unused-parameter -Werror)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mediahub_flags INTERFACE
    -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
else()
  target_compile_options(mediahub_flags INTERFACE -Wno-gnu-zero-variadic-macro-arguments)
endif()

if(MEDIAHUB_SANITIZE)
  # Frames grow under the sanitizers, so the frame bound holds for plain builds only.
  target_compile_options(mediahub_flags INTERFACE -O1 -fno-omit-frame-pointer
    -fsanitize=${MEDIAHUB_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(mediahub_flags INTERFACE -fsanitize=${MEDIAHUB_SANITIZE})
else()
  target_compile_options(mediahub_flags INTERFACE -Wframe-larger-than=4096)
endif()

if(MEDIAHUB_HARDEN)
  target_compile_options(mediahub_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
    -fcf-protection=full -ftrivial-auto-var-init=zero -fPIE)
  target_link_options(mediahub_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
