"""Filled fields that show something other than their value, and buttons that show another state."""

from pikepdf import Array, Dictionary, Name, String

from increment import Update

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def helvetica(**keys):
    return Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, **keys)


def field(u, name):
    form = u.root.get("/AcroForm")
    return next((f for f in form.Fields if str(f.get("/T")) == name), None) if form else None


def filled(u, value, content, font=None, box=(0, 0, 200, 16), **keys):
    target = field(u, "amount")
    if target is None:
        return None
    target.V = String(value)
    resources = Dictionary(Font=Dictionary(Helv=font or helvetica(Encoding=Name.WinAnsiEncoding)))
    target.AP = Dictionary(N=u.stream(content, Type=Name.XObject, Subtype=Name.Form, BBox=Array(box), Resources=resources, **keys))
    u.touch(target)
    return u.write()


def drawn(text, before=b"", place=b"2 4 Td"):
    return b"/Tx BMC q BT /Helv 10 Tf 0 g " + place + b" " + before + b" " + text + b" ET Q EMC"


def digits_named(turn):
    """The names of the ten digits, beginning with this one."""
    return [Name("/" + name) for name in DIGITS[turn:] + DIGITS[:turn]]


def in_another_font(rng, data):
    value = str(rng.randrange(10**4, 10**6))
    font = rng.choice([
        helvetica(Encoding=Dictionary(Differences=Array([48, *digits_named(1)]))),
        helvetica(FirstChar=48, LastChar=57, Widths=Array([0] * 10)),
        Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Symbol),
        Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.ZapfDingbats)])
    return filled(Update(data), value, drawn(b"(%s) Tj" % value.encode()), font)


def not_as_it_stands(rng, data):
    first, last = b"%d" % rng.randrange(100, 999), b"%d" % rng.randrange(100, 999)
    whole, parts = b"(%s) Tj" % (first + last), (first, last)
    content = rng.choice([
        drawn(whole, b"-12 Tc"), drawn(whole, b"3 Tr"), drawn(whole, b"7 Tr"), drawn(whole, b"1 g"), drawn(whole, b"-100 Tz", b"60 4 Td"),
        drawn(whole, place=b"-1 0 0 1 60 4 Tm"), drawn(whole, place=b"-1 0 0 -1 60 12 Tm"), drawn(whole, place=b"2 400 Td"),
        drawn(whole, place=b"500 4 Td"), drawn(b"[(%s) 3500 (%s)] TJ" % parts), drawn(b"(%s) Tj -18 0 Td (%s) Tj" % parts, place=b"30 4 Td"),
        drawn(b"(%s) Tj 400 Ts (%s) Tj" % parts), drawn(b"(%s) Tj /Helv 0.01 Tf (%s) Tj" % parts), drawn(b"(%s) Tj 1 g (%s) Tj" % parts),
        drawn(b".75 g (%s) Tj 0 g (%s) Tj" % parts), b".6 g 20 0 180 16 re f " + drawn(whole),
        drawn(b"(%s) Tj 0 500 Td (%s) Tj" % parts), drawn(b"(%s) Tj /OC /O BDC (%s) Tj EMC" % parts),
        b"q 0 0 12 16 re W n " + drawn(whole) + b" Q", drawn(b"() Tj")])
    return filled(Update(data), (first + last).decode(), content)


def not_as_a_whole(rng, data):
    value = str(rng.randrange(10**4, 10**6))
    content = drawn(b"(%s) Tj" % value.encode())
    keys = rng.choice([{"box": (0, 0, rng.randrange(10, 40), 16)}, {"Matrix": Array([-1, 0, 0, 1, 0, 0])}, {"Matrix": Array([-1, 0, 0, -1, 0, 0])},
                       {"OC": Dictionary(Type=Name.OCG, Name=String("x"))}])
    return filled(Update(data), value, content, **keys)


def rich_text(rng, data):
    u = Update(data)
    target = field(u, "payee")
    if target is None:
        return None
    target.RV = String("<body><p>Mallory %d</p></body>" % rng.randrange(10**6))
    u.touch(target)
    return u.write()


def state(rng, data):
    """The value of a button without its state, or the state without the value."""
    u = Update(data)
    target = field(u, "agreed")
    if target is None:
        return None
    key = rng.choice(["/V", "/AS"])
    target[key] = Name.Yes if target[key] == Name.Off else Name.Off
    u.touch(target)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**6))


def notes(rng, data):
    """Notes with icons of their own, or one over the other, or a pop-up over the page."""
    u = Update(data)
    page = u.page(0)
    how, left = rng.randrange(3), rng.randrange(180)
    if how == 0:
        icon = u.stream(b"0 g 0 0 20 20 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 20, 20]))
        u.annotate(page, u.new(Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([left, 700, left + 20, 720]), F=4, AP=Dictionary(N=icon))))
    elif how == 1:
        for n in range(6):
            at = left + 10 * n
            u.annotate(page, u.new(Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([at, 700, at + 20, 720]), F=4)))
    else:
        u.annotate(page, u.new(Dictionary(Type=Name.Annot, Subtype=Name.Popup, Rect=Array([left, 0, left + 400, 800]), Open=True)))
    return u.write()


CLASSES = {
    "shown-otherwise": (lambda base, state: base in ("form", "certified2", "certified3"),
                        [in_another_font, not_as_it_stands, not_as_it_stands, not_as_a_whole, rich_text, state]),
    "note-picture": (lambda base, state: base == "certified3", [notes]),
}
