"""Fields, marks and signatures that leave their place or cover what the page shows; values that viewers would draw otherwise."""

from decimal import Decimal

from pikepdf import Array, Dictionary, Name, String

import party
import to_order
from forge_fields import field
from forge_form import nonced
from increment import Update
from to_order import TEXT


def new_look(u, content, **keys):
    font = Dictionary(Helv=Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding))
    keys = {"BBox": Array([0, 0, 595, 842])} | keys
    return u.stream(content, Type=Name.XObject, Subtype=Name.Form, Resources=Dictionary(Font=font), **{k: v for k, v in keys.items() if v is not None})


def pay(rng):
    return b"1 g 0 %d 595 60 re f BT /Helv 12 Tf 0 g 72 520 Td (Pay %d to Mallory) Tj ET" % (rng.randrange(480, 510), rng.randrange(10**6))


def no_box(rng):
    return rng.choice([None, Array([]), Array([0, 0, 0, 0]), Array([0, 0, 0, 842]), Array([0, 0, 595]), Array([0, 0, 595, 0]), Array([0, 0, String("x"), 842])])


# Looks without an area.

def signed_without_area(rng, data):
    """A new signature field or time stamp without an area, whose look some readers draw in its own size."""
    u = Update(data)
    page, stamp = u.page(0), data.count(b"/P 1") > 0 or rng.random() < 0.5
    left, bottom = rng.randrange(500), rng.randrange(800)
    rect = rng.choice([[0, 0, 0, 0], [left, bottom, left, bottom], [left, bottom, left + 90, bottom], [left, bottom, left, bottom + 90], None])
    box = no_box(rng) if rng.random() < 0.5 else Array([0, 0, 595, 842])
    made = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=String("New%d" % rng.randrange(10**6)), F=rng.choice([4, 132, 0]),
                            P=page, AP=Dictionary(N=new_look(u, pay(rng), BBox=box))))
    if rect is not None:
        made.Rect = Array(rect)
    made.V = u.new(Dictionary())
    u.put(u.number(made.V), party.unsealed(stamp=stamp))
    u.annotate(page, made)
    u.add_field(made)
    return party.seal(u.write(), stamp=stamp)


def signed_without_box(rng, data):
    """A field that waited is signed or stamped with a look that has no bounding box."""
    u, stamp = Update(data), rng.random() < 0.4
    waiting = [f for f in u.signature_fields() if "/V" not in f]
    if not waiting:
        return None
    target = rng.choice(waiting)
    target.AP = Dictionary(N=new_look(u, b"1 0 0 1 -%d 0 cm " % rng.randrange(300) + pay(rng), BBox=no_box(rng)))
    target.V = u.new(Dictionary())
    u.put(u.number(target.V), party.unsealed(stamp=stamp))
    u.touch(target)
    return party.seal(u.write(), stamp=stamp)


# Flags while signing.

def turned_away(rng, _):
    """A field on a turned page is signed and does not turn with it any more: it lies over the text beside it."""
    turn, before = rng.choice([90, 180, 270]), rng.choice([4, 4, 4, 0, 20])
    level = 2 if before == 20 else rng.choice([2, 3, None])

    def prepare(pdf):
        pdf.pages[0].obj.Rotate = turn
        waiting = next(f for f in pdf.Root.AcroForm.Fields if f.T == "Sign0")
        waiting.F, waiting.Rect = before, Array([TEXT[0], 450, TEXT[2], 470])

    u = Update(to_order.signed(prepare, level))
    target = field(u, "Sign0")
    target.AP = Dictionary(N=new_look(u, b"1 g 0 0 200 20 re f BT /Helv 12 Tf 0 g 2 6 Td (Pay %d to Mallory) Tj ET" % rng.randrange(10**6), BBox=Array([0, 0, 200, 20])))
    target.V = u.new(Dictionary())
    u.put(u.number(target.V), party.unsealed(Reason=b"(%d)" % rng.randrange(10**6)))
    target.F = 20 if before == 20 else rng.choice([20, 12, 28, 16, 8, 148, 140, 156, 24, Decimal("20.0"), Array([4])])
    u.touch(target)
    return party.seal(u.write())


# Marks that cover.

def ticked(rng, prepare, names, level=None):
    u = Update(to_order.signed(prepare, level or rng.choice([None, 2, 3])))
    for name in names:
        target = field(u, name)
        target.V = target.AS = Name.Yes
        u.touch(target)
    return nonced(u, rng)


def box_with(pdf, name, rect, content, box=..., **keys):
    size = (rect[2] - rect[0], rect[3] - rect[1])
    on = to_order.look(pdf, content, size, **({} if box is ... else {"BBox": box}))
    off = to_order.look(pdf, b"", size)
    to_order.add_field(pdf, name, rect, "Btn", V=Name.Off, AS=Name.Off, AP=Dictionary(N=Dictionary(Yes=on, Off=off)), **keys)


