"""The strings that the tokenizer tests compare ids on: our own, varied, made with a fixed seed."""

import random

# One sentence in each of many languages and scripts.
SENTENCES = """
The quick painter mixed five jars of vivid blue wax.
It's what we'd've said if they hadn't; you'll see, I'm sure, he's here.
IT'S WHAT WE'D SAY, YOU'LL SEE, I'M SURE, THEY'RE HERE, WE'VE SEEN.
Der Bäcker übt täglich für die große Prüfung.
Où est la bibliothèque ? Elle est à côté du café, près de l’église.
¿Dónde está el niño? ¡Mañana comeremos piñas!
A avó fez pão de açúcar; o irmão não comeu.
Cosa c'è? Perché l'università è così lontana?
Zażółć gęślą jaźń, a potem idź spać.
Příliš žluťoučký kůň běžel přes louku.
Árvíztűrő tükörfúrógép és egy őszi körte.
Smørrebrød på bordet, ål i vannet, og ærlig talt: godt.
Þetta er ísland; ég á lítið hús við sjóinn.
Bugün hava çok güzel, İstanbul'da ığdır elması yedik.
Hôm nay trời đẹp, chúng ta đi bộ dưới ánh nắng ấm áp.
Сегодня хорошая погода, и мы идём в лес за грибами.
Їжак з'їв їжу, а потім заснув під ґанком.
Днес времето е хубаво, ще отидем на пазар.
Сьогодні Ґелґотюк грає; а в Београду пада киша.
Καλημέρα, ο καιρός σήμερα είναι υπέροχος.
Ὁ βίος βραχύς, ἡ δὲ τέχνη μακρή.
שלום לכולם, היום נלך לים ונאכל תפוחים.
בְּרֵאשִׁית הָיָה קֹר גָּדוֹל
مرحبا بكم، الطقس جميل اليوم في المدينة.
اَلسَّلَامُ عَلَيْكُمْ يَا صَدِيقِي
امروز هوا خوب است و می‌رویم به بازار.
آج موسم اچھا ہے، چلو باغ میں چلتے ہیں۔
आज मौसम अच्छा है, हम नदी के किनारे चलेंगे।
আজ আবহাওয়া খুব ভালো, আমরা মাঠে খেলব।
ਅੱਜ ਮੌਸਮ ਬਹੁਤ ਵਧੀਆ ਹੈ।
આજે હવામાન સરસ છે, ચાલો ફરવા જઈએ.
இன்று வானிலை நன்றாக உள்ளது, பூங்காவிற்குச் செல்வோம்.
ఈ రోజు వాతావరణం బాగుంది, తోటకు వెళ్దాం.
ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ.
ഇന്ന് കാലാവസ്ഥ നല്ലതാണ്, നമുക്ക് നടക്കാം.
අද කාලගුණය හොඳයි, අපි ඇවිදින්න යමු.
วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ
ມື້ນີ້ອາກາດດີ ພວກເຮົາໄປຕະຫຼາດ
ယနေ့ ရာသီဥတု ကောင်းသည်။
ថ្ងៃនេះអាកាសធាតុល្អ យើងដើរលេង។
དེ་རིང་གནམ་གཤིས་ཡག་པོ་འདུག
今天天气很好,我们去公园散步吧。
今日は天気がいいので、公園を散歩しましょう。ｶﾀｶﾅも。
오늘은 날씨가 좋아서 공원을 산책합니다.
한글 자모: ㄱㄴㄷ 각 한
დღეს კარგი ამინდია, წავიდეთ პარკში.
Այսօր եղանակը լավ է, գնանք զբոսնելու։
ዛሬ አየሩ ጥሩ ነው፣ ወደ ገበያ እንሂድ።
Өнөөдөр цаг агаар сайхан байна. ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎠᏂᏬᏂ
ᐃᓄᒃᑎᑐᑦ ᐅᖃᐅᓯᖅ
ᚠᚢᚦᚨᚱᚲ ᚷᚹᚺᚾᛁᛃ
ߒߞߏ ߞߊ߲ ߛߓߍߛߎ߲
ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ
ꦱꦸꦒꦼꦁ ꦫꦮꦸꦃ
𐌰𐌿𐌺 𐌲𐌰𐍃𐍄𐍃
𓀀𓁐𓃭𓆏 and 𒀀𒁀𒆠
𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕞𝕒𝕥𝕙 𝒔𝒄𝒓𝒊𝒑𝒕 𝟘𝟙𝟚
""".strip().split("\n")

