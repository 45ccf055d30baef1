/* The wish to stop: SIGTERM and SIGUSR1, as batch systems send before they end a job, and SIGINT from a
 * person. The first is a wish, which the dispatch looks at; a second one ends the process at once. */
#ifndef CV_SIGNALS_H
#define CV_SIGNALS_H

#include <stdbool.h>

/* From now on. Once a process, before it has threads. */
void cv_signals_catch(void);

/* No longer: once all ranks are about to end, a launcher that ends the rest when the first is gone must not change
 * their exit codes. */
void cv_signals_ignore(void);

/* Whether one has come to this process. */
bool cv_signals_stop(void);

#endif
