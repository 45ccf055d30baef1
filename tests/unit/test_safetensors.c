#include "model/safetensors.h"

#include "scratch.h"
#include "suite.h"

#include <stdint.h>

/* A file with this header, announced length (or the true one where it is 0), and so many bytes of data. */
static char *write_file(const char *header, uint64_t announced, size_t data_bytes)
{
    size_t length = strlen(header);
    uint64_t n = announced ? announced : length;
    char *bytes = calloc(8 + length + data_bytes, 1);
    for (int i = 0; i < 8; i++) bytes[i] = (char)(n >> 8 * i & 0xff);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++) bytes[8 + length + i] = (char)i;
    char *path = scratch_file("model.safetensors", bytes, 8 + length + data_bytes);
    free(bytes);
    return path;
}

START_TEST(tensors_are_listed_with_their_bytes)
{
    char *path = write_file("{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
                            "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                            "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[28,28]}}  ",
                            0, 28);
    cv_safetensors file;
    cv_error err;
    ck_assert_msg(cv_safetensors_open(&file, path, &err), "%s", err.text);
    ck_assert_uint_eq(file.count, 3);
    ck_assert_str_eq(file.tensors[0].name, "a");
    ck_assert_str_eq(file.tensors[0].dtype, "BF16");
    ck_assert_uint_eq(file.tensors[0].size, 4);
    ck_assert_str_eq(file.tensors[1].name, "b");
    ck_assert_int_eq(file.tensors[1].rank, 2);
    ck_assert_uint_eq(file.tensors[1].shape[1], 3);
    ck_assert_int_eq(file.tensors[1].data[0], 4);
    ck_assert_uint_eq(file.tensors[2].size, 0);
    cv_safetensors_close(&file);
    free(path);
}
END_TEST

#define TENSOR(dtype, shape, begin, end)                                                                               \
    "{\"w\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}}"
#define TWO(begin, end)                                                                                                \
    "{\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"                                                 \
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[" begin "," end "]}}"

static const struct {
    const char *header;
    uint64_t announced;
    size_t data;
    const char *complaint;
} hostile[] = {
    {TENSOR("F32", "[2]", "0", "8"), 1000, 8, "header length"},
    {TENSOR("F32", "[2]", "0", "8"), UINT64_MAX, 8, "header length"},
    {TENSOR("F32", "[2]", "0", "8"), UINT64_MAX - 7, 8, "header length"},
    {TENSOR("F32", "[2]", "0", "8"), 10, 8, "JSON"},
    {"[]", 0, 0, "object"},
    {"{\"w\":7}", 0, 0, "w"},
    {"{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 8, "dtype"},
    {"{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 0, 8, "shape"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 0, 8, "data_offsets"},
    {TENSOR("F31", "[2]", "0", "8"), 0, 8, "w.dtype"},
    {TENSOR("F32", "[-2]", "0", "8"), 0, 8, "w.shape"},
    {TENSOR("F32", "[2.0]", "0", "8"), 0, 8, "w.shape"},
    {TENSOR("F32", "[1,1,1,1,1,1,1,1,2]", "0", "8"), 0, 8, "w.shape"},
    {TENSOR("F32", "[4294967296,4294967296]", "0", "8"), 0, 8, "w"},
    {TENSOR("F32", "[4611686018427387906]", "0", "8"), 0, 8, "w"}, /* times 4 wraps to 8 */
    {TENSOR("F32", "[9223372036854775808]", "0", "8"), 0, 8, "JSON"},
    {TENSOR("F32", "[2]", "8", "0"), 0, 8, "w.data_offsets"},
    {TENSOR("F32", "[2]", "0", "4"), 0, 8, "w"},
    {TENSOR("F32", "[2]", "0.0", "8.0"), 0, 8, "w.data_offsets"},
    {TENSOR("F32", "[2]", "-8", "0"), 0, 8, "w.data_offsets"},
    {TENSOR("F32", "[2]", "0", "8"), 0, 7, "w"},
    {TENSOR("F32", "[2]", "8", "16"), 0, 8, "w"},
    {TENSOR("F32", "[2]", "0", "8"), 0, 12, "belong to no tensor"},
    {TWO("4", "12"), 0, 12, "overlap"},
    {TWO("0", "8"), 0, 8, "overlap"},
    {TWO("12", "20"), 0, 20, "w"}, /* a gap */
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
     0, 16, "JSON"},
};

START_TEST(a_hostile_file_is_refused_by_name)
{
    char *path = write_file(hostile[_i].header, hostile[_i].announced, hostile[_i].data);
    cv_safetensors file;
    cv_error err = {0};
    ck_assert(!cv_safetensors_open(&file, path, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "model.safetensors"));
    ck_assert_msg(strstr(err.text, hostile[_i].complaint) != NULL, "%s lacks \"%s\"", err.text, hostile[_i].complaint);
    cv_safetensors_close(&file);
    free(path);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_refused)
{
    const char *header = TWO("8", "16");
    size_t length = 8 + strlen(header) + 16;
    char *path = write_file(header, 0, 16), *bytes = cv_read_file(path, &length, &(cv_error){0});
    free(path);
    for (size_t cut = 0; cut < length; cut++) {
        path = scratch_file("cut.safetensors", bytes, cut);
        cv_safetensors file;
        cv_error err = {0};
        ck_assert_msg(!cv_safetensors_open(&file, path, &err), "%zu of %zu bytes were accepted", cut, length);
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        free(path);
    }
    free(bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, tensors_are_listed_with_their_bytes);
    tcase_add_loop_test(tests, a_hostile_file_is_refused_by_name, 0, ROWS(hostile));
    tcase_add_test(tests, a_file_cut_anywhere_is_refused);
    return run_suite(tests);
}
