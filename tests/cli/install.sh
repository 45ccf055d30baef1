#!/usr/bin/env bash
# Installs into a temporary prefix and builds a program against it, once with find_package and once
# with pkg-config, as a user of libcaravan would.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/prefix"
fail() { echo "install: $*" >&2; exit 1; }

cmake --install "$CARAVAN_BINARY_DIR" --prefix "$prefix" >"$work/install.log"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name caravan.pc)")
export PKG_CONFIG_PATH
version=$("$prefix/bin/caravan" --version)
case "$version" in
"caravan $(pkg-config --modversion caravan) "*) ;;
*) fail "the installed program's --version prints \"$version\"" ;;
esac

# Each public header must stand alone.
count=0
for header in "$prefix"/include/caravan/*.h; do
    printf '#include <caravan/%s>\nint main(void);\n' "$(basename "$header")" |
        cc -std=c17 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only -xc -
    count=$((count + 1))
done
[ "$count" -ge 5 ] || fail "only $count headers were installed"

# A model that is not there is bad input, and the text names it; the other calls make sure that the
# libraries below (BLAS, PCRE2, ...) are linked too.
mkdir "$work/consumer"
cat >"$work/consumer/consumer.c" <<'C'
#include <caravan/engine.h>
#include <caravan/model.h>
#include <caravan/text.h>
#include <caravan/version.h>
#include <stdio.h>

int main(void)
{
    cv_error err = {CV_OK, ""};
    cv_model *model = cv_model_open("no-such-model", &err);
    cv_tokenizer *tokenizer = cv_tokenizer_open("no-such-model", &err);
    cv_engine *engine = model ? cv_engine_open(model, 8) : NULL;
    printf("%s %d %s\n", CARAVAN_VERSION, (int)err.status, err.text);
    cv_engine_close(engine);
    cv_tokenizer_close(tokenizer);
    cv_model_close(model);
    return 0;
}
C
cat >"$work/consumer/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C)
find_package(caravan 0.1 REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE Caravan::caravan)
CMAKE

expect_message() {
    local said
    said=$("$1")
    case "$said" in
    *" 2 "*no-such-model*) ;;
    *) fail "$1 prints \"$said\"" ;;
    esac
}

cmake -S "$work/consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log" ||
    { cat "$work/cmake.log"; fail "find_package"; }
cmake --build "$work/build" >"$work/make.log" || { cat "$work/make.log"; fail "linking to Caravan::caravan"; }
expect_message "$work/build/consumer"

# shellcheck disable=SC2046 # the flags are words
cc -std=c17 $(pkg-config --cflags caravan) -o "$work/by-pkg-config" "$work/consumer/consumer.c" \
    $(pkg-config --libs caravan)
expect_message "$work/by-pkg-config"
