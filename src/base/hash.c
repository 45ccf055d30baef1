#include "base/hash.h"

#include "base/memory.h"

#include <openssl/evp.h>
#include <stdio.h>

void cv_sha256_digest(const void *data, size_t length, unsigned char digest[CV_SHA256_BYTES])
{
    unsigned int bytes = 0;
    if (EVP_Digest(data, length, digest, &bytes, EVP_sha256(), NULL) != 1 || bytes != CV_SHA256_BYTES)
        cv_fatal("libcrypto cannot compute SHA-256");
}

void cv_sha256(const void *data, size_t length, char hex[CV_SHA256_HEX])
{
    unsigned char digest[CV_SHA256_BYTES];
    cv_sha256_digest(data, length, digest);
    for (int i = 0; i < CV_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

uint64_t cv_hash64(const void *data, size_t length)
{
    unsigned char digest[CV_SHA256_BYTES];
    cv_sha256_digest(data, length, digest);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | digest[i];
    return value;
}
