"""Shadow attacks, and swapped fonts, resources and layers: what was prepared before signing shows afterwards."""

import re

from pikepdf import Array, Dictionary, Name, String

import to_order
from increment import Update

MORE = b"BT /F1 12 Tf 72 %d Td (Pay 1,000,000 to Mallory) Tj ET"


def nonced(u, rng):
    """Two forgeries that change the same thing are still two files."""
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write(packed=rng.random() < 0.3)


def hidden_shown(rng, data):
    """Whatever covers the prepared text is taken away."""
    u = Update(data)
    page = u.page(0)
    cover = page.Resources.XObject.Cover
    how = rng.randrange(8)
    if how == 0:
        u.free(u.number(cover))
    elif how == 1:
        u.put(u.number(cover), rng.choice(["null", "<</Type/XObject>>", "[]", "<</Type/Font>>"]))
    elif how == 2:
        cover.Subtype = Name.Form
        u.touch(cover)
    elif how == 3:
        cover.Width = cover.Height = rng.choice([0, 1, 2])
        u.touch(cover)
    elif how == 4:
        cover.SMask = u.stream(b"\0", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1, ColorSpace=Name.DeviceGray, BitsPerComponent=8)
        u.touch(cover)
    elif how == 5:
        page.Contents = Array(list(page.Contents)[:-1])
        u.touch(page)
    elif how == 6:
        stream = page.Contents[-1]
        stream.write(b"q 0 0 0 0 0 0 cm /Cover Do Q")
        u.touch(stream)
    else:
        cover.Mask = Array([0, 255, 0, 255, 0, 255])
        u.touch(cover)
    return nonced(u, rng)


def field(u, name="payee"):
    return next(f for f in u.root.AcroForm.Fields if str(f.T) == name)


def form_stream(u, data, like):
    font = u.root.AcroForm.DR.Font
    return u.stream(data, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=font))