EMOJI = """
😀 😂🤣 👍👍🏽👍🏿 🙈🙉🙊
👨‍👩‍👧‍👦 👩🏾‍🚀 🧑‍🤝‍🧑 👩‍❤️‍💋‍👨 🏳️‍🌈 🏴‍☠️
🇩🇪🇫🇷🇯🇵 🇺🇳 🇦🇧🇨 🏴󠁧󠁢󠁳󠁣󠁴󠁿
1️⃣2️⃣ #️⃣ *️⃣ ☎️ ☎︎ ❤️‍🔥
text🎉text🎉🎉 text 🫠🫡🪿🫨
""".strip().split("\n")

MARKS = [
    "e\u0301 a\u0308 n\u0303 o\u0302\u0323 o\u0323\u0302 A\u030a \u212b \u00c5",
    "Z\u0351\u036b\u0343a\u0338\u0321l\u0334\u0320g\u0327\u0301o\u030d\u0336",
    "q\u0307\u0323 q\u0323\u0307 \u1e69 s\u0323\u0307 s\u0307\u0323",
    "\u0301\u0301 leading marks \u0323",
    "\uac00 \u1100\u1161 \u1100\u1161\u11a8 \uac01 \u3131\u314f",
    "ﬁ ﬂ ﬃ ﬆ ſ ß ẞ Ǆ ǆ ĳ ŉ",
    "① ② ⑩ Ⅷ ⅷ ½ ¼ ² ³ ₂ ⁷ ㎏ ㍍ ™ ℃ …",
    "ｆｕｌｌ ｗｉｄｔｈ １２３ ！？　ideographic blank",
    "\u0958\u0959 \u09dc \u0b5c \u0f43 \u2adc \ufb1d \U0001d15e \U0002f800",
    "\u0915\u093c \u0928\u093c \u0c2a\u0c3c \u08d4\u08d5 a\u1abf\u0323 x\u1df6\u0301 \u0eba\u0eb8",
    "\u0344 \u0390 \u1fd3 \u03b9\u0308\u0301 \u0340\u0341 \u0374 \u037e \u0387 \u2126 \u212a",
    "\u200b zero\u200bwidth\u200cjoin\u200der\u2060 \ufeffmark\ufe0f \u00adsoft",
    "\u202eright to left\u202c \u2066isolate\u2069 \u061c",
    "\u0e33\u0e4d\u0e32 \u0eb3 \u0f73\u0f75\u0f71\u0f72",
    "\U0001e94b\U0001e944 \U000105c9 \U00011383 \U00016d68 \U0001611e \u0897\u0301",
    "\U00031350\U00031351 \U0002ebf0 \U0001e030\U0001e031 \U00010d40\U00010d4a \U0001ccf0 \U00013460",
]

DIGITS = [
    "0 1 12 123 1234 12345 123456 1234567890",
    "3.14159 -2,718.28 1e-10 0x1F 0b1010 1_000_000 10^6 5% $9.99 €1.000,00",
    "2024-02-29T23:59:59Z 12:30 +49 (0)30 123456",
    "٠١٢٣٤٥٦٧٨٩ ۰۱۲۳ ०१२३४५ ๐๑๒๓ ０１２３ 𝟎𝟏𝟐 ⅠⅡⅢ ¹²³ ½",
    "a1b2c3 x86_64 v1.2.3-rc4 H2O CO2 1st 2nd 3rd 4th",
    "1" * 77,
]

