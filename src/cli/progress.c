#include "cli/progress.h"

#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double BAR_SECONDS = 0.2, LINE_SECONDS = 30;
enum { BAR_WIDTH = 30 };

const char *cv_duration_text(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(text, size, "unknown");
        return text;
    }
    long s = lround(seconds);
    if (seconds < 9.95)
        snprintf(text, size, "%.1f s", seconds);
    else if (s < 60)
        snprintf(text, size, "%ld s", s);
    else if (s < 3600)
        snprintf(text, size, "%ld:%02ld min", s / 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld:%02ld h", s / 3600, s / 60 % 60, s % 60);
    return text;
}

cv_progress_view cv_progress_view_open(void)
{
    cv_progress_view view = {.is_terminal = isatty(STDERR_FILENO) == 1};
    if (!view.is_terminal) view.pace.next = LINE_SECONDS; /* a short run needs no line */
    return view;
}

void cv_progress_view_show(cv_progress_view *view, const cv_progress *progress)
{
    if (!cv_pace_due(&view->pace, progress->elapsed, view->is_terminal ? BAR_SECONDS : LINE_SECONDS)) return;
    double part =
        progress->operations_total ? (double)progress->operations_done / (double)progress->operations_total : 0;
    char eta[32];
    cv_duration_text(cv_progress_eta(progress), eta, sizeof eta);
    if (!view->is_terminal) {
        cv_info("%s: %3.0f %%, %zu of %zu units, time left: %s", progress->phase, 100 * part, progress->units_done,
                progress->units_total, eta);
        return;
    }
    char bar[BAR_WIDTH + 1];
    int filled = (int)(part * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = 0;
    fprintf(stderr, "\r%s [%s] %3.0f %%  %zu of %zu units  time left: %s\033[K", progress->phase, bar, 100 * part,
            progress->units_done, progress->units_total, eta);
    view->bar_shown = true;
}

void cv_progress_view_close(cv_progress_view *view)
{
    if (view->bar_shown) fputs("\r\033[K", stderr);
    view->bar_shown = false;
}
