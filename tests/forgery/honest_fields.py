"""Honest neighbours of what is refused in forge_readers.py and forge_drawn.py: the same means, used as they are meant."""

import zlib
from decimal import Decimal

from pikepdf import Array, Dictionary, Name

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
