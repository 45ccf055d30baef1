#include "model/safetensors.h"

#include "model_files.h"
#include "suite.h"

#include <fcntl.h>
#include <unistd.h>

/* Headers with 'quotes' for "quotes"; data: bytes after the header. */
static const struct {
    const char *header;
    size_t data;
    const char *message;
} bad_headers[] = {
    {"", 0, "not valid JSON"},
    {"{", 0, "not valid JSON"},
    {"[]", 0, "must hold one JSON object"},
    {"{} x", 0, "not valid JSON"},
    {"{'a\xff': 1}", 0, "not valid JSON"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1]},"
     " 'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1]}}",
     1, "duplicate object key"},
    {"{'a': 7}", 0, "a must be an object"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1], 'more': 0}}", 1, "a.more"},
    {"{'a': {'shape': [1], 'data_offsets': [0, 1]}}", 1, "a.dtype is missing"},
    {"{'a': {'dtype': 8, 'shape': [1], 'data_offsets': [0, 1]}}", 1, "a.dtype must be a string"},
    {"{'a': {'dtype': 'F7', 'shape': [1], 'data_offsets': [0, 1]}}", 1, "a.dtype \"F7\""},
    {"{'a': {'dtype': 'U8', 'data_offsets': [0, 1]}}", 1, "a.shape is missing"},
    {"{'a': {'dtype': 'U8', 'shape': 1, 'data_offsets': [0, 1]}}", 1, "a.shape must be an array"},
    {"{'a': {'dtype': 'U8', 'shape': [-1], 'data_offsets': [0, 1]}}", 1, "a.shape must hold whole numbers"},
    {"{'a': {'dtype': 'U8', 'shape': [1.0], 'data_offsets': [0, 1]}}", 1, "a.shape must hold whole numbers"},
    {"{'a': {'dtype': 'U8', 'shape': ['1'], 'data_offsets': [0, 1]}}", 1, "a.shape must hold whole numbers"},
    {"{'a': {'dtype': 'U8', 'shape': [1,1,1,1,1,1,1,1,1], 'data_offsets': [0, 1]}}", 1, "a.shape has 9 numbers"},
    /* Products that 64 bits would cut to 0, 0, and 1. */
    {"{'a': {'dtype': 'F32', 'shape': [4611686018427387904], 'data_offsets': [0, 0]}}", 0, "a.data_offsets span 0"},
    {"{'a': {'dtype': 'U8', 'shape': [4294967296, 4294967296], 'data_offsets': [0, 0]}}", 0, "a.data_offsets span 0"},
    {"{'a': {'dtype': 'U8', 'shape': [274177, 67280421310721], 'data_offsets': [0, 1]}}", 1, "a.data_offsets span 1"},
    {"{'a': {'dtype': 'U8', 'shape': [4294967296, 4294967296, 0], 'data_offsets': [0, 0]}}", 0, "a.data_offsets"},
    {"{'a': {'dtype': 'U8', 'shape': [1]}}", 1, "a.data_offsets is missing"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': 0}}", 1, "a.data_offsets must be an array"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [1]}}", 1, "a.data_offsets must be [begin, end]"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1, 1]}}", 1, "a.data_offsets has 3 numbers"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [1, 0]}}", 1, "a.data_offsets must be [begin, end]"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [-1, 0]}}", 1, "a.data_offsets must hold whole numbers"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0.0, 1.0]}}", 1, "a.data_offsets must hold whole numbers"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 9223372036854775808]}}", 1, "not valid JSON"},
    {"{'a': {'dtype': 'U8', 'shape': [2], 'data_offsets': [0, 2]}}", 1, "a.data_offsets end at byte 2"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [9223372036854775806, 9223372036854775807]}}", 1,
     "a.data_offsets end at byte 9223372036854775807"},
    {"{'a': {'dtype': 'F16', 'shape': [2], 'data_offsets': [0, 2]}}", 2, "a.data_offsets span 2"},
    {"{'a': {'dtype': 'F16', 'shape': [1], 'data_offsets': [0, 4]}}", 4, "a.data_offsets span 4"},
    {"{'a': {'dtype': 'F32', 'shape': [2, 2], 'data_offsets': [0, 15]}}", 15, "a.data_offsets span 15"},
    {"{'a': {'dtype': 'F32', 'shape': [], 'data_offsets': [0, 0]}}", 0, "a.data_offsets span 0"},
    {"{'a': {'dtype': 'F4', 'shape': [3], 'data_offsets': [0, 1]}}", 1, "a.data_offsets span 1"},
    {"{'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [0, 4]},"
     " 'b': {'dtype': 'U8', 'shape': [4], 'data_offsets': [3, 7]}}",
     7, "b.data_offsets overlap those of a"},
    {"{'b': {'dtype': 'U8', 'shape': [4], 'data_offsets': [0, 4]},"
     " 'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [0, 4]}}",
     4, "data_offsets overlap"},
    {"{'a': {'dtype': 'U8', 'shape': [4], 'data_offsets': [0, 4]},"
     " 'b': {'dtype': 'U8', 'shape': [2], 'data_offsets': [1, 3]}}",
     4, "b.data_offsets overlap those of a"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [1, 2]}}", 2, "a.data_offsets leave 1 bytes before it"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1]},"
     " 'b': {'dtype': 'U8', 'shape': [1], 'data_offsets': [4, 5]}}",
     5, "b.data_offsets leave 3 bytes before it"},
    {"{'a': {'dtype': 'U8', 'shape': [1], 'data_offsets': [0, 1]}}", 3, "the last 2 bytes belong to no tensor"},
    {"{}", 1, "the last 1 bytes belong to no tensor"},
};

