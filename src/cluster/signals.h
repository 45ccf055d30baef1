/* The wish to stop: SIGTERM and SIGUSR1, as batch systems send before they end a job, and SIGINT from a
 * person. The first is a wish, which the dispatch looks at; a second one ends the process at once. */
#ifndef CV_SIGNALS_H
#define CV_SIGNALS_H

#include <stdbool.h>

/* From now on. Once a process, before it has threads. */
void cv_signals_catch(void);

/* Whether one has come to this process. */
bool cv_signals_stop(void);

#endif
