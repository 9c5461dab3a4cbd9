"""Fonts for forms that are filled in Chinese: without a program and with one."""

import io

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pikepdf import Array, Dictionary, Name, String

AMOUNT = "零壹贰叁肆伍陆柒捌玖拾佰仟万元整"
LETTERS = " 0123456789" + AMOUNT + "人民币合同甲方乙方"
# Glyph ids are not in the order of anything, and the same in every process.
ORDER = sorted(set(LETTERS), key=lambda c: ((ord(c) * 7919) % 1009, c))


def program(mapping=None):
    """A TrueType program whose glyphs are a bar for each bit of their number; `mapping` is its cmap."""
    names = [".notdef"] + ["g%d" % n for n in range(len(ORDER))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(mapping or {ord(c): "g%d" % n for n, c in enumerate(ORDER)})
    glyphs = {}
    for n, name in enumerate(names):
        pen = TTGlyphPen(None)
        for bit in range(7):
            if n >> bit & 1:
                left = 100 + 110 * bit
                pen.moveTo((left, 0))
                pen.lineTo((left, 700))
                pen.lineTo((left + 80, 700))
                pen.lineTo((left + 80, 0))
                pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (1000, 0) for name in names})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = 0
    out = io.BytesIO()
    builder.font.recalcTimestamp = False
    builder.save(out)
    return out.getvalue()


def swapped(rng):
    """The same program with two digits of its cmap exchanged."""
    first, second = rng.sample(AMOUNT[:10], 2)
    letters = {ord(c): "g%d" % n for n, c in enumerate(ORDER)}
    letters[ord(first)], letters[ord(second)] = letters[ord(second)], letters[ord(first)]
    return program(letters)


def glyphs(text):
    return b"".join((ORDER.index(c) + 1).to_bytes(2, "big") for c in text)


def collection(ordering="GB1", supplement=5):
    return Dictionary(Registry=String("Adobe"), Ordering=String(ordering), Supplement=supplement)


def composite(encoding, base, subtype=Name.CIDFontType0, info=None, descriptor=None, to_unicode=None, **keys):
    """A Type0 font; `descriptor` has more keys of the font descriptor."""
    described = Dictionary(Type=Name.FontDescriptor, FontName=Name("/" + base), Flags=6, FontBBox=Array([0, -120, 1000, 880]), ItalicAngle=0, Ascent=880,
                           Descent=-120, CapHeight=700, StemV=80)
    for key, value in (descriptor or {}).items():
        described["/" + key] = value
    descendant = Dictionary(Type=Name.Font, Subtype=subtype, BaseFont=Name("/" + base), CIDSystemInfo=info or collection(), FontDescriptor=described, **keys)
    made = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name("/" + base), Encoding=encoding, DescendantFonts=Array([descendant]))
    if to_unicode is not None:
        made.ToUnicode = to_unicode
    return made


def song(**keys):
    """What Acrobat and iText write."""
    return composite(Name("/UniGB-UCS2-H"), "STSong-Light", DW=1000, W=Array([1, 95, 500]), **keys)


def bars(stream):
    """Identity-H over a program: what PDFBox writes."""
    info = collection("Identity", 0)
    return composite(Name("/Identity-H"), "Bars", Name.CIDFontType2, info, {"FontFile2": stream}, DW=1000, CIDToGIDMap=Name.Identity)


def to_unicode(codes, text):
    """A CMap that says that these codes, two octets each, are this text."""
    pairs = zip([codes[n:n + 2] for n in range(0, len(codes), 2)], text)
    lines = b"\n".join(b"<%s> <%s>" % (code.hex().encode(), c.encode("utf-16-be").hex().encode()) for code, c in pairs)
    return (b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\n"
            b"endcodespacerange\n%d beginbfchar\n%s\nendbfchar\nendcmap end end" % (len(text), lines))


def amount(rng, digits=6):
    return "".join(rng.choice(AMOUNT[:10]) for _ in range(digits)) + "元整"


def drawn(codes):
    return b"/Tx BMC q BT /F 10 Tf 0 g 2 4 Td <%s> Tj ET Q EMC" % codes.hex().encode()
