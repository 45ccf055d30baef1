#include "cli/verb.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cv_words_free(cv_words *words)
{
    free(words->items);
    *words = (cv_words){0};
}

/* The option that word names, with or without "=value" behind. NULL for an unknown one. */
static const cv_option *find(const cv_option *options, const char *word)
{
    size_t length = strcspn(word, "=");
    for (; options->name; options++)
        if (strlen(options->name) == length && strncmp(options->name, word, length) == 0) return options;
    return NULL;
}

static bool take_value(const char *verb, const cv_option *option, const char *value, cv_error *err)
{
    if (option->text && *option->text)
        return cv_bad_input(err, "%s is given twice; see caravan %s --help", option->name, verb);
    if (option->text) *option->text = value;
    if (option->list) {
        cv_reserve(&option->list->items, &option->list->capacity, option->list->count + 1, sizeof value);
        option->list->items[option->list->count++] = value;
    }
    return true;
}

/* Reads the option at argv[*i], moving *i on where its value is the next word. */
static bool take_option(const char *verb, int argc, char **argv, int *i, const cv_option *options, cv_error *err)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    const cv_option *option = find(options, word);
    if (!option) return cv_bad_input(err, "unknown option %s; see caravan %s --help", word, verb);
    if (option->flag) {
        *option->flag = true;
        return !equals || cv_bad_input(err, "%s takes no value; see caravan %s --help", option->name, verb);
    }
    if (equals) return take_value(verb, option, equals + 1, err);
    if (*i + 1 == argc) return cv_bad_input(err, "%s needs a value; see caravan %s --help", option->name, verb);
    return take_value(verb, option, argv[++*i], err);
}

bool cv_options_read(const char *verb, int argc, char **argv, const cv_option *options, const cv_argument *arguments,
                     cv_error *err)
{
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            if (!take_option(verb, argc, argv, &i, options, err)) return false;
        } else if (arguments->name) {
            *arguments++->text = argv[i];
        } else if (find(options, "")) {
            if (!take_value(verb, find(options, ""), argv[i], err)) return false;
        } else {
            return cv_bad_input(err, "one word too many: %s; see caravan %s --help", argv[i], verb);
        }
    }
    return !arguments->name || cv_bad_input(err, "%s is missing; see caravan %s --help", arguments->name, verb);
}

bool cv_option_int(const char *name, const char *text, int64_t low, int64_t high, int64_t *out, cv_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end) return cv_bad_input(err, "%s must be a whole number, not \"%s\"", name, text);
    if (errno || value < low || value > high)
        return cv_bad_input(err, "%s is %s; it must lie between %lld and %lld", name, text, (long long)low,
                            (long long)high);
    *out = value;
    return true;
}

bool cv_option_real(const char *name, const char *text, double *out, cv_error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return cv_bad_input(err, "%s must be a number, not \"%s\"", name, text);
    *out = value;
    return true;
}

bool cv_output_check(const char *path, cv_error *err)
{
    struct stat info;
    char *directory = cv_path_directory(path);
    bool ok = access(directory, W_OK | X_OK) == 0;
    if (!ok) cv_bad_input(err, "--output %s: %s cannot be written in: %s", path, directory, strerror(errno));
    free(directory);
    if (ok && stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        ok = cv_bad_input(err, "--output %s: is there, but not as a file; choose another", path);
    return ok;
}

void cv_error_tell(cv_error *err)
{
    if (err->text[0]) fprintf(stderr, "caravan: %s\n", err->text);
    err->text[0] = 0;
}

bool cv_stdout_check(cv_error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    return cv_failed(err, "standard output cannot be written: %s", strerror(errno));
}

void cv_spelling_print(const char *token)
{
    for (const char *c = token ? token : ""; *c; c++) {
        if (*c == '\n')
            fputs("\\n", stdout);
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            printf("\\x%02x", (unsigned char)*c);
        else
            putchar(*c);
    }
}
