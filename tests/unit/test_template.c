/* What templates render to was taken from Jinja with Hugging Face's settings. */
#include "text/template.h"

#include "suite.h"
#include "text_cases.h"

/* messages are a system message "S" and a user message " U "; bos_token is "<s>", tools is none. */
static cv_value globals(cv_pool *pool)
{
    static const char *const parts[][2] = {{"system", "S"}, {"user", " U "}};
    cv_value all = cv_value_dict(pool), messages = cv_value_list(pool, 2);
    for (int i = 0; i < 2; i++) {
        messages.items[i] = cv_value_dict(pool);
        cv_value_set(pool, messages.items[i], "role", 4, cv_value_string(parts[i][0], strlen(parts[i][0])));
        cv_value_set(pool, messages.items[i], "content", 7, cv_value_string(parts[i][1], strlen(parts[i][1])));
    }
    cv_value_set(pool, all, "messages", 8, messages);
    cv_value_set(pool, all, "bos_token", 9, cv_value_string("<s>", 3));
    cv_value_set(pool, all, "tools", 5, (cv_value){.kind = CV_VALUE_NONE});
    return all;
}

static const struct {
    const char *source, *text;
} cases[] = {
    /* text, tags and the white space around them */
    {"plain { text } % #", "plain { text } % #"},
    {"a\n", "a"},
    {"a\n\n", "a\n"},
    {"a\r\nb\rc", "a\nb\nc"},
    {"x {{ bos_token }} y", "x <s> y"},
    {"{{ bos_token }}\n{{ bos_token }}", "<s>\n<s>"},
    {"{% if true %}\na\n{% endif %}\nb", "a\nb"},
    {"  {% if true %}\n  a\n  {% endif %}\nb", "  a\nb"},
    {"x  {% if true %}a{% endif %}  y", "x  a  y"},
    {"a \n {%- if true -%} \n b \n {%- endif -%} \n c", "abc"},
    {"a\n  {%+ if true +%}\nb{% endif %}", "a\n  \nb"},
    {"a {{- bos_token -}} b", "a<s>b"},
    {"a{# note #}\nb{#- note -#} c", "abc"},
    {"  {# note #}\nb", "b"},
    {"a {{ '}}' }} {{ \"%}\" }}", "a }} %}"},
    /* values */
    {"{{ 'a\\n\\t\\\\\\'\\x41\\u00e9' }}", "a\n\t\\'A\u00e9"},
    {"{{ 'a' 'b' \"c\" }}", "abc"},
    {"{{ 12 }} {{ true }} {{ False }} {{ none }} {{ missing }}.", "12 True False None ."},
    {"{{ messages[0]['role'] }} {{ messages[1].content }} {{ messages[-1].role }}", "system  U  user"},
    {"{{ messages[5] }}{{ messages[0].nothing }}{{ messages[0]['nothing'] }}.", "."},
    {"{{ ['a', 'b'][1] }}{{ {'k': 'v'}.k }}{{ {'k': 'v'}['k'] }}{{ ('a', 'b')[0] }}{{ ('a') }}", "bvvaa"},
    {"{{ {'a': {'b': 'c'}}.a.b }}", "c"},
    /* operators */
    {"{{ 'a' + 'b' ~ 1 ~ true }}", "ab1True"},
    {"{{ 1 + 2 * 3 - 4 }} {{ 7 % 3 }} {{ -1 % 3 }} {{ -(2) + 5 }}", "3 1 2 3"},
    {"{{ 1 == 1 and 'a' != 'b' or missing.x }}", "True"},
    {"{{ false and missing.x }} {{ true or missing.x }} {{ '' or 'b' }} {{ 'a' and 'b' }}", "False True b b"},
    {"{{ not 1 == 2 }} {{ not not '' }} {{ 1 < 2 }} {{ 2 >= 3 }}", "True False True False"},
    {"{{ 'b' in 'abc' }} {{ 'z' not in 'abc' }} {{ 'a' in ['a'] }} {{ 'role' in messages[0] }} {{ 'x' in missing }}",
     "True True True True False"},
    {"{{ 'yes' if tools is none else missing.x }}{{ missing.x if false else 'no' }}{{ 'a' if false }}.", "yesno."},
    {"{{ (messages[0] if messages[0].role == 'system' else messages[1]).content }}", "S"},
    {"{{ messages[1:] | length }}{{ messages[:1] | length }}{{ messages[::-1][0].role }}{{ messages[-1:][0].role }}",
     "11useruser"},
    /* tests, filters, methods */
    {"{{ x is defined }} {{ x is not defined }} {{ tools is none }} {{ tools is not none }} {{ x is none }}",
     "False True True False False"},
    {"{{ 'a' is string }} {{ messages is iterable }} {{ messages is mapping }} {{ messages[0] is mapping }}",
     "True True False True"},
    {"{{ 3 is odd }} {{ 'a' is equalto 'a' }} {{ 1 is number }} {{ true is boolean }} {{ true is true }}",
     "True True True True True"},
    {"[{{ messages[1].content | trim }}] [{{ ' \u00a0\u2003a\x1c ' | trim }}]", "[U] [a]"},
    {"[{{ '  a '.strip() }}{{ '  b '.rstrip() }}{{ 'xxcx'.lstrip('x') }}]", "[a  bcx]"},
    {"{{ 'a,b,c'.split(',')[-1] }}{{ 'a,b'.split(',') | length }}{{ ','.split(',') | length }}", "c22"},
    {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('x') }} {{ 'a-b-c'.replace('-', '+') }}", "True False a+b+c"},
    {"{{ 'user'.upper() }} {{ 'user' | capitalize }} {{ 'two words' | title }} {{ 'ABC' | lower }}",
     "USER User Two Words abc"},
    {"{{ x | default('d') }}{{ '' | default('e', true) }}{{ 'f' | default('g') }}", "def"},
    {"{{ ['a', 'b'] | join('-') }}{{ [1, 2] | join }}{{ ['a'] | first }}{{ ['a', 'b'] | last }}", "a-b12ab"},
    {"{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ (messages | rejectattr('role', "
     "'equalto', "
     "'user') | list)[0].role }}",
     "1system"},
    {"{{ '\u00e9a' | length }}{{ missing | length }}", "20"},
    {"{{ messages[0].get('role') }}{{ messages[0].get('x') }}{{ messages[0].get('x', 'y') }}", "systemNoney"},
    /* statements */
    {"{% if false %}a{% elif true %}b{% else %}c{% endif %}", "b"},
    {"{% if false %}{{ missing.x }}{% for a in missing.y %}{% endfor %}{% endif %}.", "."},
    {"{% if true %}a{% elif missing.x %}b{% else %}c{% endif %}", "a"},
    {"{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }} {% endfor %}",
     "10TrueFalse 21FalseTrue "},
    {"{% for m in messages %}{{ loop.revindex }}{{ loop.length }}{{ loop.nextitem.role if not loop.last }} {% endfor "
     "%}",
     "22user 12 "},
    {"{% for m in messages if m.role == 'user' %}{{ m.role }}{{ loop.index }}{% endfor %}", "user1"},
    {"{% for m in [] %}a{% else %}none{% endfor %}{% for m in missing %}a{% endfor %}", "none"},
    {"{% for a, b in [['x', 'y'], ['z', 'w']] %}{{ a }}{{ b }}{% endfor %}", "xyzw"},
    {"{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}", "ab"},
    {"{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(1, messages | length) %}{{ i }}{% endfor %}", "0121"},
    {"{% set a = 'x' %}{% if true %}{% set a = a + 'y' %}{% endif %}{{ a }}", "xy"},
    {"{% set a = 'x' %}{% for m in messages %}{% set a = a + 'y' %}{{ a }} {% endfor %}{{ a }}", "xy xy x"},
    {"{% set ns = namespace(a='x', n=1) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.a }}{{ "
     "ns.n }}",
     "x3"},
    {"{% set a %}b{{ bos_token }}{% endset %}[{{ a }}]", "[b<s>]"},
    {"{% set messages = messages[1:] %}{{ messages | length }}", "1"},
    {"{% macro f(x) %}{{ x.y.z }}{% endmacro %}a", "a"},
    {"{% generation %}a{% endgeneration %}", "a"},
    {"{{ raise_exception is defined }}", "True"},
};

