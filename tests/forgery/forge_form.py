"""Forms that were prepared for it, and fields that are steered by what stands beside their value."""

from pikepdf import Array, Dictionary, Name, String
from pyhanko.sign import fields as pyhanko_fields

import party
from forge_fields import field, helvetica
from increment import Update


def nonced(u, rng):
    """Two forgeries that change the same thing are still two files."""
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write(packed=rng.random() < 0.3)


def drawn(u, text, size=(200, 16), **keys):
    font = u.root.AcroForm.DR.Font.Helv if "/DR" in u.root.AcroForm else helvetica()
    return u.stream(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % text, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, *size]),
                    Resources=Dictionary(Font=Dictionary(Helv=font)), **keys)


def fill(u, target, value):
    target.V = String(value)
    target.AP = Dictionary(N=drawn(u, value.encode()))
    u.touch(target)


def digits(rng):
    return str(rng.randrange(10**4, 10**6))


# Two parts in one object.

def value_is_an_image(rng, data):
    """The field is the page's dictionary of form XObjects, too: its value is drawn there."""
    u = Update(data)
    target = field(u, "drawn")
    target.V = drawn(u, b"Pay Mallory " + digits(rng).encode())
    u.touch(target)
    return u.write()


def resources_are_an_annotation(rng, data):
    """The form's resources are a stamp on the page, too: it is given an appearance."""
    u = Update(data)
    resources = u.root.AcroForm.DR
    cover = u.stream(b"1 g 0 0 %d 100 re f" % rng.randrange(100, 300), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 100]))
    how = rng.randrange(3)
    if how == 0:
        resources.AP = Dictionary(N=cover)
    elif how == 1:
        resources.XObject = Dictionary(N=cover)
    else:
        resources.Rect = Array([0, 0, rng.randrange(100, 500), 800])
    u.touch(resources)
    u.page(0).LastModified = String("D:2026")
    u.touch(u.page(0))
    return nonced(u, rng)


# What may not be filled.

def locked_by_another_name(rng, data):
    """The lock names the field; the field's name is an object of its own."""
    spec = pyhanko_fields.FieldMDPSpec(pyhanko_fields.FieldMDPAction.INCLUDE, fields=["named"])
    u = Update(party.sign(data, "Lock%d" % rng.randrange(10**6), lock=spec))
    fill(u, field(u, "named"), digits(rng))
    return u.write()


def read_only(rng, data):
    """The flags are an object of their own."""
    u = Update(data)
    fill(u, field(u, "fixed"), digits(rng))
    return u.write()


def value_from_above(rng, data):
    """The value that a field with a name of its own inherits."""
    u = Update(data)
    target = field(u, "group")
    target.V = String(digits(rng))
    u.touch(target)
    return u.write()


def too_long(rng, data):
    u = Update(data)
    fill(u, field(u, "short"), digits(rng))
    return u.write()


# What is shown and what is so.

def behind_a_picture(rng, data):
    """Another value beneath an appearance that nobody can read, or that lies in states, or that is taken away."""
    u = Update(data)
    how = rng.randrange(3)
    if how == 0:
        target = field(u, "picture")
        target.V = String(digits(rng))
    elif how == 1:
        target = field(u, "states")
        target.AS = Name.B
    else:
        target = field(u, rng.choice(["payee", "picture"]))
        del target["/AP"]
    u.touch(target)
    return nonced(u, rng)


def blank_beneath(rng, data):
    u = Update(data)
    target = field(u, "amount")
    target.V = String(digits(rng))
    u.touch(target)
    return u.write()


def words_for_a_mark(rng, data):
    """A state that nobody saw shows words, or covers the page."""
    u = Update(data)
    target = field(u, rng.choice(["words", "cover"]))
    target.V = target.AS = Name.Off if target.AS == Name.Yes else Name.Yes
    u.touch(target)
    return nonced(u, rng)


def covering_mark(rng, data):
    """A state that nobody saw erases a part of the page's text, blackens it, or continues it."""
    u = Update(data)
    target = field(u, rng.choice(["erased", "rewritten", "blackened", "longer"]))
    target.V = target.AS = Name.Yes
    u.touch(target)
    return nonced(u, rng)


