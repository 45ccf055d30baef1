#include "base/cancel.h"

static _Atomic bool wished; // read by every thread between two layers

void cv_cancel(void)
{
    wished = true;
}

void cv_cancel_take_back(void)
{
    wished = false;
}

bool cv_cancelled(void)
{
    return wished;
}

bool cv_not_cancelled(cv_error *err)
{
    return !cv_cancelled() || cv_stopped(err, "given up");
}
