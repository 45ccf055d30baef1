/* Who writes a results folder: one run at a time.
 *
 * A lease is a small file that says who holds it, and whose modification time the holder renews. It is
 * made with O_EXCL, as the locks that others would use are missing or lie on network file systems. A
 * holder on this machine is looked up among its processes; one on another machine counts as dead when
 * it has not renewed the lease for its term. Should two runs hold it after all (one had been asleep for
 * longer than the term), the older finds out at its next renewal. */
#ifndef CV_LEASE_H
#define CV_LEASE_H

#include <caravan/base.h>

typedef struct cv_lease cv_lease;

/* Makes the file path. Bad input, naming the holder, if another run holds it and is alive; NULL is
 * then returned. A holder that is dead is pushed aside; whether one on another machine is alive may
 * take up to term seconds to find out. Ends with cv_lease_release, which accepts NULL. */
cv_lease *cv_lease_take(const char *path, double term, cv_error *err);

/* To be called several times a term. False if another run has taken over, or if the lease could not be
 * renewed for a whole term. */
bool cv_lease_renew(cv_lease *lease, cv_error *err);

/* Removes the file, if it is still ours. */
void cv_lease_release(cv_lease *lease);

#endif