def style_turned(rng, data):
    """The same operators in an order that means something else."""
    u = Update(data)
    target = field(u, "styled")
    target.DA = String(rng.choice(["/Helv 10 Tf 1 g", "/Helv 10 Tf 0 g 1 g", "0 g /ZaDb 10 Tf", "/Helv 10 Tf 0 g 3 Tr"]))
    u.touch(target)
    return nonced(u, rng)


def made_anew(rng, data):
    """A value that the form does not list, and that nobody saw, is to be drawn."""
    u = Update(data)
    u.root.AcroForm.NeedAppearances = True
    u.touch(u.root.AcroForm if u.root.AcroForm.is_indirect else u.root)
    return nonced(u, rng)


def another_form(rng, data):
    """The value is shown, in a form that is to be shown in place of itself or in other colours."""
    u = Update(data)
    target, value = field(u, "amount"), digits(rng)
    keys = rng.choice([
        {"Group": Dictionary(S=Name.Transparency, CS=Array([Name.Separation, Name.All, Name.DeviceGray, Dictionary(FunctionType=2, Domain=Array([0, 1]), N=1)]))},
        {"Ref": Dictionary(F=Dictionary(Type=Name.Filespec, F=String("other.pdf")), Page=0)}, {"OPI": Dictionary()}, {"F": String("other.bin")},
        {"PS": Dictionary()}])
    target.V = String(value)
    target.AP = Dictionary(N=drawn(u, value.encode(), **keys))
    u.touch(target)
    return u.write()


# Choices.

def no_option(rng, data):
    u = Update(data)
    name, value = rng.choice([("city", "Mallory"), ("list", "Mallory"), ("list", digits(rng))])
    fill(u, field(u, name), value)
    return nonced(u, rng)


def several_options(rng, data):
    u = Update(data)
    target = field(u, rng.choice(["city", "list"]))
    target.V = Array([String("Hangzhou"), String("Beijing")])
    target.AP = Dictionary(N=drawn(u, b"HangzhouBeijing"))
    u.touch(target)
    return nonced(u, rng)


def another_selection(rng, data):
    u = Update(data)
    target = field(u, "list")
    target.I = rng.choice([Array([1]), Array([2]), Array([0, 1]), Array([]), Array([7]), Array([String("0")])])
    u.touch(target)
    return nonced(u, rng)


def list_turned(rng, data):
    u = Update(data)
    target = field(u, "list")
    target.TI = rng.choice([1, 2, 9, -1])
    u.touch(target)
    return nonced(u, rng)


ROWS = ["Hangzhou", "Beijing", "Peking"]


def list_drawn(u, grounds):
    """The options of the list, each on its ground."""
    marks = b"".join(b"%s rg 0 %d 200 12 re f " % (ground, 24 - 12 * n) for n, ground in enumerate(grounds) if ground)
    rows = b"".join(b"1 0 0 1 2 %d Tm (%s) Tj " % (27 - 12 * n, row.encode()) for n, row in enumerate(ROWS))
    return u.stream(b"/Tx BMC q %s BT /Helv 9 Tf 0 g %s ET Q EMC" % (marks, rows), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 36]),
                    Resources=Dictionary(Font=Dictionary(Helv=u.root.AcroForm.DR.Font.Helv)))


def another_row(rng, data):
    """The value is one of the options, and the list marks another, or none, or marks it so that nobody sees it."""
    u = Update(data)
    target, chosen = field(u, "list"), rng.randrange(3)
    other = (chosen + rng.randrange(1, 3)) % 3
    mark, faint = b".6 .75 %.2f" % (0.8 + rng.random() / 10), b".%d .98 .98" % rng.randrange(96, 99)
    grounds = rng.choice([
        [mark if n == other else None for n in range(3)], [mark if n != chosen else None for n in range(3)], [None] * 3, [mark] * 3,
        [mark if n == other else faint if n == chosen else None for n in range(3)]])
    target.V = String(ROWS[chosen])
    target.I = Array([chosen])
    target.AP = Dictionary(N=list_drawn(u, grounds))
    u.touch(target)
    return nonced(u, rng)