def mark(rng, width, height):
    ground = b"%s g 0 0 %d %d re f " % (rng.choice([b"1", b".98", b".9"]), width, height)
    sign = b"BT /Helv %d Tf 0 g 2 3 Td (%d) Tj ET" % (rng.randrange(9, 14), rng.randrange(10))
    return ground if rng.random() < 0.3 else ground + sign


def over_another_field(rng, _):
    """A mark that covers the look of a field; a small one, a large one."""
    width, height = rng.choice([(210, 24), (40, 16), (24, 16), (48, 20), (120, 18)])
    left, bottom = 72 + rng.randrange(-4, 6), 418 + rng.randrange(-2, 3)
    return ticked(rng, lambda pdf: box_with(pdf, "tick", [left, bottom, left + width, bottom + height], mark(rng, width, height)), ["tick"])


def said_to_be_elsewhere(rng, _):
    """The widget says that it stands on the empty page; another page lists it, or both do."""
    whole = rng.choice([[0, 0, 595, 842], [60, 500, 400, 700], TEXT, [60, 740, 360, 780]])

    def prepare(pdf):
        pdf.add_blank_page(page_size=(595, 842))
        pdf.pages[2].obj.Annots = Array([])
        pages = rng.choice([(0,), (0, 2), (2, 0)])
        box_with(pdf, "tick", whole, mark(rng, whole[2] - whole[0], whole[3] - whole[1]), P=pdf.pages[2].obj, pages=pages)

    return ticked(rng, prepare, ["tick"])


def turned_mark(rng, _):
    """A mark that does not turn, or is not scaled, with its page."""
    flags, turn = rng.choice([20, 12, 28, 148, 16, 8]), rng.choice([90, 180, 270])
    width, height = rng.choice([(200, 20), (120, 14), (40, 20), (20, 20)])
    left, bottom = rng.randrange(300, 340), rng.randrange(100, 300)

    def prepare(pdf):
        pdf.pages[0].obj.Rotate = turn
        box_with(pdf, "tick", [left, bottom, left + width, bottom + height], mark(rng, width, height), F=flags)

    return ticked(rng, prepare, ["tick"])


def mark_without_box(rng, _):
    box, left = no_box(rng), rng.randrange(300, 500)
    content = b"1 0 0 1 -%d 400 cm " % left + mark(rng, 500, 60)
    return ticked(rng, lambda pdf: box_with(pdf, "tick", [left, 100, left + 10, 110], content, box=box), ["tick"])


def words_in_tiles(rng, _):
    """Boxes side by side, each with a part of a sentence."""
    words = rng.choice([("Pay", "999", "EUR"), ("Owes", "1000", "more"), ("No", "deal", "now"), ("10", "00", "00")])
    left, bottom, names = rng.randrange(70, 300), rng.randrange(100, 300), []

    def prepare(pdf):
        for n, word in enumerate(words):
            at, name = left + 42 * n, f"tile{n}"
            box_with(pdf, name, [at, bottom, at + 42, bottom + 20], b"1 g 0 0 42 20 re f BT /Helv 14 Tf 0 g 2 5 Td (%s) Tj ET" % word.encode())
            names.append(name)

    return ticked(rng, prepare, names)


# Grounds that cover.

GROUNDS = [b"1 g", b".99 g", b"1 1 1 rg", b"0 0 0 0 k", b".9 .95 1 rg"]
BORDER = b"q 0.5 w 0.5 0.5 199 19 re S Q /Tx BMC EMC"
EMPTY = b"/Tx BMC EMC"


def empty_field_over_text(pdf, rng, content, **keys):
    """Nothing but its border was seen of the field, or nothing at all: the page's text shows through."""
    kind, options = rng.choice([("Tx", {}), ("Ch", dict(Ff=1 << 17)), ("Ch", dict(Ff=3 << 17)), ("Ch", {})])
    if kind == "Ch":
        options["Opt"] = Array([String("Pay %d" % n) for n in (999, 9999, 99999)])
    if content is not None:
        keys["AP"] = Dictionary(N=to_order.look(pdf, content))
    to_order.add_field(pdf, "over", TEXT, kind, DA=String("/Helv 12 Tf 0 g"), **options, **keys)


