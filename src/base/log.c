#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool enabled_here = true;

void cv_log_enable(bool enabled)
{
    enabled_here = enabled;
}

static void print(const char *prefix, const char *format, va_list args)
{
    if (!enabled_here) return;
    char line[2048];
    vsnprintf(line, sizeof line, format, args);
    fprintf(stderr, "%s%s\n", prefix, line); /* one call, so that lines of threads do not mix */
}

void cv_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("caravan: ", format, args);
    va_end(args);
}

void cv_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("caravan: warning: ", format, args);
    va_end(args);
}
