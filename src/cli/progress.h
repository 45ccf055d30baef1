/* How far the sweep is, for the person who waits: a bar on a terminal, a line now and then elsewhere. */
#ifndef CV_PROGRESS_H
#define CV_PROGRESS_H

#include "store/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct cv_progress_view {
    bool is_terminal; /* stderr is one */
    bool bar_shown;   /* and a bar stands on its last line */
    cv_pace pace;
} cv_progress_view;

cv_progress_view cv_progress_view_open(void);
/* Renews what is shown, if it is time. */
void cv_progress_view_show(cv_progress_view *view, const cv_progress *progress);
/* Takes the bar away, so that messages start on a clean line. */
void cv_progress_view_close(cv_progress_view *view);

/* "7.2 s", "45 s", "12:05 min", "3:04:05 h"; "unknown" for NaN. Returns text. */
const char *cv_duration_text(double seconds, char *text, size_t size);

#endif
