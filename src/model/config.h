/* config.json: read as transformers reads it, and refused where it asks for what is not implemented. */
#ifndef CV_CONFIG_H
#define CV_CONFIG_H

#include <caravan/base.h>
#include <caravan/model.h>

/* Keys that transformers itself leaves unread for the family are ignored here too. */
bool cv_config_load(const char *path, cv_config *config, cv_error *err);

#endif
