"""Honest neighbours of what is refused in forge_readers.py, forge_drawn.py, forge_cut.py and forge_placed.py: the same means, used as they are meant."""

import zlib
from decimal import Decimal

from pikepdf import Array, Dictionary, Name, String

import party
from forge_drawn import filled
from forge_fields import drawn, field, helvetica
from increment import Update


def number(rng):
    return b"%d" % rng.randrange(1000, 10**6)


def filled_with_operands(rng, data):
    """Every operator with the operands that it takes, fonts over saved states, kerning."""
    u, value = Update(data), number(rng)
    if field(u, "amount") is None:
        return None
    head, tail = value[:2], value[2:]
    content = rng.choice([
        drawn(b"[(%s) -20 (%s)] TJ" % (head, tail)), drawn(b"(%s) Tj (%s) Tj" % (head, tail)), drawn(b"0 0 (%s) \"" % value, b"0 TL"),
        drawn(b"(%s) '" % value, b"0 TL 0 Tc 0 Tw 100 Tz 0 Tr 0 Ts"), drawn(b"<%s> Tj" % value.hex().encode(), place=b"1 0 0 1 2 4 Tm"),
        b"q /Helv 10 Tf q /Helv 8 Tf Q BT 0 g 2 4 Td (%s) Tj ET Q" % value, b"/Tx BMC q 1 1 198 14 re W n BT /Helv 10 Tf 0 0 0 rg 2 4 Td (%s) Tj ET Q EMC" % value])
    return filled(u, value.decode(), content)


def filled_with_a_font(rng, data):
    """A font that states what it needs not."""
    u, value = Update(data), number(rng)
    if field(u, "amount") is None:
        return None
    digits = Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array([48, Name.zero, Name.one, 128, Name.Euro]))
    font = rng.choice([
        helvetica(FirstChar=48, LastChar=57, Widths=Array([556] * 10), Encoding=Name.WinAnsiEncoding),
        helvetica(FirstChar=32, LastChar=126, Widths=Array([Decimal("556.5")] * 95), Encoding=Name.WinAnsiEncoding), helvetica(Encoding=digits), helvetica()])
    return filled(u, value.decode(), drawn(b"(%s) Tj" % value), fonts={"Helv": font})


def filled_and_encoded(rng, data):
    """Filters and parameters in every form that readers agree on."""
    u, value = Update(data), number(rng)
    target = field(u, "amount")
    if target is None or filled(u, value.decode(), b"") is None:
        return None
    look, content = target.AP.N, drawn(b"(%s) Tj" % value)
    columns = len(content)
    up = zlib.compress(b"\2" + content)
    flate, hexed, predictor = b"/FlateDecode", b"/ASCIIHexDecode", b"<</Predictor 15/Columns %d>>" % columns
    filters, params, encoded = rng.choice([
        (flate, None, zlib.compress(content)), (flate, b"null", zlib.compress(content)), (b"[" + flate + b"]", None, zlib.compress(content)),
        (flate, predictor, up), (b"[" + flate + b"]", b"[" + predictor + b"]", up), (flate, b"<<>>", zlib.compress(content)),
        (b"[" + hexed + flate + b"]", b"[null " + predictor + b"]", up.hex().encode() + b">"), (hexed, None, content.hex().encode() + b">")])
    keys = Dictionary({k: v for k, v in look.stream_dict.items() if k != "/Length"}).unparse().rstrip()[:-2]
    keys += b"/Filter " + filters + (b"" if params is None else b"/DecodeParms " + params)
    u.put(u.number(look), keys + b"/Length %d>>\nstream\n%s\nendstream" % (len(encoded), encoded))
    return u.write()