static char *quoted(const char *header)
{
    char *copy = strdup(header);
    ck_assert_ptr_nonnull(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

static void assert_file_refused(const char *path, const char *message)
{
    cv_safetensors file;
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_safetensors_open(&file, path, &err));
    assert_refused(&err, path, message);
    ck_assert_ptr_null(file.tensors);
    ck_assert_ptr_null(file.mapping.data);
}

START_TEST(a_bad_header_is_refused)
{
    char *header = quoted(bad_headers[_i].header);
    char *path = write_header("bad.safetensors", header, bad_headers[_i].data);
    assert_file_refused(path, bad_headers[_i].message);
    free(path);
    free(header);
}
END_TEST

static const struct {
    uint64_t claimed;
    const char *message;
} bad_lengths[] = {
    {3, "header length 3 points past the end of the file, 2 bytes further on"},
    {10, "header length 10"},
    {(uint64_t)1 << 32, "header length 4294967296"},
    {INT64_MAX, "header length 9223372036854775807"},
    {UINT64_MAX - 7, "header length 18446744073709551608"},
    {UINT64_MAX, "header length 18446744073709551615"},
};

START_TEST(a_header_length_past_the_end_is_refused)
{
    char *path = write_claimed("bad.safetensors", bad_lengths[_i].claimed, "{}", 0);
    assert_file_refused(path, bad_lengths[_i].message);
    free(path);
}
END_TEST

START_TEST(a_header_too_long_to_be_one_is_refused_unread)
{
    char *path = write_claimed("bad.safetensors", 100000001, "", 0);
    ck_assert_int_eq(truncate(path, 100000009 + 50), 0); /* a hole: takes no room on disk */
    assert_file_refused(path, "above the format's limit");
    free(path);
}
END_TEST

static const char two_tensors[] = "{\"a\": {\"dtype\": \"BF16\", \"shape\": [2, 3], \"data_offsets\": [0, 12]}, "
                                  "\"b\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [12, 16]}}";

START_TEST(a_file_cut_off_anywhere_is_refused)
{
    char *path = write_header("cut.safetensors", two_tensors, 16);
    cv_safetensors file;
    cv_error err;
    ck_assert(cv_safetensors_open(&file, path, &err));
    cv_safetensors_close(&file);
    for (long size = 8 + (long)strlen(two_tensors) + 15; size >= 0; size--) {
        ck_assert_int_eq(truncate(path, size), 0);
        assert_file_refused(path, size < 8 ? "too few" : "damaged or was cut off");
    }
    free(path);
}
END_TEST

/* Opens a file that may be wrong: it must be refused by name, or all of its 16 bytes be accounted for. */
static bool is_refused_or_sound(const char *path)
{
    cv_safetensors file;
    cv_error err = {CV_OK, ""};
    if (!cv_safetensors_open(&file, path, &err)) return err.status == CV_BAD_INPUT && strstr(err.text, path);
    uint64_t total = 0;
    for (size_t t = 0; t < file.count; t++) total += file.tensors[t].size;
    cv_safetensors_close(&file);
    return total == 16;
}

START_TEST(no_single_wrong_byte_leads_out_of_the_file)
{
    static const unsigned char patterns[] = {0x01, 0x04, 0x10, 0x80, 0xff};
    size_t length = 8 + strlen(two_tensors);
    char *path = write_header("byte.safetensors", two_tensors, 16);
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    for (size_t at = 0; at < length; at++) {
        unsigned char byte, wrong;
        bool done = pread(fd, &byte, 1, (off_t)at) == 1;
        for (size_t i = 0; i < sizeof patterns; i++) {
            wrong = byte ^ patterns[i];
            done = done && pwrite(fd, &wrong, 1, (off_t)at) == 1;
            if (!done || !is_refused_or_sound(path)) ck_abort_msg("byte %zu changed to %#x", at, wrong);
        }
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    ck_assert(is_refused_or_sound(path));
    close(fd);
    free(path);
}
END_TEST

START_TEST(a_missing_file_is_refused)
{
    char *path = scratch_path("nowhere.safetensors");
    assert_file_refused(path, "cannot be opened");
    assert_file_refused(scratch, "not a regular file");
    free(path);
}
END_TEST

/* In any order, with metadata, blanks after the header, an empty tensor, a single number, and at an
 * address that is no multiple of an element's size. */
START_TEST(what_the_format_allows_is_read)
{
    char *header = quoted("{'__metadata__': {'format': 'pt', 'x': 'y'},"
                          "'second': {'data_offsets': [6, 14], 'dtype': 'F32', 'shape': [2]},"
                          "'first': {'shape': [3, 1], 'dtype': 'F16', 'data_offsets': [0, 6]},"
                          "'empty': {'shape': [5, 0], 'dtype': 'I64', 'data_offsets': [6, 6]},"
                          "'number': {'shape': [], 'dtype': 'BOOL', 'data_offsets': [14, 15]},"
                          "'packed': {'shape': [2, 2], 'dtype': 'F6_E2M3', 'data_offsets': [15, 18]}}   \n");
    char *path = write_header("good.safetensors", header, 18);
    cv_safetensors file;
    cv_error err;
    ck_assert_msg(cv_safetensors_open(&file, path, &err), "%s", err.text);
    ck_assert_str_eq(file.path, path);
    ck_assert_uint_eq(file.count, 5);
    const cv_stored_tensor *first = &file.tensors[0];
    ck_assert_str_eq(first->name, "first");
    ck_assert_str_eq(first->dtype, "F16");
    ck_assert_int_eq(first->rank, 2);
    ck_assert_uint_eq(first->shape[0], 3);
    ck_assert_uint_eq(first->shape[1], 1);
    ck_assert_uint_eq(first->size, 6);
    ck_assert_int_eq(first->data[5], 5);
    const cv_stored_tensor *second = &file.tensors[2], *number = &file.tensors[3];
    ck_assert_str_eq(file.tensors[1].name, "empty");
    ck_assert_str_eq(second->name, "second");
    ck_assert_int_eq(second->data[0], 6);
    ck_assert_str_eq(number->name, "number");
    ck_assert_int_eq(number->rank, 0);
    ck_assert_int_eq(number->data[0], 14);
    cv_safetensors_close(&file);
    cv_safetensors_close(&file); /* closing twice is harmless */
    free(path);
    free(header);
}
END_TEST

START_TEST(a_file_without_tensors_is_read)
{
    char *path = write_header("empty.safetensors", "{}", 0);
    cv_safetensors file;
    cv_error err;
    ck_assert(cv_safetensors_open(&file, path, &err));
    ck_assert_uint_eq(file.count, 0);
    cv_safetensors_close(&file);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, a_bad_header_is_refused, 0, ROWS(bad_headers));
    tcase_add_loop_test(tests, a_header_length_past_the_end_is_refused, 0, ROWS(bad_lengths));
    tcase_add_test(tests, a_header_too_long_to_be_one_is_refused_unread);
    tcase_add_test(tests, a_file_cut_off_anywhere_is_refused);
    tcase_add_test(tests, no_single_wrong_byte_leads_out_of_the_file);
    tcase_add_test(tests, a_missing_file_is_refused);
    tcase_add_test(tests, what_the_format_allows_is_read);
    tcase_add_test(tests, a_file_without_tensors_is_read);
    return run_suite(tests);
}
