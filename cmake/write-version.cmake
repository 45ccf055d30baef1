# Run by the target caravan_version: writes OUTPUT from VERSION, BUILD_TYPE and what git says of SOURCE.

cmake_minimum_required(VERSION 3.25)

# A released archive has no .git; the header then says so with an empty description.
set(DESCRIPTION "")
if(GIT AND EXISTS "${SOURCE}/.git")
    execute_process(COMMAND "${GIT}" describe --tags --always --dirty
        WORKING_DIRECTORY "${SOURCE}" OUTPUT_VARIABLE DESCRIPTION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

string(REPLACE "." ";" numbers "${VERSION}")
list(GET numbers 0 MAJOR)
list(GET numbers 1 MINOR)
list(GET numbers 2 PATCH)
file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT
"/* Which Caravan this is. Written by the build. */
#ifndef CARAVAN_VERSION_H
#define CARAVAN_VERSION_H

#define CARAVAN_VERSION \"@VERSION@\"
#define CARAVAN_VERSION_MAJOR @MAJOR@
#define CARAVAN_VERSION_MINOR @MINOR@
#define CARAVAN_VERSION_PATCH @PATCH@
#define CARAVAN_GIT \"@DESCRIPTION@\" /* git describe; empty when built outside a checkout */
#define CARAVAN_BUILD_TYPE \"@BUILD_TYPE@\"

#endif
")
