/* Giving up what is being computed: because the run is to end, or because another rank was quicker.
 *
 * Loops that take long look here between two steps that leave nothing half-done, and fail with the error;
 * so whatever is computed is either whole or an error. One wish for the whole process. */
#ifndef CV_CANCEL_H
#define CV_CANCEL_H

#include <caravan/base.h>

/* From any thread. The wish stays until it is taken back. */
void cv_cancel(void);
void cv_cancel_take_back(void);
bool cv_cancelled(void);

/* An error of status CV_STOPPED if there is the wish. */
bool cv_not_cancelled(cv_error *err);

#endif
