"""Changes that hide below a permitted one: what a rule looked at is as it was, what it leads to is not."""

from pikepdf import Array, Dictionary, Name, String

from forge_fields import field
from increment import Update


def digits(rng):
    return b"%d" % rng.randrange(10**4, 10**6)


def drawn_anew(rng, content):
    content.write(b"BT /F1 14 Tf 72 760 Td (Pay %s to Mallory) Tj ET" % digits(rng))


def beside_a_copy(rng, data):
    """The page names a copy of one of its streams, which is no change; the stream beside it was changed."""
    u = Update(data)
    page = u.page(rng.randrange(2))
    contents = page.Contents
    other = rng.randrange(len(contents))
    copied = u.stream(contents[other].read_raw_bytes())
    for n, content in enumerate(contents):
        if n != other:
            drawn_anew(rng, content)
            u.touch(content)
    page.Contents = Array([copied if n == other else content for n, content in enumerate(contents)])
    u.touch(page)
    return u.write()


def below_a_copy(rng, data):
    """The page names a copy of its resources, which is no change; a font or image in them was changed."""
    u = Update(data)
    page = u.page(0)
    page.Resources = u.new(Dictionary({key: value for key, value in page.Resources.items()}))
    if rng.random() < 0.5:
        font = page.Resources.Font.F1
        font.BaseFont = Name("/Courier%d" % rng.randrange(10**6))
        u.touch(font)
    else:
        form = page.Resources.XObject.Fm
        form.write(b"BT /F1 9 Tf 2 2 Td (Total: %s) Tj ET" % digits(rng))
        u.touch(form)
    u.touch(page)
    return u.write()


def within_a_direct_value(rng, data):
    """What was an object of its own stands in the page now, the same but for what it leads to."""
    u = Update(data)
    page = u.page(0)
    page.Resources = Dictionary({key: value for key, value in page.Resources.items()})
    font = page.Resources.Font.F1
    font.Encoding.Differences = Array([65 + rng.randrange(26), Name.M, 97 + rng.randrange(26), Name.o])
    u.touch(font.Encoding)
    u.touch(page)
    return u.write()


def below_a_filled_field(rng, data):
    """A field is filled as it should be; the encoding of the form's font, which other fields are shown in, was changed with it."""
    u = Update(data)
    target = field(u, "amount")
    if target is None:
        return None
    helv, value = u.root.AcroForm.DR.Font.Helv, digits(rng)
    target.V = String(value.decode())
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % value, Type=Name.XObject, Subtype=Name.Form,
                                      BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=Dictionary(Helv=helv))))
    u.touch(target)
    if rng.random() < 0.5:
        helv.Encoding.Differences = Array([rng.choice([65, 108, 105]), Name.M])
        u.touch(helv.Encoding)
    else:
        helv.BaseFont = Name.Symbol
        u.touch(helv)
    return u.write()


def below_new_defaults(rng, data):
    """The form's default resources are another object with the same names; the font under one was changed."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    if form is None or "/DR" not in form:
        return None
    form.DR = u.new(Dictionary(Font=Dictionary({key: value for key, value in form.DR.Font.items()})))
    form.DR.Font.Helv.BaseFont = Name("/Courier%d" % rng.randrange(10**6))
    u.touch(form.DR.Font.Helv)
    u.touch(form if form.is_indirect else u.root)
    return u.write()


def another_layer(rng, data):
    """The list of layers names a copy of the hidden one: what is in the layer itself is shown then."""
    u = Update(data)
    layers = u.root.OCProperties
    listed = layers.OCGs
    place = 1
    listed[place] = u.new(Dictionary({key: value for key, value in listed[place].items()}))
    if rng.random() < 0.5:
        layers.D.OFF = Array([listed[place]])
    u.touch(layers if layers.is_indirect else u.root)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**6))


def leading_nowhere(rng, data):
    """An attribute that the page has from above is named as an object that is not there: readers take one or the other."""
    u = Update(data)
    page = u.page(0)
    key = rng.choice(["/MediaBox", "/Resources", "/CropBox", "/Rotate"])
    body = page.unparse(resolved=True) if key not in page else Dictionary({k: v for k, v in page.items() if k != key}).unparse()
    u.put(u.number(page), body.rstrip()[:-2] + key.encode() + b" %d 0 R>>" % (u.size + rng.randrange(9, 99)))
    return u.write()


FILLABLE = ("form", "packedform", "certified2", "certified3")
CLASSES = {
    "changed-below": (lambda base, state: base in ("plain", "long", "packed", "form", "layers"),
                      [beside_a_copy, below_a_copy, within_a_direct_value]),
    "other-layer": (lambda base, state: base == "layers", [another_layer]),
    "leads-nowhere": (lambda base, state: base in ("plain", "long", "chinese", "form"), [leading_nowhere]),
    "changed-below-field": (lambda base, state: base in FILLABLE, [below_a_filled_field, below_new_defaults]),
}