def formatted_otherwise(rng, data):
    """The format does not make this of the value: below zero without the red, with a comma that parts decimals, a hundredfold."""
    u = Update(data)
    target, number = field(u, "price"), rng.randrange(1000, 9999)
    value, text = rng.choice([(f"-{number}", f"{number}.00"), (f"{number}", f"{number / 100:.2f}".replace(".", ",")), (f"{number}", f"{number / 100:.2f}%"),
                              (f"{number}", f"({number}.00)"), (f"{number}", f"-{number}.00")])
    target.V = String(value)
    target.AP = Dictionary(N=drawn(u, text.encode().replace(b"(", b"\\(").replace(b")", b"\\)")))
    u.touch(target)
    return u.write()


# The form's resources and style.

def resources_taken(rng, data):
    u = Update(data)
    form = u.root.AcroForm
    how = rng.randrange(4)
    if how == 0:
        del form["/DR"]
    elif how == 1:
        del form.DR["/Font"]
    elif how == 2:
        del form.DR.Font[rng.choice(["/Helv", "/ZaDb"])]
    else:
        form.DR.Font = Array([])
    for holder in (form.get("/DR", form), form):
        if holder.is_indirect:
            u.touch(holder)
    return nonced(u, rng)


def style_joined(rng, data):
    """A form without a default appearance is given one in white."""
    u = Update(data)
    form = u.root.AcroForm
    form.DA = String(rng.choice(["/Helv 10 Tf 1 g", "1 1 1 rg /Helv 10 Tf", "/Helv 10 Tf 3 Tr", "/Helv 10 Tf 0.9 g"]))
    u.touch(form if form.is_indirect else u.root)
    return nonced(u, rng)


# Fields that seem to show nothing.

