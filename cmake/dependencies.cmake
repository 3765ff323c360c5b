# System libraries (Debian packages), by pkg-config; nng, which has no such file, by its own package.
find_package(PkgConfig REQUIRED)
# Debian's own interpreter has the Debian packages (PyYAML); others on the PATH may not.
if(NOT Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_package(nng REQUIRED)

foreach(pair
    "UV:libuv" "LWS:libwebsockets" "HIREDIS:hiredis" "CURL:libcurl" "JWT:libjwt"
    "JANSSON:jansson" "SODIUM:libsodium" "SSL:openssl" "INIH:inih" "MSGPACK:msgpack"
    "VIPS:vips;gmodule-no-export-2.0" "AV:libavformat;libavcodec;libavutil" "SWSCALE:libswscale;libavutil" "ZLIB:zlib" "JPEG:libjpeg" "LCMS:lcms2"
    "SECCOMP:libseccomp" "SQLITE:sqlite3" "YAML:yaml-0.1" "CMOCKA:cmocka")
  string(REGEX MATCH "^[A-Z]+" name ${pair})
  string(REGEX REPLACE "^[A-Z]+:" "" modules "${pair}")
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${modules})
endforeach()
# Debian's CRoaring has no pkg-config file.
find_path(ROARING_INCLUDE roaring/roaring.h REQUIRED)
find_library(ROARING_LIBRARY roaring REQUIRED)
add_library(roaring::roaring UNKNOWN IMPORTED)
set_target_properties(roaring::roaring PROPERTIES IMPORTED_LOCATION ${ROARING_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${ROARING_INCLUDE})
