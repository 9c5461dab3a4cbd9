"""Filled fields whose appearance readers draw differently: operands, fonts over saved states, filters, widths and names of characters,
resources from elsewhere, letters beside a number, borders over the text; and values that are to be drawn anew."""

import zlib
from decimal import Decimal

from pikepdf import Array, Dictionary, Name, String

import chinese
from forge_fields import digits_named, drawn, field, helvetica
from forge_form import nonced
from forge_readers import ready
from increment import Update


def turned():
    """Helvetica with other digits."""
    return helvetica(Encoding=Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array([48, *digits_named(1)])))


def filled(u, value, content, name="amount", fonts=None, **keys):
    target = field(u, name)
    if target is None:
        return None
    fonts = fonts or {"Helv": helvetica(Encoding=Name.WinAnsiEncoding)}
    keys = dict(BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=Dictionary(**fonts))) | keys
    target.V = String(value)
    target.AP = Dictionary(N=u.stream(content, Type=Name.XObject, Subtype=Name.Form,
                                      **{k: v for k, v in keys.items() if v is not None}))
    u.touch(target)
    return u.write()


def two_numbers(rng):
    return b"%d" % rng.randrange(100, 999), b"%d" % rng.randrange(100, 999)


def operands(rng, data):
    """More or fewer operands than the operator takes: one reader takes the first, another the last, a third none."""
    first, last = two_numbers(rng)
    parts = {b"A": b"(%s)" % first, b"B": b"(%s)" % last}
    shows = [b"A B Tj", b"A [B] TJ", b"[A] B Tj", b"[A] [B] TJ", b"[A] 0 Tc B Tj", b"A 0 g B Tj", b"<</X A>> B Tj", b"/X A B Tj", b"A 7 B Tj",
             b"14 TL A B '", b"0 0 A B \"", b"0 A B \"", b"[A [B]] TJ", b"[A /X B] TJ", b"A true B Tj", b"A ET BT 2 4 Td B Tj", b"A B Tj T*", b"{A} B Tj"]
    steers = [b"0 0 1 Tr", b"/Helv /Q 10 Tf", b"/Helv 10 12 Tf", b"10 Tf", b"1 0 g", b"1 1 1 0 g", b"0 1 g", b"0 0 1 1 1 rg", b"1 0 0 1 0 0 0 Tm",
              b"1 0 0 1 2 4 400 4 Td", b"100 0 Tz", b"/X 0 Ts", b"0 0 Tw", b"g", b"Td", b"0 90 0 1 0 0 cm", b"1 w 0", b"0 0 0 rg /X", b"/P /Q gs", b"0 1 Tc"]
    if rng.random() < 0.5:
        text = rng.choice(shows)
        for letter, value in parts.items():
            text = text.replace(letter, value)
        content = drawn(text)
    else:
        content = drawn(b"(%s) Tj" % (first + last), rng.choice(steers))
    fonts = {"Helv": helvetica(Encoding=Name.WinAnsiEncoding), "Q": turned()}
    return filled(Update(data), (first + last).decode(), content, fonts=fonts)


def saved_font(rng, data):
    """The font that counts is the one of the saved state."""
    value = b"%d" % rng.randrange(10**4, 10**6)
    show = b"BT 0 g 2 4 Td (%s) Tj ET" % value
    content = rng.choice([
        b"q /Q 10 Tf q /Helv 10 Tf Q " + show + b" Q", b"/Q 10 Tf q /Helv 10 Tf Q " + show, b"q q /Q 10 Tf q q /Helv 10 Tf Q Q " + show + b" Q Q",
        b"q /Helv 10 Tf Q " + show, b"/Helv 10 Tf q /Q 10 Tf " + show + b" Q", b"q /Helv 10 Tf " + show + b" Q Q",
        b"q /Q 10 Tf q BT /Helv 10 Tf ET Q " + show + b" Q", b"/Helv 10 Tf " + b"q " * 40 + show + b" Q" * 40])
    return filled(Update(data), value.decode(), content, fonts={"Helv": helvetica(Encoding=Name.WinAnsiEncoding), "Q": turned()})