def lie_uncovered(rng, data):
    """The field's value was never what it showed; now it is shown."""
    u = Update(data)
    payee = field(u)
    how = rng.randrange(4)
    if how == 0:
        payee.AP = Dictionary(N=form_stream(u, b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (Mallory) Tj ET Q EMC", payee))
    elif how == 1:
        del payee["/AP"]
    elif how == 2:
        payee.AP.N.write(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (Mallory) Tj ET Q EMC")
        u.touch(payee.AP.N)
        return nonced(u, rng)
    else:
        u.root.AcroForm.NeedAppearances = True
        u.touch(u.root.AcroForm)
        return nonced(u, rng)
    u.touch(payee)
    return nonced(u, rng)


def caption_uncovered(rng, data):
    """A button's caption, or a read-only value, was never what it showed; now it is to be drawn."""
    u = Update(data)
    u.root.AcroForm.NeedAppearances = True
    u.touch(u.root.AcroForm)
    return nonced(u, rng)


def shown_is_not_the_value(rng, data):
    """A filled field that shows something else than it says."""
    u = Update(data)
    target = field(u, rng.choice(["payee", "amount", "city"]))
    # Made with the type of the wished-for value.
    target.V = String(rng.choice(["Bob", "Carol", "1,000"]))
    how = rng.randrange(5)
    shown = rng.choice([b"Mallory", b"1,000,000", b"Nobody"])
    content = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % shown
    if how == 1:
        content = b"q 200 0 0 16 0 0 cm /Im Do Q"
    elif how == 2:
        content = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj 0 -4 Td (%s) Tj ET Q EMC" % (bytes(target.V), shown)
    elif how == 3:
        content = b"q 1 g 0 0 200 16 re f Q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET" % shown
    elif how == 4:
        content = b"BI /W 1 /H 1 /CS /G /BPC 8 ID x EI"
    target.AP = Dictionary(N=form_stream(u, content, target))
    u.touch(target)
    return nonced(u, rng)


def value_behind(rng, data):
    """Another value beneath an appearance that stays."""
    u = Update(data)
    target = field(u, rng.choice(["payee", "city"]))
    target.V = String(rng.choice(["Beijing", "Mallory"]) if str(target.T) == "payee" else "Beijing")
    u.touch(target)
    return nonced(u, rng)


def area_painted(rng, _):
    """The value is shown, on a ground that was not there and hides the page's text beneath."""
    def prepare(pdf):
        to_order.add_field(pdf, "over", to_order.TEXT, DA=String("/Helv 10 Tf 0 g"), AP=Dictionary(N=to_order.look(pdf, b"/Tx BMC EMC")))

    u = Update(to_order.signed(prepare, rng.choice([None, 2])))
    target = next(f for f in u.root.AcroForm.Fields if f.T == "over")
    target.V = String("Bob")
    ground = rng.choice([b"1 g 0 0 200 20 re f", b"1 G 40 w 0 8 m 200 8 l S", b"1 g 0 0 200 20 re B*"])
    target.AP.N.write(b"q %s Q /Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (Bob) Tj ET Q EMC" % ground)
    u.touch(target.AP.N)
    u.touch(target)
    return nonced(u, rng)


def field_steered(rng, data):
    """Keys of a field that are no filling."""
    u = Update(data)
    target = field(u, rng.choice(["payee", "amount", "city", "agreed"]))
    key, value = rng.choice([
        ("/Rect", Array([0, 0, 500, 500])), ("/F", 2), ("/MK", Dictionary(BG=Array([1, 1, 1]))), ("/DA", String("/Helv 40 Tf 1 g")), ("/Ff", 1),
        ("/A", Dictionary(S=Name.JavaScript, JS=String("x"))), ("/AA", Dictionary(C=Dictionary(S=Name.JavaScript, JS=String("x")))),
        ("/T", String("other")), ("/FT", Name.Sig), ("/OC", Dictionary(Type=Name.OCG, Name=String("x"))), ("/BS", Dictionary(W=9)), ("/Q", 2),
        ("/Subtype", Name.FreeText), ("/Opt", Array([String("Mallory")])), ("/RC", String("x"))])
    target[key] = value
    u.touch(target)
    return nonced(u, rng)


def button_redrawn(rng, data):
    """The states of a check box show something else."""
    u = Update(data)
    box = field(u, "agreed")
    state = rng.choice(["/Yes", "/Off"])
    stream = box.AP.N[state]
    stream.write(rng.choice([b"1 g 0 0 12 12 re f", b"BT /ZaDb 10 Tf 1 2 Td (8) Tj ET", b"q 600 0 0 600 0 0 cm /Im Do Q"]))
    u.touch(stream)
    if rng.random() < 0.5:
        box.V = box.AS = Name(state)
        u.touch(box)
    return nonced(u, rng)


def prepared_used(rng, data):
    """The prepared catalogue, page, content or font takes its place."""
    u = Update(data)
    catalog, content, font, other = u.root.HufuPrepared
    page = u.page(0)
    how = rng.randrange(6)
    if how == 0:
        u.trailer["/Root"] = catalog
        u.touch(catalog)
    elif how == 1:
        page.Contents = content
        u.touch(page)
    elif how == 2:
        page.Resources.Font.F1 = font
        u.touch(page.Resources)
    elif how == 3:
        u.root.Pages = catalog.Pages
        u.touch(u.root)
    elif how == 4:
        u.root.Pages.Kids[0] = other
        other.Parent = u.root.Pages
        u.touch(u.root.Pages), u.touch(other)
    else:
        page.Contents.append(content)
        u.touch(page.Contents if page.Contents.is_indirect else page)
    return nonced(u, rng)


def prepared_bytes_used(rng, data):
    """Nothing but a section that calls an older version of an object valid again."""
    u = Update(data)
    # What speaks of the document alone may change: a writer brings it up to date with every revision.
    described = [about for about in (u.pdf.trailer.get("/Info"), u.root.get("/Metadata")) if about is not None]
    number, offset = older_version(data, rng, except_for={u.number(about) for about in described})
    u.pointers = {number: offset}
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def older_version(data, rng, except_for):
    found = {}
    for m in re.finditer(rb"(?<![0-9])(\d+) 0 obj\b", data):
        found.setdefault(int(m[1]), []).append(m.start())
    twice = [(n, offsets[0]) for n, offsets in found.items() if len(offsets) > 1 and n not in except_for]
    return rng.choice(sorted(twice))


def font_swapped(rng, data):
    u = Update(data)
    fonts = u.page(0).Resources.Font
    plain, drawn = fonts.F1, fonts.F2
    how = rng.randrange(8)
    if how == 0:
        plain.BaseFont = rng.choice([Name.Symbol, Name.ZapfDingbats, Name.Courier])
        u.touch(plain)
    elif how == 1:
        plain.Encoding.Differences = Array([49, Name.nine, Name.eight])
        u.touch(plain.Encoding)
    elif how == 2:
        plain.Encoding = Dictionary(Type=Name.Encoding, Differences=Array([65, Name.M, Name.a]))
        u.touch(plain)
    elif how == 3:
        glyph = drawn.CharProcs.box
        glyph.write(b"0 0 500 0 500 500 d1 %d 0 100 100 re f" % rng.randrange(400))
        u.touch(glyph)
    elif how == 4:
        drawn.CharProcs.box = u.stream(b"500 0 0 0 500 500 d1 0 0 10 10 re f")
        u.touch(drawn.CharProcs)
    elif how == 5:
        fonts.F1 = u.new(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Symbol))
        u.touch(u.page(0).Resources)
    elif how == 6:
        plain.FirstChar, plain.LastChar, plain.Widths = 32, 33, Array([rng.randrange(1000), 1])
        u.touch(plain)
    else:
        u.put(u.number(plain), u.body(drawn))
    return nonced(u, rng)


def resource_swapped(rng, data):
    u = Update(data)
    resources = u.page(0).Resources
    how = rng.randrange(8)
    if how == 0:
        resources.XObject.Im.write(bytes(rng.randrange(256) for _ in range(48)))
        u.touch(resources.XObject.Im)
    elif how == 1:
        resources.XObject.Fm.write(b"BT /F1 9 Tf 2 2 Td (Total: %d.00) Tj ET" % rng.randrange(10**6))
        u.touch(resources.XObject.Fm)
    elif how == 2:
        resources.XObject.Im, resources.XObject.Fm = resources.XObject.Fm, resources.XObject.Im
        u.touch(resources)
    elif how == 3:
        resources.ExtGState.G0.ca = 0
        u.touch(resources.ExtGState.G0)
    elif how == 4:
        resources.XObject.Fm.Matrix = Array([1, 0, 0, 1, 0, rng.randrange(1, 400)])
        u.touch(resources.XObject.Fm)
    elif how == 5:
        page = u.page(0)
        page.Resources = u.new(Dictionary(**{k[1:]: v for k, v in resources.items() if k != "/XObject"}))
        u.touch(page)
    elif how == 6:
        resources.XObject.Fm.Resources = Dictionary(Font=Dictionary(F1=u.page(0).Resources.Font.F2))
        u.touch(resources.XObject.Fm)
    else:
        u.free(u.number(resources.XObject.Im))
    return nonced(u, rng)


def layers_switched(rng, data):
    u = Update(data)
    layers = u.root.OCProperties
    shown, hidden = layers.OCGs
    how = rng.randrange(8)
    if how == 0:
        layers.D.ON, layers.D.OFF = Array([hidden]), Array([shown])
    elif how == 1:
        layers.D.OFF = Array([])
    elif how == 2:
        layers.D.BaseState = Name.OFF
    elif how == 3:
        layers.D.AS = Array([Dictionary(Event=Name.View, OCGs=Array([hidden]), Category=Array([Name.View]))])
        hidden.Usage = Dictionary(View=Dictionary(ViewState=Name.ON))
        u.touch(hidden)
    elif how == 4:
        del u.root["/OCProperties"]
    elif how == 5:
        u.page(0).Resources.Properties = Dictionary(L0=hidden, L1=shown)
        u.touch(u.page(0).Resources)
        return nonced(u, rng)
    elif how == 6:
        u.put(u.number(hidden), u.body(shown))
        return nonced(u, rng)
    else:
        layers.OCGs = Array([shown])
    u.touch(u.root)
    return nonced(u, rng)


def based_on(*bases):
    return lambda base, state: base in bases


def always(base, state):
    return True


CLASSES = {
    "shadow-hide": (based_on("hide"), [hidden_shown]),
    "shadow-replace": (based_on("replace"), [lie_uncovered]),
    "shadow-caption": (based_on("caption", "unseen"), [caption_uncovered]),
    "field-shows-other": (based_on("form", "packedform", "certified2"), [shown_is_not_the_value, value_behind, area_painted, field_steered, button_redrawn]),
    "shadow-hide-and-replace": (based_on("hidereplace"), [prepared_used]),
    "shadow-older-bytes": (based_on("older"), [prepared_bytes_used]),
    "font-swap": (always, [font_swapped]),
    # The prepared form's resources are a field, too: forge_form has that.
    "resource-swap": (lambda base, state: base != "prepared", [resource_swapped]),
    "layer-swap": (based_on("layers"), [layers_switched]),
}
