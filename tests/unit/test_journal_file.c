#include "store/journal_file.h"

#include "base/hash.h"
#include "base/memory.h"

#include "scratch.h"
#include "suite.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static cv_identity identity;
static char *path, *aside;

static void setup(void)
{
    scratch_make();
    path = scratch_path("journal");
    aside = scratch_path("aside");
    identity = (cv_identity){0};
    cv_identity_add(&identity, CV_IDENTITY_JOB, "steps", "3", NULL);
}

static void teardown(void)
{
    cv_identity_free(&identity);
    free(path);
    free(aside);
    scratch_remove();
}

static cv_journal_file opened(void)
{
    cv_journal_file file;
    cv_error err;
    ck_assert_msg(cv_journal_file_open(&file, path, aside, &identity, &err), "%s", err.text);
    return file;
}

static void refused(const char *words)
{
    cv_journal_file file;
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_journal_file_open(&file, path, aside, &identity, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    cv_journal_file_close(&file);
}

/* Records that tell their own number: of every third phase, with i * 5 bytes. */
enum { RECORDS = 5 };
static const char *const phases[] = {"sweep", "sahara 2", ""};

static void fill(char *bytes, size_t i)
{
    for (size_t b = 0; b < i * 5; b++) bytes[b] = (char)(i * 31 + b * 7);
}

static void append(cv_journal_file *file, size_t i)
{
    char bytes[RECORDS * 5];
    cv_error err;
    fill(bytes, i);
    ck_assert_msg(cv_journal_file_append(file, phases[i % 3], 1000 + i, i << 40, bytes, i * 5, &err), "%s", err.text);
}

static void expect_record(cv_journal_file *file, size_t i)
{
    char bytes[RECORDS * 5];
    cv_journal_record r;
    cv_error err;
    fill(bytes, i);
    ck_assert_msg(cv_journal_file_read(file, i, &r, &err), "%s", err.text);
    ck_assert_uint_eq(r.phase_length, strlen(phases[i % 3]));
    ck_assert_int_eq(memcmp(r.phase, phases[i % 3], r.phase_length), 0);
    ck_assert_uint_eq(r.item, 1000 + i);
    ck_assert_uint_eq(r.description, i << 40);
    ck_assert_uint_eq(r.length, i * 5);
    ck_assert_int_eq(memcmp(r.bytes, bytes, r.length), 0);
    ck_assert_uint_eq(file->places[i].phase, cv_hash64(phases[i % 3], strlen(phases[i % 3])));
}

/* Writes all records; ends[i] is the file's length with i of them. Its bytes are in *bytes. */
static size_t write_all(char **bytes, uint64_t ends[RECORDS + 1])
{
    cv_journal_file file = opened();
    ends[0] = file.length;
    for (size_t i = 0; i < RECORDS; i++) {
        append(&file, i);
        ends[i + 1] = file.length;
    }
    cv_journal_file_close(&file);
    size_t length;
    cv_error err;
    *bytes = cv_read_file(path, &length, &err);
    ck_assert_ptr_nonnull(*bytes);
    ck_assert_uint_eq(length, ends[RECORDS]);
    return length;
}

static void put_back(const char *bytes, size_t length)
{
    free(scratch_file("journal", bytes, length));
}

/* Opens what is there, which must have the first count records and no byte more, and go on from there. */
static void expect_prefix(size_t count, const uint64_t ends[RECORDS + 1])
{
    struct stat info;
    cv_journal_file file = opened();
    ck_assert_uint_eq(file.count, count);
    for (size_t i = 0; i < count; i++) expect_record(&file, i);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq((uint64_t)info.st_size, ends[count]);
    for (size_t i = count; i < RECORDS; i++) append(&file, i);
    cv_journal_file_close(&file);
    file = opened();
    ck_assert_uint_eq(file.count, RECORDS);
    for (size_t i = 0; i < RECORDS; i++) expect_record(&file, i);
    cv_journal_file_close(&file);
}

/* How many records end within so many bytes. */
static size_t whole(const uint64_t ends[RECORDS + 1], size_t length)
{
    size_t count = 0;
    while (count < RECORDS && ends[count + 1] <= length) count++;
    return count;
}

/* Under valgrind a part of the places is enough. */
static size_t stride(void)
{
    return getenv("CARAVAN_TEST_SPARSE") ? 7 : 1;
}

START_TEST(records_come_back_as_they_were)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    write_all(&bytes, ends);
    expect_prefix(RECORDS, ends);
    free(bytes);
}
END_TEST

START_TEST(cut_anywhere_the_whole_records_stay)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends);
    for (size_t cut = 0; cut < length; cut += stride()) {
        put_back(bytes, cut);
        expect_prefix(whole(ends, cut), ends);
    }
    free(bytes);
}
END_TEST

START_TEST(a_flipped_byte_ends_what_is_believed)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends);
    for (size_t at = 0; at < length; at += stride()) {
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
        put_back(bytes, length);
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
        if (at < 8)
            refused("is not a journal of Caravan");
        else
            expect_prefix(whole(ends, at), ends);
    }
    free(bytes);
}
END_TEST

