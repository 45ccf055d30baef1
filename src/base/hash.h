/* SHA-256 fingerprints: the same values that model hubs and sha256sum print, so that a result can
 * be traced to published files. */
#ifndef CV_HASH_H
#define CV_HASH_H

#include <caravan/base.h>

#include <stddef.h>

enum { CV_SHA256_HEX = 65 };

/* Lower-case hexadecimal with a final NUL into hex. */
void cv_sha256(const void *data, size_t length, char hex[CV_SHA256_HEX]);

#endif
