/* Seconds that only go forward, for durations. */
#ifndef CV_CLOCK_H
#define CV_CLOCK_H

/* Since some moment that is the same for the whole process. */
double cv_seconds(void);

#endif