START_TEST(garbage_behind_the_end_is_cut_off)
{
    static const char garbage[100] = {1, 2, 3};
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends);
    bytes = cv_realloc(bytes, length + sizeof garbage, 1);
    memcpy(bytes + length, garbage, sizeof garbage);
    for (size_t more = 1; more <= sizeof garbage; more += 9) {
        put_back(bytes, length + more);
        expect_prefix(RECORDS, ends);
    }
    free(bytes);
}
END_TEST

START_TEST(a_record_taken_out_or_put_in_twice_ends_what_is_believed)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends), size = (size_t)(ends[3] - ends[2]);
    char *edited = cv_alloc(length + size, 1);
    memcpy(edited, bytes, ends[2]);
    memcpy(edited + ends[2], bytes + ends[3], length - ends[3]);
    put_back(edited, length - size);
    expect_prefix(2, ends);
    memcpy(edited, bytes, ends[3]);
    memcpy(edited + ends[3], bytes + ends[2], length - ends[2]);
    put_back(edited, length + size);
    expect_prefix(3, ends);
    free(edited);
    free(bytes);
}
END_TEST

/* Lengths that lie, in a record and in the header. */
static const uint64_t lengths[] = {
    0, 1, 23, 24, 1000, 1 << 30, UINT64_C(1) << 31, UINT64_C(1) << 62, UINT64_MAX - 16, UINT64_MAX};

START_TEST(lengths_that_lie_are_not_believed)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends);
    char *edited = cv_alloc(length, 1);
    memcpy(edited, bytes, length);
    memcpy(edited + ends[1], &lengths[_i], sizeof lengths[_i]);
    put_back(edited, length);
    expect_prefix(1, ends);
    memcpy(edited, bytes, length);
    memcpy(edited + 16, &lengths[_i], sizeof lengths[_i]);
    put_back(edited, length);
    expect_prefix(0, ends);
    ck_assert(cv_file_exists(aside)); /* kept for whoever wants to look at it */
    free(edited);
    free(bytes);
}
END_TEST

/* A record with a right checksum and a body of such bytes, at the beginning. */
static const struct {
    size_t length;
    const char *body;
} bodies[] = {
    {0, ""},
    {8, "\0\0\0\0\0\0\0\0"},
    {23, "\0\0\0\0\0\0\0\0aaaaaaaabbbbbbb"},
    {24, "\1\0\0\0\0\0\0\0aaaaaaaabbbbbbbb"},
    {24, "\377\377\377\377\377\377\377\377aaaaaaaabbbbbbbb"},
};

START_TEST(a_hostile_body_is_no_record)
{
    char *bytes;
    uint64_t ends[RECORDS + 1], length = bodies[_i].length;
    write_all(&bytes, ends);
    size_t start = (size_t)ends[0];
    char *edited = cv_calloc(start + 8 + length + 16, 1), digest_of[256];
    memcpy(edited, bytes, start);
    memcpy(edited + start, &length, 8);
    memcpy(edited + start + 8, bodies[_i].body, length);
    memcpy(digest_of, edited + start - 16, 16 + 8 + length);
    unsigned char digest[CV_SHA256_BYTES];
    cv_sha256_digest(digest_of, 16 + 8 + length, digest);
    memcpy(edited + start + 8 + length, digest, 16);
    put_back(edited, start + 8 + length + 16);
    expect_prefix(0, ends);
    free(edited);
    free(bytes);
}
END_TEST

START_TEST(another_version_is_refused_if_the_header_is_whole)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends), header = (size_t)ends[0] - 16;
    unsigned char digest[CV_SHA256_BYTES];
    bytes[8]++;
    cv_sha256_digest(bytes, header, digest);
    memcpy(bytes + header, digest, 16);
    put_back(bytes, length);
    refused("another version of Caravan");
    free(bytes);
}
END_TEST

START_TEST(another_identity_is_refused_and_nothing_is_touched)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends) - 3, now;
    put_back(bytes, length); /* torn, which must not be mended either */
    cv_identity_free(&identity);
    cv_identity_add(&identity, CV_IDENTITY_JOB, "steps", "4", NULL);
    refused("steps was 3 and is 4");
    cv_error err;
    char *left = cv_read_file(path, &now, &err);
    ck_assert_uint_eq(now, length);
    ck_assert_int_eq(memcmp(left, bytes, length), 0);
    free(left);
    free(bytes);
}
END_TEST