def seems_unseen(rng, data):
    """An empty signature field that is shown after all."""
    u = Update(data)
    page, left = u.page(0), rng.randrange(200)
    rect, how = [left, 500, left + 300, 560], rng.randrange(5)
    cover = u.stream(b"1 g 0 0 300 60 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 60]))
    keys = dict(Type=Name.Annot, Subtype=Name.Widget, P=page)
    name = String("New%d" % rng.randrange(10**6))
    if how == 0:
        numbers = [u.new(Array([])) for _ in rect]
        for number, value in zip(numbers, rect):
            u.put(u.number(number), str(value))
        made = u.new(Dictionary(FT=Name.Sig, T=name, F=4, Rect=Array(numbers), AP=Dictionary(N=cover), **keys))
        shown = made
    elif how == 1:
        made = shown = u.new(Dictionary(FT=Name.Sig, T=name, F=rng.choice([36, 288, 292]), Rect=Array(rect), AP=Dictionary(N=cover), **keys))
    else:
        made = u.new(Dictionary(FT=Name.Sig, T=name))
        extra = [dict(FT=Name.Tx, V=String("Pay Mallory"), Parent=made), dict(V=String("Pay Mallory"), Parent=made),
                 dict(Parent=next((f for f in u.root.AcroForm.Fields if f.objgen != made.objgen and "/T" in f), u.root))][how - 2]
        shown = u.new(Dictionary(F=4, Rect=Array(rect), DA=String("/Helv 20 Tf 0 g"), **keys, **extra))
        made.Kids = Array([shown])
    u.annotate(page, shown)
    u.add_field(made)
    return u.write()


# Pages and what is said of the document.

def page_steered(rng, data):
    u = Update(data)
    page = u.page(rng.randrange(9))
    key, value = rng.choice([("/Tabs", Name.S), ("/Tabs", Name.R), ("/StructParents", rng.randrange(99)), ("/LastModified", u.stream(b"0 g 0 0 9 9 re f")),
                             ("/AA", Dictionary(O=Dictionary(S=Name.JavaScript, JS=String("x")))), ("/Thumb", u.stream(b"x")),
                             ("/PieceInfo", Dictionary()), ("/Metadata", u.stream(b"<x/>", Type=Name.Metadata, Subtype=Name.XML))])
    page[key] = value
    u.touch(page)
    return nonced(u, rng)


def document_steered(rng, data):
    """What the catalogue says of the whole document."""
    u = Update(data)
    action = Dictionary(S=Name.JavaScript, JS=String("app.alert(%d)" % rng.randrange(999)))
    key, value = rng.choice([
        ("/OpenAction", action), ("/AA", Dictionary(WC=action)), ("/Lang", String("en")), ("/PageLabels", Dictionary(Nums=Array([0, Dictionary(St=7)]))),
        ("/ViewerPreferences", Dictionary(HideToolbar=True)), ("/Outlines", u.new(Dictionary(Type=Name.Outlines))), ("/PageMode", Name.FullScreen),
        ("/Names", Dictionary(JavaScript=Dictionary(Names=Array([String("x"), action])))), ("/AF", Array([])), ("/Collection", Dictionary()),
        ("/Names", Dictionary(EmbeddedFiles=Dictionary(Names=Array([])))), ("/Perms", Dictionary(UR3=u.new(Dictionary(Type=Name.Sig)))),
        ("/URI", Dictionary(Base=String("https://evil.example/"))), ("/Dests", Dictionary(x=Array([u.page(0), Name.Fit]))), ("/Legal", Dictionary()),
        ("/Requirements", Array([])), ("/OutputIntents", Array([])), ("/MarkInfo", Dictionary(Marked=True)), ("/Threads", Array([])),
        ("/Metadata", u.stream(b"BT (no metadata) Tj ET", Type=Name.Metadata, Subtype=Name.XML)), ("/Metadata", u.stream(b"<x:xmpmeta/>"))])
    u.root[key] = value
    u.touch(u.root)
    return nonced(u, rng)


# Notes.

def note_over_something(rng, data):
    """A note, as small as it may be, on text, on a picture, on a field, on the next note, or with something of its own to show."""
    u = Update(data)
    page, how = u.page(0), rng.randrange(8)
    keys = dict(Type=Name.Annot, Subtype=Name.Text, F=28, Contents=String("note %d" % rng.randrange(10**6)))
    left, bottom = [(72 + rng.randrange(60), 755), (75, 660), (74 + rng.randrange(40), 600), (72 + rng.randrange(80), 518), (80, 424), (80, 484), (500, 760),
                    (500, 700)][how]
    place = Array([left, bottom, left + 20, bottom + 20])
    if how == 6:
        keys |= rng.choice([dict(A=Dictionary(S=Name.URI, URI=String("https://evil"))), dict(OC=Dictionary(Type=Name.OCG, Name=String("x"))),
                            dict(BE=Dictionary()), dict(Open=True)])
    u.annotate(page, u.new(Dictionary(Rect=place, **keys)))
    if how == 7:
        u.annotate(page, u.new(Dictionary(Rect=Array([left + rng.randrange(20, 30), bottom, left + 50, bottom + 20]), **keys)))
    return u.write()


def prepared(base, state):
    return base == "prepared"


def filled_in(base, state):
    return base in ("form", "packedform", "certified2")


def plain(base, state):
    return base in ("plain", "long", "form", "layers")


CLASSES = {
    "two-roles": (prepared, [value_is_an_image, resources_are_an_annotation]),
    "not-to-be-filled": (prepared, [locked_by_another_name, read_only, value_from_above, too_long]),
    "value-behind": (prepared, [behind_a_picture, blank_beneath, words_for_a_mark, covering_mark, style_turned, made_anew]),
    "another-form": (filled_in, [another_form]),
    "choice": (prepared, [no_option, several_options, another_selection, list_turned, another_row, formatted_otherwise]),
    "resources-taken": (filled_in, [resources_taken]),
    "style-joined": (lambda base, state: base in ("plain", "long"), [style_joined]),
    "seems-unseen": (plain, [seems_unseen]),
    "page-steered": (lambda base, state: True, [page_steered]),
    "document-steered": (lambda base, state: True, [document_steered]),
    "note-over-something": (lambda base, state: base == "certified3", [note_over_something]),
}
