#include "base/cancel.h"

#include <stdatomic.h>

static atomic_bool wished;

void cv_cancel(void)
{
    atomic_store(&wished, true);
}

void cv_cancel_take_back(void)
{
    atomic_store(&wished, false);
}

bool cv_cancelled(void)
{
    return atomic_load(&wished);
}

bool cv_not_cancelled(cv_error *err)
{
    return !cv_cancelled() || cv_stopped(err, "given up");
}