/* To be checked, a journal may be of any run, and keeps what is wrong with it. */
START_TEST(a_check_tells_the_damage_and_leaves_it)
{
    cv_journal_file file = opened();
    for (size_t i = 0; i < RECORDS; i++) append(&file, i);
    uint64_t whole = file.length, damaged = 1;
    cv_journal_file_close(&file);
    cv_error err;
    ck_assert_msg(cv_journal_file_open_to_check(&file, path, &damaged, &err), "%s", err.text);
    ck_assert_uint_eq(damaged, 0);
    ck_assert_uint_eq(file.count, RECORDS);
    ck_assert_msg(strstr(file.identity, "\"steps\": \"3\"") != NULL, "%s", file.identity);
    cv_journal_file_close(&file);
    ck_assert_int_eq(truncate(path, (off_t)whole - 3), 0);
    ck_assert(cv_journal_file_open_to_check(&file, path, &damaged, &err));
    ck_assert_uint_eq(file.count, RECORDS - 1);
    ck_assert_uint_eq(damaged, whole - 3 - file.length);
    cv_journal_file_close(&file);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq((uint64_t)info.st_size, whole - 3);
    ck_assert_int_eq(truncate(path, 30), 0);
    ck_assert(!cv_journal_file_open_to_check(&file, path, &damaged, &err));
    ck_assert_msg(strstr(err.text, "damaged from its beginning") != NULL, "%s", err.text);
    cv_journal_file_close(&file);
}
END_TEST

START_TEST(foreign_files_are_left_alone)
{
    static const char text[] = "Dear diary,\n";
    put_back(text, sizeof text - 1);
    refused("is not a journal of Caravan");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    cv_journal_file file;
    cv_error err;
    ck_assert(!cv_journal_file_open(&file, path, aside, &identity, &err));
    cv_journal_file_close(&file);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(mkfifo(path, 0666), 0);
    refused("is not a regular file");
}
END_TEST

/* A disk that is full after so many bytes: a limit of the file's size does the same. */
START_TEST(a_full_disk_is_an_error_and_the_journal_stays_whole)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    write_all(&bytes, ends);
    put_back(bytes, (size_t)ends[2]);
    signal(SIGXFSZ, SIG_IGN);
    for (uint64_t room = ends[2]; room < ends[4]; room += 5) {
        cv_journal_file file = opened();
        cv_error err = {CV_OK, ""};
        char third[10];
        fill(third, 2);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){room, RLIM_INFINITY}), 0);
        bool fits = ends[3] <= room;
        ck_assert_int_eq(cv_journal_file_append(&file, phases[2], 1002, UINT64_C(2) << 40, third, 10, &err), fits);
        if (!fits) {
            ck_assert_int_eq(err.status, CV_FAILED);
            ck_assert_ptr_nonnull(strstr(err.text, "cannot be written"));
        }
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}), 0);
        for (size_t i = file.count; i < RECORDS; i++) append(&file, i); /* there is room again */
        cv_journal_file_close(&file);
        expect_prefix(RECORDS, ends);
        put_back(bytes, (size_t)ends[2]);
    }
    free(bytes);
}
END_TEST

START_TEST(a_second_writer_is_noticed)
{
    cv_journal_file file = opened(), other = opened();
    cv_error err;
    append(&file, 0);
    ck_assert(!cv_journal_file_append(&other, "sweep", 1, 2, "x", 1, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "another program writes to it"));
    cv_journal_file_close(&file);
    cv_journal_file_close(&other);
}
END_TEST

START_TEST(a_record_changed_after_opening_is_an_error)
{
    char *bytes;
    uint64_t ends[RECORDS + 1];
    size_t length = write_all(&bytes, ends);
    cv_journal_file file = opened();
    bytes[ends[2] - 20]++;
    put_back(bytes, length);
    cv_journal_record r;
    cv_error err;
    ck_assert(cv_journal_file_read(&file, 0, &r, &err));
    ck_assert(!cv_journal_file_read(&file, 1, &r, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "was changed while it was read"));
    cv_journal_file_close(&file);
    free(bytes);
}
END_TEST

START_TEST(a_unit_that_is_too_long_is_refused)
{
    cv_journal_file file = opened();
    cv_error err;
    ck_assert(!cv_journal_file_append(&file, "sweep", 0, 0, "x", (size_t)CV_JOURNAL_MOST_BYTES + 1, &err));
    ck_assert_uint_eq(file.count, 0);
    cv_journal_file_close(&file);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("journal_file");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, records_come_back_as_they_were);
    tcase_add_test(tests, cut_anywhere_the_whole_records_stay);
    tcase_add_test(tests, a_flipped_byte_ends_what_is_believed);
    tcase_add_test(tests, garbage_behind_the_end_is_cut_off);
    tcase_add_test(tests, a_record_taken_out_or_put_in_twice_ends_what_is_believed);
    tcase_add_loop_test(tests, lengths_that_lie_are_not_believed, 0, ROWS(lengths));
    tcase_add_loop_test(tests, a_hostile_body_is_no_record, 0, ROWS(bodies));
    tcase_add_test(tests, another_version_is_refused_if_the_header_is_whole);
    tcase_add_test(tests, another_identity_is_refused_and_nothing_is_touched);
    tcase_add_test(tests, a_check_tells_the_damage_and_leaves_it);
    tcase_add_test(tests, foreign_files_are_left_alone);
    tcase_add_test(tests, a_full_disk_is_an_error_and_the_journal_stays_whole);
    tcase_add_test(tests, a_second_writer_is_noticed);
    tcase_add_test(tests, a_record_changed_after_opening_is_an_error);
    tcase_add_test(tests, a_unit_that_is_too_long_is_refused);
    return run_suite(tests);
}
