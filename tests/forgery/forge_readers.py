"""What readers read differently: objects that some find and others do not, ends that are not found, numbers that are no integers,
streams that are dictionaries as well."""

import re
from decimal import Decimal

from pikepdf import Array, Dictionary, Name, String

import bases
import party
from forge_fields import drawn, field, helvetica
from forge_form import nonced
from increment import Update


def harmless(rng, data):
    """An Update that every rule permits."""
    u = Update(data)
    info = u.pdf.trailer.get("/Info")
    if info is None or not info.is_indirect:
        return None
    info.Title = String("Draft %d" % rng.randrange(10**6))
    u.touch(info)
    return u


def fake(u, rng):
    """Another content for a page, as an object that stands where none should."""
    number = u.number(rng.choice(list(u.page(rng.randrange(2)).Contents)))
    text = b"BT /F1 12 Tf 72 %d Td <%s> Tj ET" % (rng.randrange(100, 700), b"Pay 999 to Mallory".hex().encode())
    header = rng.choice([b"%d 0 obj", b"%d  0\nobj", b"%d\r0 obj", b"0%d 0 obj", b"%d 00 obj", b"%d 0obj", b"%d %%x\n0 obj", b"%d 0 %% 1\n obj"]) % number
    return b"\n%s\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (header, len(text), text)


def in_a_string(rng, data):
    u = harmless(rng, data)
    info, inside = u.pdf.trailer.Info, fake(u, rng)
    key = rng.choice([b"/Title", b"/Subject", b"/Keywords", b"/Author"])
    rest = Dictionary({k: v for k, v in info.items() if k.encode() != key}).unparse()
    u.put(u.number(info), rest.rstrip()[:-2] + key + b"(" + inside + b")>>")
    return u.write()


def in_a_stream(rng, data):
    """In metadata, whose length may be said elsewhere."""
    u = Update(data)
    xmp = u.stream(b"", Type=Name.Metadata, Subtype=Name.XML)
    u.root.Metadata = xmp
    u.touch(u.root)
    content = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>' + fake(u, rng) + b"</rdf:RDF></x:xmpmeta>"
    length = b"%d" % len(content)
    if rng.random() < 0.5:
        said = u.number(u.new(Dictionary()))
        u.put(said, length)
        length = b"%d 0 R" % said
    u.put(u.number(xmp), b"<</Type/Metadata/Subtype/XML/Length %s>>\nstream\n%s\nendstream" % (length, content))
    return u.write()


def in_a_comment(rng, data):
    u = harmless(rng, data)
    inside = re.sub(rb"%[ x1]+", b"", fake(u, rng))
    return u.write(comment=b"%" + rng.choice([b" ", b"%", b"iText "]) + re.sub(rb"[\r\n]", b" ", inside).strip() + b"\n")


def white(rng):
    return rng.choice([b"\n", b" ", b"\0", b"\r\n", b" \n"]) * rng.randrange(1100, 20000)


def end_far_away(rng, data):
    """White space, or lines that say nothing, carry the end of the file away from where readers look for it."""
    u = harmless(rng, data)
    out = u.write() if rng.random() < 0.7 else data
    how = rng.randrange(4)
    if how == 0:
        return out + white(rng)
    if how == 1:
        return out + b"%% nothing\n" * rng.randrange(110, 400)
    head, tail = out[:out.rindex(b"startxref")], out[out.rindex(b"startxref"):]
    word, number, end = tail.split()[:3]
    if how == 2:
        return head + word + b"\n" + number + white(rng) + end + b"\n"
    return head + word + white(rng) + number + b"\n" + end + b"\n"


def end_and_object(rng, data):
    """The same, and an object for those who search."""
    return rng.choice([in_a_string, in_a_stream])(rng, data) + white(rng)


def straddling(rng, _):
    """An object begins in the signed bytes, in a comment or in what the signer says, and goes on behind them."""
    u = Update(bases.saved(bases.document()))
    page, inside = u.page(0), rng.random() < 0.5
    over = b"1 g 0 0 600 800 re f 0 g BT /F1 20 Tf 72 %d Td (Pay 999) Tj ET\n" % rng.randrange(100, 700)
    stream = u.number(u.new(Dictionary()))
    del u.objects[stream]
    value = u.number(u.new(Dictionary()))
    made = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=String("Ready"), F=132, Rect=Array([0, 0, 0, 0]), P=page))
    made.V = u.pdf.get_object(value, 0)
    u.annotate(page, made)
    u.root.AcroForm = u.new(Dictionary(Fields=Array([made]), SigFlags=3))
    u.touch(u.root)
    u.touch(page)
    body = u.body(page).rstrip()
    u.put(u.number(page), re.sub(rb"/Contents \[", b"/Contents [ %d 0 R " % stream, body))
    mark = b"%d 0 obj<</Length " % stream
    length = b"%06d"

    def whole(at, size):
        head = mark + length % size + b">>stream\n"
        u.put(value, party.unsealed(**({"Reason": b"(" + head + b")"} if inside else {})))
        u.pointers = {stream: at}
        return u.write(comment=b"%\n" if inside else b"% " + head)

    first = whole(0, 0)
    at = first.rindex(mark)
    begin = first.index(b"stream\n", at) + len(b"stream\n")
    signed = party.seal(whole(at, len(first) - begin + len(over)))
    longer = signed + over + b"endstream\nendobj\n"
    later = Update(signed)
    later.data = longer
    later.pdf.trailer.Info.Title = String("Draft %d" % rng.randrange(10**6))
    later.touch(later.pdf.trailer.Info)
    return later.write()


# Numbers.

def real(rng, number):
    return b"%d" % number + rng.choice([b".0", b".", b".00", b".000"])


