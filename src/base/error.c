#include <caravan/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A quoted file may carry terminal escapes or line breaks; the text must stay one plain line. */
static void replace_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f) *c = ' ';
}

static void fill(cv_error *err, cv_status status, const char *format, va_list args)
{
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, args);
    replace_control_characters(err->text);
}

bool cv_bad_input(cv_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, CV_BAD_INPUT, format, args);
    va_end(args);
    return false;
}

bool cv_failed(cv_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, CV_FAILED, format, args);
    va_end(args);
    return false;
}

bool cv_stopped(cv_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, CV_STOPPED, format, args);
    va_end(args);
    return false;
}

bool cv_error_prefix(cv_error *err, const char *format, ...)
{
    cv_error inner = *err;
    va_list args;
    va_start(args, format);
    fill(err, inner.status, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", inner.text);
    return false;
}