def number_formatted(rng, data):
    """A field with a format shows its number with grouping, decimals and a currency."""
    u, value = Update(data), rng.randrange(1000, 10**6)
    if field(u, "price") is None:
        return None
    shown = rng.choice(["{:,}", "{:,.2f}", "{}.00", "EUR {:,.2f}", "{:,} USD", "${:,.2f}", "{},00", "{}00%"]).format(value)
    said, how = str(value), rng.randrange(4)
    if how == 0 and not shown.endswith("%"):
        said, shown = "-" + said, rng.choice(["-" + shown, "(" + shown + ")"])
    elif how == 1:
        shown = "{:,.2f}".format(value).translate(str.maketrans(",.", ".,"))
    return filled(u, said, drawn(b"<%s> Tj" % shown.encode().hex().encode()), "price")


def border_filled(rng, data):
    """The border and the ground first, as they were, and then the text."""
    u, value = Update(data), number(rng)
    if field(u, "bordered") is None:
        return None
    return filled(u, value.decode(), b"q 1 g 0 0 200 16 re f 0 G 0.5 0.5 199 15 re S Q " + drawn(b"(%s) Tj" % value), "bordered")


def rounded_to_two_decimals(rng, data):
    """Firefox writes a field that it fills with two decimals."""
    u, value = Update(data), number(rng)
    target = field(u, "rounded")
    if target is None:
        return None

    def rounded(numbers):
        return Array([round(Decimal(n), 2) for n in numbers])

    target.Rect, target.MK.BG = rounded(target.Rect), rounded(target.MK.BG)
    ground = b"q 0.8 0.84 1 rg 0 0 200 16 re f Q "
    return filled(u, value.decode(), ground + drawn(b"(%s) Tj" % value), "rounded")


def clipped_inside(rng, data):
    """A border that stands in leaves less room, and the text is all in it."""
    u, value = Update(data), number(rng)
    target = field(u, "inset")
    if target is None:
        return None
    content = b"q 1 g 0 0 200 24 re f 0 G 1 w .5 .5 199 23 re S Q /Tx BMC q 4 2 188 18 re W n BT /Helv 10 Tf 0 g %d 8 Td (%s) Tj ET Q EMC" % (rng.randrange(5, 40), value)
    return filled(u, value.decode(), content, "inset", BBox=Array([0, 0, 200, 24]))


def told_to_be_drawn(rng, data):
    """Viewers are told to draw what is shown anyway."""
    u = Update(data)
    form = u.root.AcroForm
    form.NeedAppearances = True
    u.touch(form if form.is_indirect else u.root)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**6))


def signed_with_blank_look(rng, data):
    """A new signature field without an area whose appearance is blank, as iText writes it."""
    u = Update(data)
    page, name = u.page(0), String("Blank%d" % rng.randrange(10**9))
    blank = u.stream(rng.choice([b"", b"\n", b" "]), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 0, 0]))
    made = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=name, F=132, Rect=Array([0, 0, 0, 0]), P=page, AP=Dictionary(N=blank)))
    made.V = u.new(Dictionary())
    u.put(u.number(made.V), party.unsealed())
    u.annotate(page, made)
    if "/AcroForm" not in u.root:
        return None
    u.add_field(made)
    return party.seal(u.write())


def boxes_in_reals(rng, data):
    """A page's rectangle and a field's written as reals: there they do alike."""
    u = Update(data)
    page = u.page(rng.randrange(2))
    if "/MediaBox" not in page:
        return None
    page.MediaBox = Array([Decimal("%d.0" % int(n)) for n in page.MediaBox])
    u.touch(page)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**6))


def words_of_objects(rng, data):
    """Text that speaks of objects and is none."""
    u = Update(data)
    info = u.pdf.trailer.get("/Info")
    if info is None or not info.is_indirect:
        return None
    info.Subject = rng.choice(["the object 4 of 0", "obj", "10 objections", "4 0 R", "endobj"]) + " %d" % rng.randrange(10**6)
    u.touch(info)
    return u.write()


def lines_behind(rng, data):
    """A few empty lines behind the end; a walk ends with them."""
    return data + rng.choice([b"\n", b"\r\n", b" ", b"\0"]) * rng.randrange(1, 200)