def frame_in_reals(rng, data):
    """A permitted update whose own numbers are reals."""
    u = harmless(rng, data)
    if not u.table and rng.random() < 0.5:
        u.counts = rng.choice([b"/N %d.0/First %d", b"/N %d/First %d.0", b"/N %d./First %d."])
        return u.write(packed=True)
    out = u.write()
    at = len(data)
    key = rng.choice([b"/Prev", b"/Size"] if u.table else [b"/Prev", b"/Size", b"/Index[", b"/W[", b"/Length"])
    place = out.rindex(key, at) + len(key)
    number = re.compile(rb"\s*(\d+)").match(out, place)
    return out[:place] + b" " + real(rng, int(number[1])) + out[number.end():]


def generation(rng, data):
    """The generation of an object, or in a reference, is a real or has a sign."""
    u = Update(data)
    page = u.page(0)
    odd = rng.choice([b"0.0", b"0.", b"+0", b"-0", b".0"])
    body = u.body(page)
    at = rng.choice([m for m in re.finditer(rb"(\d+) 0 R", body)])
    u.put(u.number(page), body[:at.start()] + at[1] + b" " + odd + b" R" + body[at.end():])
    return nonced(u, rng)


def flags(rng):
    """Flags that some readers take for Hidden and others do not."""
    return rng.choice([b"2.0", b"2.", b"+2.0", b"130.0", b"4294967298", b"-2", b"9223372036854775806", b"[2]", b"(2)", b"2.5", b"-2147483646", b"/2"])


def with_flags(body, value):
    return re.sub(rb"/F \d+", b"/F " + value, body)


def seems_hidden(rng, data):
    """A new signature field over the page, or a time stamp, whose flags are Hidden for some."""
    u = Update(data)
    page, name = u.page(0), String("New%d" % rng.randrange(10**6))
    cover = u.stream(b"1 g 0 0 300 60 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 60]))
    left, stamp = rng.randrange(200), rng.random() < 0.4
    made = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=name, F=2, Rect=Array([left, 500, left + 300, 560]), P=page,
                            AP=Dictionary(N=cover)))
    if stamp and data.count(b"/DocMDP"):
        made.V = u.new(Dictionary())
        u.put(u.number(made.V), party.unsealed(stamp=True))
    u.annotate(page, made)
    u.add_field(made)
    u.put(u.number(made), with_flags(u.body(made), flags(rng)))
    out = u.write()
    return party.seal(out, stamp=True) if "/V" in made else out


def hidden_no_more(rng, data):
    """A field that was hidden when it was signed."""
    u = Update(data)
    target = field(u, "hidden")
    new = rng.choice([b"0", b"4", b"6.0", b"36", b"288", b"132", flags(rng), flags(rng)])
    u.put(u.number(target), with_flags(u.body(target), new))
    return nonced(u, rng)


def field_flags(rng, data):
    """A field that was read-only, or its length, said in reals; and it is filled."""
    u = Update(data)
    target, value = field(u, "hidden"), "%d" % rng.randrange(10**6)
    if rng.random() < 0.5:
        target.V = String(value)
        target.AP = Dictionary(N=u.stream(drawn(b"(%s) Tj" % value.encode()), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 230, 35]),
                                          Resources=Dictionary(Font=Dictionary(Helv=helvetica(Encoding=Name.WinAnsiEncoding)))))
    target.Ff = rng.choice([Decimal("1.0"), Decimal("0.0"), Decimal("1.5"), Array([1]), String("1")])
    u.touch(target)
    return nonced(u, rng)


def shown_in_reals(rng, data):
    """A copy of the page's picture, font or layout whose integers are reals."""
    u = Update(data)
    page, how = u.page(0), rng.randrange(3)
    if how == 0:
        page.Rotate = rng.choice([Decimal("0.0"), Decimal("90.0"), Decimal("180.0")])
        u.touch(page)
        return nonced(u, rng)
    resources = page.Resources
    if how == 1:
        image = resources.XObject.Im
        key = rng.choice(["/Width", "/Height", "/BitsPerComponent"])
        image[key] = Decimal("%d.0" % int(image[key]))
        u.touch(image)
    else:
        encoding = resources.Font.F1.Encoding
        encoding.Differences = Array([Decimal("128.0"), Name.Euro])
        u.touch(encoding)
    return nonced(u, rng)


# Streams in two parts.

def stream_in_two_parts(rng, data):
    """The page's content is a field, an element of the structure or its root as well, and is changed as that."""
    u = Update(data)
    target = rng.choice(list(u.page(0).Contents)[-3:])
    target.write(b"BT /F1 12 Tf 72 %d Td (Pay %d to Mallory) Tj ET" % (rng.randrange(100, 700), rng.randrange(10**6)))
    if "/V" in target and rng.random() < 0.5:
        target.V = String("b")
    u.touch(target)
    return u.write()


def ready(name):
    return lambda base, state: base == "ready-" + name


def plain(base, state):
    return base in ("plain", "long", "form", "certified2", "packed", "packedform")


CLASSES = {
    "hidden-object": (plain, [in_a_string, in_a_stream, in_a_comment]),
    "end-not-found": (plain, [end_far_away, end_and_object]),
    "straddling": (lambda base, state: base == "plain" and state == "once", [straddling]),
    "real-in-the-frame": (plain, [frame_in_reals]),
    "real-shown": (lambda base, state: base in ("plain", "long", "form", "certified2"), [shown_in_reals, generation]),
    "seems-hidden": (lambda base, state: base in ("plain", "form", "certified1", "certified2", "certified3"), [seems_hidden]),
    "hidden-no-more": (ready("fill"), [hidden_no_more, field_flags]),
    "stream-in-two-parts": (ready("streams"), [stream_in_two_parts]),
}
