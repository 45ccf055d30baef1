#include "engine/bundle.h"

#include "suite.h"

static const struct {
    size_t states, rows;
} sizes[] = {{0, 5}, {5, 0}, {1, 1}, {7, 1}, {1000, 3}, {10, 100}, {3, 384}, {3, 385}, {1, 5000}, {13, 192}};

START_TEST(tiles_cover_all_rows_once_and_stay_small)
{
    cv_tiles tiles = cv_tiles_of(sizes[_i].states, sizes[_i].rows, sizes[_i].rows);
    size_t next = 0;
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        cv_tile(&tiles, t, &begin, &length);
        ck_assert_uint_eq(begin, next);
        ck_assert_uint_gt(length, 0);
        ck_assert_uint_le(length, CV_TILE_ROWS);
        next = begin + length;
    }
    ck_assert_uint_eq(next, sizes[_i].states * sizes[_i].rows);
}
END_TEST

/* A bundle of whole tiles is cut as the states before and after it are: so the size of bundles, which
 * depends on the number of threads, leaves the cut as it is; also where few rows of a state ask. */
static void check_bundles(size_t states, size_t rows, size_t queries)
{
    cv_tiles all = cv_tiles_of(states, rows, queries);
    size_t whole = cv_tiles_of(states, rows, rows).states_each;
    for (size_t bundle = whole; bundle < states; bundle += whole) {
        cv_tiles first = cv_tiles_of(bundle, rows, queries), rest = cv_tiles_of(states - bundle, rows, queries);
        ck_assert_uint_eq(first.count + rest.count, all.count);
        for (size_t t = 0; t < all.count; t++) {
            size_t begin, length, whole_begin, whole_length;
            cv_tile(&all, t, &whole_begin, &whole_length);
            if (t < first.count)
                cv_tile(&first, t, &begin, &length);
            else
                cv_tile(&rest, t - first.count, &begin, &length);
            ck_assert_uint_eq(length, whole_length);
            ck_assert_uint_eq(begin + (t < first.count ? 0 : bundle * queries), whole_begin);
        }
    }
}

START_TEST(tiles_do_not_depend_on_how_states_are_bundled)
{
    check_bundles(sizes[_i].states, sizes[_i].rows, sizes[_i].rows);
    check_bundles(sizes[_i].states, sizes[_i].rows, (sizes[_i].rows + 9) / 10);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("bundle");
    tcase_add_loop_test(tests, tiles_cover_all_rows_once_and_stay_small, 0, ROWS(sizes));
    tcase_add_loop_test(tests, tiles_do_not_depend_on_how_states_are_bundled, 0, ROWS(sizes));
    return run_suite(tests);
}
