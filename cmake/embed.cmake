# Run by the build: writes OUTPUT, a C source with each of FILES ("NAME=PATH", separated by |) as an array of
# characters NAME that ends with a NUL. Text in ASCII only.

cmake_minimum_required(VERSION 3.25)

set(text "/* Written by cmake/embed.cmake. */\n#include \"report/assets.h\"\n")
string(REPLACE "|" ";" FILES "${FILES}")
foreach(entry IN LISTS FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" whole "${entry}")
    set(name "${CMAKE_MATCH_1}")
    set(path "${CMAKE_MATCH_2}")
    file(READ "${path}" bytes HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    if(bytes MATCHES "0x([89a-f]|00)")
        message(FATAL_ERROR "${path} has bytes that are no ASCII text.")
    endif()
    # Lines of sixteen.
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
        bytes "${bytes}")
    string(APPEND text "\nconst char ${name}[] = {\n${bytes}0};\n")
endforeach()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "${text}" @ONLY)
