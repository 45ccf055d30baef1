#include "base/random.h"

#include <assert.h>

/* The published constants: two multipliers of a round, and what the key grows by after it. */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u
#define ROUNDS 10

void cv_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t words[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0, p1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

cv_random cv_random_open(uint64_t seed, cv_random_use use, uint64_t item)
{
    return (cv_random){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                       .counter = {0, (uint32_t)use, (uint32_t)item, (uint32_t)(item >> 32)},
                       .used = 4};
}

uint32_t cv_random_word(cv_random *random)
{
    if (random->used == 4) {
        cv_philox(random->key, random->counter, random->words);
        random->counter[0]++;
        random->used = 0;
    }
    return random->words[random->used++];
}

static double uniform_of(uint32_t high, uint32_t low)
{
    uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
    return (double)bits * 0x1p-53;
}

double cv_random_uniform(cv_random *random)
{
    uint32_t high = cv_random_word(random);
    return uniform_of(high, cv_random_word(random));
}

uint32_t cv_random_below(cv_random *random, uint32_t n)
{
    assert(n > 0);
    uint64_t product = (uint64_t)cv_random_word(random) * n;
    /* Of the 2^32 words, 2^32 mod n are too many; those with the smallest low halves go. */
    if ((uint32_t)product < n) {
        uint32_t surplus = (0u - n) % n;
        while ((uint32_t)product < surplus) product = (uint64_t)cv_random_word(random) * n;
    }
    return (uint32_t)(product >> 32);
}

void cv_random_shuffle(cv_random *random, uint32_t *items, uint32_t n)
{
    for (uint32_t left = n; left > 1; left--) {
        uint32_t taken = cv_random_below(random, left), last = items[left - 1];
        items[left - 1] = items[taken];
        items[taken] = last;
    }
}

double cv_random_uniform_at(uint64_t seed, cv_random_use use, uint64_t item, uint32_t position)
{
    cv_random random = cv_random_open(seed, use, item);
    random.counter[0] = position;
    return cv_random_uniform(&random);
}
