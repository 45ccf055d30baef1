#include "base/hash.h"

#include "base/memory.h"
#include "suite.h"

#include <string.h>

/* The examples of FIPS 180-2, appendix B, and the empty message. */
static const struct {
    const char *message, *digest;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(digests_are_the_published_ones)
{
    char hex[CV_SHA256_HEX];
    cv_sha256(examples[_i].message, strlen(examples[_i].message), hex);
    ck_assert_str_eq(hex, examples[_i].digest);
}
END_TEST

START_TEST(a_million_letters)
{
    char *letters = cv_alloc(1000000, 1), hex[CV_SHA256_HEX];
    memset(letters, 'a', 1000000);
    cv_sha256(letters, 1000000, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(letters);
}
END_TEST

START_TEST(a_nul_byte_counts)
{
    char with[CV_SHA256_HEX], without[CV_SHA256_HEX];
    cv_sha256("abc", 4, with);
    cv_sha256("abc", 3, without);
    ck_assert_str_ne(with, without);
}
END_TEST

START_TEST(the_short_hash_is_the_digests_beginning)
{
    ck_assert_uint_eq(cv_hash64("abc", 3), 0xba7816bf8f01cfea);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hash");
    tcase_add_loop_test(tests, digests_are_the_published_ones, 0, ROWS(examples));
    tcase_add_test(tests, a_million_letters);
    tcase_add_test(tests, a_nul_byte_counts);
    tcase_add_test(tests, the_short_hash_is_the_digests_beginning);
    return run_suite(tests);
}