CODE = [
    "def f(x):\n    return {k: v**2 for k, v in x.items() if k != '__init__'}\n",
    "int main(void) {\n\tprintf(\"%d\\n\", 42); // comment\n\treturn 0;\n}\r\n",
    "for (let i = 0; i < n; i++) { a[i] += b?.c ?? `${d}`; }",
    "SELECT name, COUNT(*) FROM t WHERE x >= 10 GROUP BY name HAVING COUNT(*) > 1;",
    "<div class=\"a b\" id='c'>&nbsp;&amp;<br/><!-- x --></div>",
    "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\": \"b\\u00e9\"}}",
    "#!/bin/sh\nset -eu\nfind . -name '*.c' | xargs -n1 wc -l | sort -rn | head\n",
    "https://example.org/path/to?query=a%20b&x=1#frag mailto:someone@example.com",
    "\\frac{a}{b} \\sum_{i=0}^{n} x_i \\alpha $\\beta$ \\\\ \\{ \\}",
    "C:\\Users\\name\\file.txt /usr/local/lib/libfoo.so.1 ~/.config ../..",
    "$x=@a[0]; %h=(a=>1); s/\\s+$//g; $$ $& @_ <=> =~ !~ ... ::",
    "fn main() -> Result<(), Box<dyn Error>> { let v: Vec<_> = (0..10).collect(); Ok(()) }",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~ ''' \"\"\" --- *** ___ ===",
    "camelCaseWordsAndSNAKE_CASE_WORDS kebab-case-words dotted.words.here",
]

BLANKS = (
    ["", " ", "\t", "\n", "\r", "\r\n", "\0"]
    + [" " * n for n in (2, 3, 4, 5, 8, 16, 17, 31, 32, 64, 100, 257)]
    + ["\n" * n for n in (2, 3, 4, 7, 20, 40)]
    + ["\t" * n for n in (2, 3, 8, 20)]
    + [
        " a", "a ", "  a", "a  ", "  a  b  ", "a   b    c", "\na", "a\n", "a\n\nb", "a\n \nb", "a \n b", "a\t\tb",
        "\n\n  a", "  \n\n", "\n  \n  \n", " \t \n \r\n \t ", "a\r\nb\r\n\r\nc", "a\u00a0b", "a\u00a0\u00a0b",
        "\u3000\u3000a", "a\u2003b\u2009c\u202fd", "a\u2028b\u2029c", "a\u0085b", "a\x0bb\x0cc", "\u180e a\u180eb",
        "\u1680x\u205fy", "▁", "▁▁a", "a▁b", " ▁ ▁", "Ġthe Ċ", "hello  world", "hello   world", " hello world ",
        "line one\n    indented\n\tTabbed\n\n\nlast   ", "a \u200b b", "...   ...", "   'tis", "a  's b 's",
    ]
)

CONTROL = [
    "a\0b", "\0\0\0", "\x01\x02\x03\x04\x05\x06\x07\x08", "\x0e\x0f\x10\x1b[31mred\x1b[0m\x1c\x1d\x1e\x1f", "\x7f",
    "\x80\x81\x9f", "bell\x07 and null\0end", "\ufffd\ufffe\uffff", "\ufdd0 \U0001fffe \U0010ffff", "\ue000\uf8ff",
    "\U000f0000\U00100000 \U000e0001\U000e0061", "\ud7ff\ue000", "x\0", "\0x", "\x00\n\x00", "\u2400\u2421",
]

SPECIAL_NAMES = """<s> </s> <unk> <pad> <eos> <bos> <mask> <|begin_of_text|> <|end_of_text|> <|eot_id|>
<|start_header_id|> <|end_header_id|> <|im_start|> <|im_end|> <|endoftext|> <start_of_turn> <end_of_turn> <think>
</think> <tool_call> <unused7> <unused99> <2mass> [@BOS@] <table> </td> <h1> <repo_name> <file_sep> <0x0A> <0xFF>
<|reserved_special_token_7|> <|vision_start|> <image_soft_token> <|fim_prefix|> <end> [INST] [/INST] <<SYS>>
<special> <strip> <word> <Norm>""".split()

SPECIAL = (
    SPECIAL_NAMES
    + [" " + name + " " for name in SPECIAL_NAMES[:20]]
    + ["a" + name + "b" for name in SPECIAL_NAMES]
    + [
        "<s><s>", "<s> <s>", "<s>hello</s>", "hello <s> world", "hello<s>world", "  <s>  x  </s>  ", "<s", "s>", "<<s>>",
        "<|im_start|>system\nYou are kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST]", "<|im_start", "|im_end|>", "<|im_start|><|im_start|>",
        "<unk><unk> <unk>x", "<|endoftext|>\n\n<|endoftext|>", "é<s>é", "👍<s>👍", "<s>\0</s>", "<S>", "< s >",
        "\n\n\n\n<s>\n\n\n\n", "<unused1><unused10><unused100>", "<|im_start|> <|im_end|>", " <mask>x", "x  <mask>  y",
        "a <word> b", "a<word>b", "<word>", "<word>.", "é<word>", "_<word>", "<norm> <NORM> <Norm>x",
        " <strip> ", "a\n <strip>\t b", "<strip><strip>", "  <strip>  <strip>  ", "<strip>   <word>",
    ]
)

LONG = [
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "a" * 1000, "ab" * 500, "abc" * 333, "haha" * 100, "-" * 400, "=-" * 150, "é" * 200, "字" * 150, "👍" * 40, "م" * 100,
    "x" * 63 + " " + "y" * 64 + " " + "z" * 65, "antidisestablishmentarianism" * 6, "0" * 100, "(" * 90 + ")" * 90,
    "." * 333, "!?" * 100, "\u0301" * 40, "\u0323\u0301" * 25, "word " * 80, "The " * 60, "\n\t" * 60, "<s>" * 30,
    "ACGT" * 120, "Lorem" * 90,
]

WORDS = """time people water house light green river stone paper music garden window letter answer question
morning evening kitchen market village mountain weather holiday station bicycle Monday April London science
because although however therefore quickly slowly carefully never always often seldom between without against
running jumped swimming painted written broken unknown impossible rewritten internationalization it's don't
we'll they've I'm he'd she's can't o'clock e.g. i.e. U.S.A. Dr. Mr. No.""".split()


def prose(rng, count):
    lines = []
    for _ in range(count):
        words = [rng.choice(WORDS) for _ in range(rng.randint(3, 18))]
        line = " ".join(words)
        line = line[0].upper() + line[1:] + rng.choice([".", "!", "?", "...", "", ";", ":"])
        lines.append(line if rng.random() < 0.8 else line.upper())
    return lines


def valid_code(rng, high):
    while True:
        code = rng.randrange(high)
        if not 0xD800 <= code < 0xE000:
            return code


def fuzz(rng, count):
    """Random code points of every plane, and mixtures of them with text and blanks."""
    pool = [c for s in SENTENCES + EMOJI + MARKS + DIGITS + CODE + CONTROL for c in s]
    lines = []
    for i in range(count):
        length = rng.randint(1, 24)
        if i % 4 == 0:
            line = "".join(chr(valid_code(rng, 0x110000)) for _ in range(length))
        elif i % 4 == 1:
            line = "".join(chr(valid_code(rng, 0x3000)) for _ in range(length))
        elif i % 4 == 2:
            line = "".join(rng.choice(pool) for _ in range(length * 2))
        else:
            parts = pool + [" ", "  ", "\n", "\t", "'s", "'", "1", "12"] * 40 + SPECIAL_NAMES * 4 + WORDS * 4
            line = "".join(rng.choice(parts) for _ in range(length))
        lines.append(line)
    return lines


def every_script(rng):
    """Short runs out of every block of 256 characters in the planes that are in use."""
    lines = []
    for block in list(range(0x0, 0x320)) + list(range(0xE00, 0xE02)):
        start = block * 0x100
        if 0xD800 <= start < 0xE000 or 0x36 <= block < 0x4D or 0x50 <= block < 0x9E or 0xAE <= block < 0xD6:
            continue
        if 0xE1 <= block < 0xF8 or 0x180 <= block < 0x18A or 0x201 <= block < 0x2F8 or 0x300 <= block < 0x313:
            continue
        codes = [start + rng.randrange(256) for _ in range(6)]
        lines.append("".join(chr(c) for c in codes[:3]) + " " + "".join(chr(c) for c in codes[3:]))
    return [" ".join(lines[i : i + 4]) for i in range(0, len(lines), 4)]


def strings():
    rng = random.Random(20250124)
    made = SENTENCES + EMOJI + MARKS + DIGITS + CODE + BLANKS + CONTROL + SPECIAL + LONG
    made = made + prose(rng, 40) + fuzz(rng, 200) + every_script(rng)
    made.append("\n".join(SENTENCES))
    made.append(" ".join(EMOJI) + "\n\n" + "\t".join(CODE))
    unique = list(dict.fromkeys(made))
    return unique
