"""Fields filled in Chinese whose fonts show another amount than the value, or may do so."""

from pikepdf import Array, Dictionary, Name, String

import chinese
from forge_fields import field, helvetica
from increment import Update


def filled(u, value, codes, font):
    target = field(u, "amount")
    if target is None or "/Bars" not in u.root.AcroForm.DR.Font:
        return None
    target.V = String(value)
    target.AP = Dictionary(N=u.stream(chinese.drawn(codes), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]),
                                      Resources=Dictionary(Font=Dictionary(F=font))))
    u.touch(target)
    return u.write()


def two_amounts(rng):
    said, shown = chinese.amount(rng), chinese.amount(rng)
    return said, shown if shown != said else "玖" + shown[1:] + "整"


def ucs2(text):
    return text.encode("utf-16-be")


def known(u, name):
    fonts = u.root.AcroForm.DR.Font
    return fonts.get("/" + name, helvetica())


def another_amount(rng, data):
    u = Update(data)
    said, shown = two_amounts(rng)
    how = rng.randrange(3)
    if how == 0:
        return filled(u, said, ucs2(shown), known(u, "Song"))
    if how == 1:
        return filled(u, said, chinese.glyphs(shown), known(u, "Bars"))
    return filled(u, said, shown.encode("gbk"), chinese.composite(Name("/GBK-EUC-H"), "SimSun", Name.CIDFontType2))


def copied_text_lies(rng, data):
    """/ToUnicode says the value, the glyphs say another amount."""
    u = Update(data)
    said, shown = two_amounts(rng)
    shown = (shown + "整" * len(said))[:len(said)]
    if rng.random() < 0.5:
        lie = u.stream(chinese.to_unicode(ucs2(shown), said))
        return filled(u, said, ucs2(shown), u.new(chinese.song(to_unicode=lie)))
    font = known(u, "Bars")
    font.ToUnicode = u.stream(chinese.to_unicode(chinese.glyphs(shown), said))
    u.touch(font)
    return filled(u, said, chinese.glyphs(shown), font)


def new_program(rng, data):
    """A font program that came with the filling can draw anything for any code."""
    u = Update(data)
    said = chinese.amount(rng)
    font = chinese.bars(u.stream(chinese.swapped(rng)))
    if rng.random() < 0.5:
        font = u.new(font)
    return filled(u, said, chinese.glyphs(said), font)


def program_replaced(rng, data):
    """The program of the font that was there, or the map to its glyphs, or the descendant that names both."""
    u = Update(data)
    said, shown = two_amounts(rng)
    font = known(u, "Bars")
    if "/DescendantFonts" not in font:
        return None
    descendant = font.DescendantFonts[0]
    how = rng.randrange(4)
    if how == 0:
        descendant.FontDescriptor.FontFile2.write(chinese.swapped(rng))
        u.touch(descendant.FontDescriptor.FontFile2)
    elif how == 1:
        pairs = dict(zip(chinese.glyphs(said)[1::2], chinese.glyphs((shown + "整" * 9)[:len(said)])[1::2]))
        descendant.CIDToGIDMap = u.stream(b"".join(pairs.get(n, n).to_bytes(2, "big") for n in range(256)))
        u.touch(descendant if descendant.is_indirect else font)
    elif how == 2:
        descendant.FontDescriptor.FontFile2 = u.stream(chinese.swapped(rng))
        u.touch(descendant.FontDescriptor if descendant.FontDescriptor.is_indirect else descendant)
    else:
        font.DescendantFonts = Array([u.new(Dictionary({k: v for k, v in chinese.bars(u.stream(chinese.swapped(rng))).DescendantFonts[0].items()}))])
        u.touch(font)
    return filled(u, said, chinese.glyphs(said), font)


def not_as_readers_have_it(rng, data):
    """Fonts without a program that some reader shows as something else, or nowhere."""
    u = Update(data)
    said = chinese.amount(rng)
    unigb, wide = Name("/UniGB-UCS2-H"), Name("/GBK-EUC-H")
    codes, font = rng.choice([
        (ucs2(said), chinese.composite(unigb, "STSong-Light", info=chinese.collection("Japan1"))),
        (ucs2(said), chinese.composite(Name("/UniGB-UCS2-V"), "STSong-Light")),
        (ucs2(said), chinese.composite(unigb, "Wingdings")),
        (ucs2(said), chinese.composite(unigb, "Nobody-Regular")),
        (ucs2(said), chinese.composite(unigb, "STSong-Light", descriptor={"FontName": Name("/Wingdings-Regular")})),
        (ucs2(said), chinese.composite(unigb, "STSong-Light", descriptor={"FontFamily": String("Webdings")})),
        (ucs2(said), chinese.composite(unigb, "STSong-Light", Name.CIDFontType2, CIDToGIDMap=u.stream(bytes(512)))),
        (ucs2(said), chinese.composite(unigb, "STSong-Light", DW=0)),
        (ucs2(said), chinese.composite(unigb, "STSong-Light", W=Array([0, 30000, 1]))),
        (said.encode("gbk"), chinese.composite(wide, "SimSun", W=Array([0, 30000, -1000]))),
        (said.encode("gbk")[:-1], chinese.composite(wide, "SimSun")),
        (chinese.glyphs(said), chinese.composite(Name("/Identity-H"), "SimSun", Name.CIDFontType2, chinese.collection("Identity", 0))),
        (ucs2(said), chinese.composite(u.stream(b"begincmap 1 begincidrange <0000> <ffff> 0 endcidrange endcmap"), "STSong-Light")),
    ])
    return filled(u, said, codes, font)


def named_otherwise(rng, data):
    """A font without a program whose descriptor names another one, which some readers show."""
    u = Update(data)
    said = str(rng.randrange(10**4, 10**6))
    other = rng.choice(["Symbol", "ZapfDingbats", "Wingdings-Regular", "Nobody"])
    descriptor = Dictionary(Type=Name.FontDescriptor, FontName=Name("/" + other), Flags=4, FontBBox=Array([0, 0, 1000, 1000]), ItalicAngle=0, Ascent=800,
                            Descent=-200, CapHeight=700, StemV=80)
    font = Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name.Arial, Encoding=Name.WinAnsiEncoding, FontDescriptor=descriptor)
    return filled(u, said, said.encode(), font)


def another_style(rng, data):
    """The default appearance names a font that shows something else when a viewer makes the appearance anew."""
    u = Update(data)
    target = field(u, "amount")
    if target is None or "/Bars" not in u.root.AcroForm.DR.Font:
        return None
    said = str(rng.randrange(10**4, 10**6))
    style = rng.choice(["/ZaDb 10 Tf 0 g", "/Bars 10 Tf 0 g", "/Helvetica 1 Tf 0 g", "/Helvetica 10 Tf 1 g", "/Helvetica 10 Tf 3 Tr 0 g"])
    target.DA, target.V = String(style), String(said)
    if "/AP" in target:
        del target["/AP"]
    u.touch(target)
    return u.write()


CLASSES = {
    "chinese-shown-otherwise": (lambda base, state: base == "chinese",
                                [another_amount, copied_text_lies, new_program, program_replaced, not_as_readers_have_it, not_as_readers_have_it,
                                 named_otherwise, another_style]),
}
