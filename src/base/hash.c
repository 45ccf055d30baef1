#include "base/hash.h"

#include "base/memory.h"

#include <openssl/evp.h>
#include <stdio.h>

void cv_sha256(const void *data, size_t length, char hex[CV_SHA256_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int bytes = 0;
    if (EVP_Digest(data, length, digest, &bytes, EVP_sha256(), NULL) != 1 || bytes != 32)
        cv_fatal("libcrypto cannot compute SHA-256");
    for (unsigned int i = 0; i < bytes; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
