/* The dispatcher's rule run against a cost model: how long a list of units takes on so many ranks.
 *
 * Free ranks take the most expensive unit that is left; when none is left, an idle rank takes over a copy
 * of the unit that would be done last, if that pays (sweep/crew.h). */
#ifndef CV_SIMULATE_H
#define CV_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds until the last of count units is done. costs [count] are operations, speeds [ranks] operations a
 * second (NULL: 1 each, so that the result is operations), overhead the seconds that handing out a unit
 * and taking its result costs its rank. */
double cv_simulate(const uint64_t *costs, size_t count, int ranks, const double *speeds, double overhead);

/* speeds [ranks] around mean, normally distributed with a standard deviation of spread times mean, between
 * half and one and a half of it; drawn from seed. */
void cv_simulate_speeds(double *speeds, int ranks, double mean, double spread, uint64_t seed);

#endif
