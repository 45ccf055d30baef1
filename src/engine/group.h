/* Groups of heads: which query heads of which layer they switch off. */
#ifndef CV_GROUP_H
#define CV_GROUP_H

#include "engine/engine.h"

#include <caravan/engine.h>

/* Sees whether the group switches off any of query heads [begin, end) of a layer. group may be NULL. */
bool cv_head_group_covers(const cv_head_group *group, const cv_config *config, int layer, int begin, int end);

#endif
