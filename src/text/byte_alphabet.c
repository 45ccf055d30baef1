#include "text/byte_alphabet.h"

#include "text/utf8.h"

static bool stands_for_itself(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

/* Bytes that do not stand for themselves, in rising order: 00..20, 7f..a0, ad. */
static uint32_t character_of(unsigned char byte)
{
    if (stands_for_itself(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    if (byte <= 0xa0) return 0x100u + 0x21 + (byte - 0x7fu);
    return 0x100 + 0x21 + 0x22;
}

/* 256 for a character that stands for no byte. */
static unsigned byte_of(uint32_t character)
{
    if (character < 0x100) return stands_for_itself(character) ? character : 256;
    uint32_t order = character - 0x100;
    if (order <= 0x20) return order;
    if (order <= 0x42) return order - 0x21 + 0x7f;
    return order == 0x43 ? 0xad : 256;
}

void cv_byte_alphabet_encode(cv_buffer *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char character[4];
        size_t size = cv_utf8_encode(character_of((unsigned char)bytes[i]), character);
        cv_buffer_append(out, character, size);
    }
}

bool cv_byte_alphabet_decode(cv_buffer *out, const char *text, size_t length)
{
    size_t before = out->length;
    for (size_t at = 0; at < length;) {
        uint32_t character;
        at += cv_utf8_decode(text + at, &character);
        unsigned byte = byte_of(character);
        if (byte > 255) {
            out->length = before;
            if (out->data) out->data[before] = 0;
            return false;
        }
        cv_buffer_append(out, &(char){(char)byte}, 1);
    }
    return true;
}