def ground_anew(rng, _):
    """What was a border, or nothing, is filled with a ground."""
    framed = Dictionary(BC=Array([0]))
    how = rng.choice([(BORDER, {}), (BORDER, {"MK": framed}), (EMPTY, {}), (EMPTY, {"MK": framed}), (None, {"MK": framed}),
                      (BORDER, {"MK": Dictionary(BC=Array([0]), BG=Array([1]))})])
    u = Update(to_order.signed(lambda pdf: empty_field_over_text(pdf, rng, how[0], **how[1]), rng.choice([None, 2, 3])))
    target, value = field(u, "over"), rng.choice(["Pay 999", "Pay 9999", "Pay 99999"])
    ground = b"q %s 0 0 200 20 re %s Q " % (rng.choice(GROUNDS), rng.choice([b"f", b"F", b"f*", b"B"]))
    target.V = String(value)
    target.AP = Dictionary(N=new_look(u, ground + rng.choice([b"", b"q 0.5 w 0.5 0.5 199 19 re S Q "])
                                      + b"/Tx BMC q BT /Helv 12 Tf 0 g 2 6 Td (%s) Tj ET Q EMC" % value.encode(), BBox=Array([0, 0, 200, 20])))
    u.touch(target)
    return nonced(u, rng)


def in_force(u):
    form = u.root.AcroForm
    form.NeedAppearances = True
    u.touch(form if form.is_indirect else u.root)


def ground_by_viewers(rng, _):
    """Viewers paint the ground that /MK states as soon as they draw the field: told to, or because its appearance is gone."""
    ground = rng.choice([[1], [Decimal("0.9"), Decimal("0.95"), 1], [0, 0, 0, 0], [1, 1, 1], [Decimal("0.5")]])
    keys = {"MK": Dictionary(BG=Array(ground))}
    u = Update(to_order.signed(lambda pdf: empty_field_over_text(pdf, rng, rng.choice([EMPTY, BORDER]), **keys), rng.choice([None, 2, 3])))
    target = field(u, "over")
    if rng.random() < 0.5:
        in_force(u)
    else:
        target.V = String("Pay 999")
        del target["/AP"]
        u.touch(target)
    return nonced(u, rng)


# Values that viewers would draw otherwise.

def drawn_by_viewers(rng, _):
    """By the style, the look, the length or the cells of the field its value would be cut off, turned or not seen at all."""
    size, many = (200, 20), str(rng.randrange(10**5, 10**6))
    font = b"/Helv 12 Tf 0 g"
    style, keys = rng.choice([
        *(((b"/Helv %s Tf 0 g" % size, {}) for size in (b"90", b"0.1", b"1", b"3", b"21", b"-12", b"1000"))),
        *((font.replace(b" 0 g", b" " + more + b" 0 g"), {}) for more in (b"3 Tr", b"7 Tr", b"1 Tz", b"-100 Tz", b"50 Ts", b"-50 Ts", b"900 Tc", b"-9 Tc")),
        *((font, {"MK": Dictionary(R=turn)}) for turn in (90, 180, 270)),
        *((font, {"MK": Dictionary(BG=Array(ground))}) for ground in ([0], [0, 0, 0], [0, 0, 0, 1], [Decimal("0.1")])),
        (font, {"MaxLen": 3}), (font, {"MaxLen": 3, "Ff": 1 << 24}), (font, {"MaxLen": 5, "Ff": 1 << 24}), (b"/Helv 12 Tf 1 g", {}), (font, {"Ff": 1 << 13}),
        (b"/Helv 18 Tf 0 g", {"Rect": [300, 300, 330, 320]})])
    rect = keys.pop("Rect", [300, 300, 500, 320])
    shown = b"/Tx BMC q BT /Helv %d Tf 0 g 2 5 Td (%s) Tj ET Q EMC" % (6 if rect[2] == 330 else 12, many.encode())
    ground = b"q %s g 0 0 200 20 re f Q " % rng.choice([b"1", b".95"]) if "MK" in keys and "/BG" in keys["MK"] else b""

    def prepare(pdf):
        keys["AP"] = Dictionary(N=to_order.look(pdf, ground + shown, (rect[2] - rect[0], size[1])))
        to_order.add_field(pdf, "styled", rect, DA=String(style.decode()), V=String(many), **keys)

    u = Update(to_order.signed(prepare, rng.choice([None, 2, 3])))
    target = field(u, "styled")
    if rng.random() < 0.5:
        in_force(u)
    else:
        target.V = String(many[::-1] if many != many[::-1] else many + "1")
        del target["/AP"]
        u.touch(target)
    return nonced(u, rng)


def certified(base, state):
    return base in ("certified1", "certified2", "certified3")


def certified_loosely(base, state):
    return base in ("certified2", "certified3")


def any_one(base, state):
    """What is made to order comes from no other file."""
    return base == "plain" and state == "once"


CLASSES = {
    "look-without-area": (certified, [signed_without_area]),
    "look-without-box": (certified_loosely, [signed_without_box]),
    "turned-while-signing": (any_one, [turned_away]),
    "covering-marks": (any_one, [over_another_field, said_to_be_elsewhere, turned_mark, mark_without_box, words_in_tiles]),
    "covering-grounds": (any_one, [ground_anew, ground_by_viewers]),
    "drawn-by-viewers": (any_one, [drawn_by_viewers]),
}
