/* Chat templates come with a model as programs in Jinja. This renders them for one conversation, in
 * the part of the language that they use; what is not understood is an error, never a guess. */
#ifndef CV_TEMPLATE_H
#define CV_TEMPLATE_H

#include "base/buffer.h"
#include "text/template_value.h"

#include <caravan/base.h>

/* Appends what source renders to. globals is a dictionary (messages, bos_token, ...), whose memory
 * must outlive the call. Bad input names what is wrong or not supported, without a file's name. */
bool cv_template_render(const char *source, size_t length, cv_value globals, cv_buffer *out, cv_error *err);

#endif