def filters(rng, data):
    """With the filter's parameters the stream says the value, without them another; readers differ on whether they count."""
    said, shown = two_numbers(rng)
    content = b"/x MP q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q %%*"
    good, other = content % said, (b"\n" + content[1:-1] + b" ") % shown
    row = bytes((a - b) & 255 for a, b in zip(good, other))
    if set(row[:-1]) & {10, 13} or row[:1] != b"%":
        return None
    plain = b"\0" + row + b"\2" + other
    u, columns = Update(data), len(good)
    predictor, flate, hexed = Dictionary(Predictor=12, Columns=columns), Name.FlateDecode, Name.ASCIIHexDecode
    elsewhere = u.new(Dictionary())
    u.put(u.number(elsewhere), "%d" % columns)
    filter_, params = rng.choice([
        (flate, Array([predictor])), (Array([flate]), predictor), (Array([flate]), Array([predictor, predictor])), (Array([flate]), Array([])),
        (Array([hexed, flate]), Array([predictor])), (Array([hexed, flate]), predictor), (flate, Array([])), (Array([flate, hexed]), predictor),
        (flate, Dictionary(Predictor=Decimal("12.0"), Columns=columns)), (flate, Dictionary(Predictor=12, Columns=Decimal("%d.0" % columns))),
        (flate, Dictionary(Predictor=12, Columns=columns, Colors=Decimal("1.0"), BitsPerComponent=Decimal("8.0"))),
        (Array([Name.Crypt, flate]), Array([Dictionary(Name=Name.Identity), predictor])), (Array([Name.Crypt, flate]), predictor),
        (flate, Dictionary(Predictor=12, Columns=columns, Rows=Decimal("2.0"))), (Array([flate, Name.Crypt]), Array([predictor])),
        (flate, Dictionary(Predictor=12, Columns=elsewhere)), (flate, None), (Name.Fl, predictor), (Array([Name.Fl]), Array([predictor])),
        (flate, String("12")), (Array([flate]), Array([Array([predictor])])), (Array([Array([flate])]), Array([predictor]))])
    encoded = zlib.compress(plain)
    names = [str(n) for n in filter_] if isinstance(filter_, Array) and all(isinstance(n, Name) for n in filter_) else []
    if names[:1] == ["/ASCIIHexDecode"]:
        encoded = encoded.hex().encode() + b">"
    target = field(u, "amount")
    if target is None:
        return None
    target.V = String((said if rng.random() < 0.7 else shown).decode())
    look = u.stream(b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=Dictionary(
        Helv=helvetica(Encoding=Name.WinAnsiEncoding))))
    target.AP = Dictionary(N=look)
    keys = {**{k: v for k, v in look.stream_dict.items() if k != "/Length"}, "/Filter": filter_, "/DecodeParms": params}
    if params is None:
        # As inline images have them.
        keys = {k: v for k, v in keys.items() if v is not None} | {"/DP": predictor}
    keys = Dictionary(keys)
    u.put(u.number(look), keys.unparse()[:-2] + b"/Length %d>>\nstream\n%s\nendstream" % (len(encoded), encoded))
    u.touch(target)
    return u.write()


