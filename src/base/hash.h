/* SHA-256 fingerprints: the same values that model hubs and sha256sum print, so that a result can
 * be traced to published files. */
#ifndef CV_HASH_H
#define CV_HASH_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

enum { CV_SHA256_BYTES = 32, CV_SHA256_HEX = 65 };

void cv_sha256_digest(const void *data, size_t length, unsigned char digest[CV_SHA256_BYTES]);

/* Lower-case hexadecimal with a final NUL into hex. */
void cv_sha256(const void *data, size_t length, char hex[CV_SHA256_HEX]);

/* The first eight bytes of the digest, most significant first: enough to tell a few million
 * descriptions apart. */
uint64_t cv_hash64(const void *data, size_t length);

#endif
