"""Writes src/text/unicode_tables.c: where the Unicode tables of Hugging Face's tokenizers differ from
those of the C libraries that Caravan uses.

    python tests/reference/text_unicode.py > src/text/unicode_tables.c

Needs `tokenizers`, and a Python whose unicodedata is version 14.0 (Python 3.11), the version of the
oldest PCRE2 that Caravan is built with.
"""

import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers

FIRST_PCRE2 = "14.0.0"
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So".split()
CODES = [u for u in range(0x110000) if not 0xD800 <= u < 0xE000]


def recent():
    """Code points that the reference's patterns know and Unicode 14 does not, with their category."""
    unassigned = "".join(chr(u) for u in CODES if unicodedata.category(chr(u)) == "Cn")
    found = {}
    for category in CATEGORIES:
        rest = set(normalizers.Replace(Regex(r"\p{%s}" % category), "").normalize_str(unassigned))
        found.update({ord(c): category for c in unassigned if c not in rest})
    return found


def unknown_to_normalizer():
    """Code points with a combining class or a decomposition that the reference's normal forms leave
    alone: its tables are older than Unicode 14."""
    forms = {name: getattr(normalizers, name)() for name in ("NFD", "NFC", "NFKD", "NFKC")}
    found = []
    for u in CODES:
        c = chr(u)
        if not (unicodedata.combining(c) or unicodedata.decomposition(c)):
            continue
        for text in (c, "a\u0315" + c + "\u0334b", "a" + c + "\u0301"):
            if any(form.normalize_str(text) != unicodedata.normalize(name, text) for name, form in forms.items()):
                found.append(u)
                break
    return found


def ranges(codes, value=lambda u: None):
    runs = []
    for u in sorted(codes):
        if runs and runs[-1][1] == u - 1 and value(runs[-1][0]) == value(u):
            runs[-1][1] = u
        else:
            runs.append([u, u])
    return runs


def main():
    if unicodedata.unidata_version != FIRST_PCRE2:
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}; it must be {FIRST_PCRE2} (Python 3.11)")
    new = recent()
    print(f"/* Made by tests/reference/text_unicode.py with tokenizers {tokenizers.__version__}; not to be edited. */")
    print('#include "text/unicode_tables.h"\n')
    print("const cv_recent_range cv_unicode_recent[] = {")
    for first, last in ranges(new, new.get):
        print(f'    {{0x{first:05x}, 0x{last:05x}, "{new[first]}"}},')
    print("};\nconst size_t cv_unicode_recent_count = sizeof cv_unicode_recent / sizeof *cv_unicode_recent;\n")
    print("const cv_code_range cv_unicode_unnormalized[] = {")
    for first, last in ranges(unknown_to_normalizer()):
        print(f"    {{0x{first:05x}, 0x{last:05x}}},")
    print("};")
    print("const size_t cv_unicode_unnormalized_count =")
    print("    sizeof cv_unicode_unnormalized / sizeof *cv_unicode_unnormalized;")


if __name__ == "__main__":
    main()
