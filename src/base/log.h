/* Messages for people, on stderr. Results go to stdout and never through here. */
#ifndef CV_LOG_H
#define CV_LOG_H

#include <caravan/base.h>

/* Ranks other than 0 switch their messages off; errors travel to rank 0 as values. */
void cv_log_enable(bool enabled);

/* One line "caravan: ..." each; a warning says so. */
void cv_info(const char *format, ...) CV_PRINTF(1, 2);
void cv_warn(const char *format, ...) CV_PRINTF(1, 2);

#endif