static bool render(const char *source, cv_buffer *out, cv_error *err)
{
    cv_pool pool = {0};
    bool fine = cv_template_render(source, strlen(source), globals(&pool), out, err);
    cv_pool_free(&pool);
    return fine;
}

START_TEST(test_render)
{
    cv_error err;
    cv_buffer out = {0};
    cv_buffer_puts(&out, "");
    ck_assert_msg(render(cases[_i].source, &out, &err), "%s", err.text);
    ck_assert_str_eq(out.data, cases[_i].text);
    cv_buffer_free(&out);
}
END_TEST

static const struct {
    const char *source, *message;
} refused[] = {
    {"{{ 'a }}", "a string without end"},
    {"{{ a", "a tag without end"},
    {"{% if a", "a tag without end"},
    {"{# a", "a comment without end"},
    {"{{ 1.5 }}", "not whole"},
    {"{{ 99999999999 }}", "too large"},
    {"{{ 'a\\N{DASH}' }}", "an escape that is not supported"},
    {"{{ $ }}", "the character \"$\""},
    {"{{ }}", "a value is expected"},
    {"{{ a b }}", "is expected where \"b\" stands"},
    {"{{ (a }}", "\")\" is expected"},
    {"{{ [1, 2 }}", "\"]\" is expected"},
    {"{% if true %}a", "the tag endif is missing"},
    {"{% for m in messages %}a{% endif %}", "not supported"},
    {"{% for m messages %}{% endfor %}", "\"in\" is expected"},
    {"{% set a.b = 1 %}", "\"a\" is no namespace"},
    {"{% include 'x' %}", "the tag \"include\" is not supported"},
    {"{% endif %}", "the tag \"endif\" is not supported"},
    {"{{ missing.x }}", "undefined value for \"x\""},
    {"{{ missing[0] }}", "indexes an undefined value"},
    {"{{ missing() }}", "calls what is no function"},
    {"{{ missing + 'a' }}", "calculates with what is no number"},
    {"{{ 'a' + 1 }}", "calculates with what is no number"},
    {"{{ 1 / 2 }}", "division is not supported"},
    {"{{ 1 < 2 < 3 }}", "a chain of comparisons"},
    {"{{ 'a' < 'b' }}", "orders what are no numbers"},
    {"{{ messages }}", "prints a list or a dictionary"},
    {"{{ 'a' | tojson }}", "the filter \"tojson\""},
    {"{{ 'a' is prime }}", "the test \"prime\""},
    {"{{ 'a'.zfill(3) }}", "the method \"zfill\""},
    {"{{ '\u00e9'.upper() }}", "outside ASCII"},
    {"{{ raise_exception('no system') }}", "the template says: no system"},
    {"{{ strftime_now('%Y') }}", "today's date"},
    {"{% for a, b in messages %}{% endfor %}", "takes apart"},
    {"{% for a in 'abc' %}{% endfor %}", "neither list nor dictionary"},
    {"{% for i in range(99999) %}{% endfor %}", "more than 10000"},
    {"{{ messages[::2] }}", "other steps"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_buffer out = {0};
    ck_assert(!render(refused[_i].source, &out, &err));
    check_error(&err, refused[_i].message);
    cv_buffer_free(&out);
}
END_TEST

/* Templates that would take for ever, or all memory, or all stack. */
static const struct {
    const char *start, *repeated, *end, *message;
} hostile[] = {
    {"{% for a in range(9999) %}{% for b in range(9999) %}", "x", "{% endfor %}{% endfor %}", "too"},
    {"{% set a = 'aaaaaaaaaaaaaaaa' %}", "{% set a = a + a %}", "", "too"},
    {"{{ ", "(", "}}", "nested too deep"},
    {"{{ ", "[", "}}", "nested too deep"},
    {"{{ ", "not ", "1 }}", NULL},
    {"", "{% if 1 %}", "", "nested too deep"},
    {"{{ 'a' ", "| trim ", "}}", NULL},
};

START_TEST(test_hostile)
{
    cv_error err;
    cv_buffer source = {0}, out = {0};
    cv_buffer_puts(&source, hostile[_i].start);
    for (int i = 0; i < 5000; i++) cv_buffer_puts(&source, hostile[_i].repeated);
    cv_buffer_puts(&source, hostile[_i].end);
    bool fine = render(source.data, &out, &err);
    ck_assert_int_eq(fine, hostile[_i].message == NULL);
    if (!fine) check_error(&err, hostile[_i].message);
    cv_buffer_free(&source);
    cv_buffer_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("template");
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, test_render, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_loop_test(tests, test_hostile, 0, ROWS(hostile));
    return run_suite(tests);
}