def named_otherwise(rng, data):
    """Widths that run out, and names of characters that readers count in another way."""
    value = "%d0%d" % (rng.randrange(1, 4), rng.randrange(10**4, 10**5))
    u = Update(data)
    full = [556] * 10
    win = dict(Encoding=Name.WinAnsiEncoding)
    some = Dictionary(Type=Name.FontDescriptor, FontName=Name.Helvetica, Flags=32, MissingWidth=rng.choice([0, 1, 5000]))

    def named(*items):
        return helvetica(Encoding=Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array(list(items))))

    number = u.new(Dictionary())
    u.put(u.number(number), "48")
    font = rng.choice([
        helvetica(FirstChar=49, LastChar=57, Widths=Array(full[1:]), FontDescriptor=some, **win),
        helvetica(FirstChar=48, LastChar=57, Widths=Array(full[:1]), **win), helvetica(FirstChar=52, LastChar=57, Widths=Array(full), **win),
        helvetica(FirstChar=number, LastChar=57, Widths=Array([0, *full[1:]]), **win),
        helvetica(FirstChar=Decimal("48.0"), LastChar=57, Widths=Array(full), **win), helvetica(FirstChar=48, LastChar=57, Widths=Array([1] * 10), **win),
        helvetica(FirstChar=-9, LastChar=57, Widths=Array(full), **win), helvetica(FirstChar=48, LastChar=57, Widths=Array([String("556")] * 10), **win),
        named(*([0] * 1100), 48, *digits_named(1)), named(*([0] * 600), 48, *digits_named(1)), named(48, *digits_named(1), Decimal("48.0"), *digits_named(0)),
        named(48, *digits_named(1), String("48"), *digits_named(0)), named(48, *digits_named(1), Array([48]), *digits_named(0)),
        named(Decimal("48.0"), *digits_named(1)), named(48, *[String(str(n)[1:]) for n in digits_named(1)]), named(-208, *digits_named(1)),
        named(48, *digits_named(1), number, *digits_named(0)[3:]), named(48, Dictionary(), *digits_named(0)),
        helvetica(Encoding=Array([Name.WinAnsiEncoding])), helvetica(Encoding=String("WinAnsiEncoding")),
        helvetica(Encoding=Dictionary(BaseEncoding=Name("/MacExpertEncoding")))])
    return filled(u, value, b"/Tx BMC q BT /Q 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % value.encode(), fonts={"Q": font})


def resources_elsewhere(rng, data):
    """The appearance has no font of that name: readers take the page's, which has other digits, or the form's."""
    u, value = Update(data), b"%d" % rng.randrange(10**4, 10**6)
    content = drawn(b"(%s) Tj" % value)
    if rng.random() < 0.3:
        content = content.replace(b"/Helv", b"/Ev")
        fonts = u.root.AcroForm.DR.Font
        fonts.Ev = fonts.Helv
        u.touch(next(holder for holder in (fonts, u.root.AcroForm.DR, u.root.AcroForm, u.root) if holder.is_indirect))
    font = Dictionary(Other=helvetica(Encoding=Name.WinAnsiEncoding))
    resources = rng.choice([None, Dictionary(), Dictionary(Font=Dictionary()), Dictionary(Font=font), Dictionary(Font=Array([])), Array([]),
                            Dictionary(ProcSet=Array([Name.PDF, Name.Text]))])
    return filled(u, value.decode(), content, rng.choice(["amount", "price"]), Resources=resources)


def beside_the_number(rng, data):
    """A field with a format shows its number and something that makes another of it."""
    u, number = Update(data), rng.randrange(100, 999)
    words = rng.choice(["%d MILLION", "%d million EUR", "%d per day", "%d and the house", "K %d", "%dk", "%d x 10", "USD %d EUR", "not %d", "%d mio", "Mallory %d",
                        "EURO %d", "%d Cr", "USD%dUSD", "%d dozen", "%d %d", "%d00", "-%d", "1%d", "%d.50", "%d\u00b2", "%d\u00bd", "%d%", "(%d)", "%d+", "~%d",
                        "> %d", "%d / 7", "%d.000", "%d.%d", "%d\u00b3", "\u00b1%d", "\u2030%d", "%d\u00b7%d"])
    shown = words.replace("%d", str(number)) if rng.random() < 0.9 else "%d,%02d" % divmod(number, 100)
    return filled(u, str(number), drawn(b"<%s> Tj" % shown.encode("cp1252").hex().encode()), "price")


def beside_it_in_chinese(rng, data):
    """Digits of another width behind the number, or a word for a thousand."""
    u, number = Update(data), rng.randrange(100, 999)
    more = rng.choice(["\uff10\uff10", "\uff10", "\uff11\uff10\uff10", "\u5343", "\u4e07", "\u767e\u4e07", "\u3007\u3007", "\uff0e\uff15", "\u00d7\uff11\uff10"])
    shown = "%d%s" % (number, more) if rng.random() < 0.8 else "%s%d" % (more, number)
    content = b"/Tx BMC q BT /Song 10 Tf 0 g 2 4 Td <%s> Tj ET Q EMC" % shown.encode("utf-16-be").hex().encode()
    return filled(u, str(number), content, "price", {"Song": chinese.song()})


def painted_after(rng, data):
    """A border or ground is painted when the text is written: its side lies over a dot or a sign."""
    u, number = Update(data), rng.randrange(10, 99)
    value = rng.choice([b".%d", b"-%d", b"%d.5", b"1%d"]) % number
    width = rng.choice([b"3", b"4.9", b"4.95", b"5", b"200"])
    after = rng.choice([b" q 1 g 0 0 %s 16 re f Q", b" q 1 g 0 0 %s 16 re B Q", b" q 1 g 0 0 %s 16 re f* Q", b" q 1 g 0 0 %s 16 re f 0 G 0.5 0.5 199 15 re S Q",
                        b" q 0.98 g 0 0 %s 16 re F Q"]) % width
    content = b"q 1 g 0 0 200 16 re f Q " + drawn(b"(%s) Tj" % value) + after
    return filled(u, value.decode(), content, "bordered")


def put_in_force(rng, data):
    """Viewers are told to draw the values: in a font with other digits, in white, or as a password."""
    u = Update(data)
    form = u.root.AcroForm
    form.NeedAppearances = True
    u.touch(form if form.is_indirect else u.root)
    if rng.random() < 0.5:
        target = field(u, "amount")
        target.V = String("%d" % rng.randrange(10**6))
        if "/AP" in target:
            del target["/AP"]
        u.touch(target)
    return nonced(u, rng)


def fillable(base, state):
    return base in ("form", "packedform", "certified2", "certified3")


CLASSES = {
    "operands": (fillable, [operands]),
    "saved-font": (fillable, [saved_font]),
    "filters": (fillable, [filters]),
    "named-otherwise": (fillable, [named_otherwise]),
    "resources-elsewhere": (ready("fill"), [resources_elsewhere]),
    "beside-the-number": (ready("fill"), [beside_the_number, beside_the_number, beside_it_in_chinese]),
    "painted-after": (ready("fill"), [painted_after]),
    "put-in-force": (lambda base, state: base.removeprefix("ready-") in ("turned", "white", "password", "byfield", "bylook", "byobject"), [put_in_force]),
}
