"""Filled fields whose value is cut off, covered, or read otherwise: words that readers part differently, lines, clips, holes, characters over
one another, boxes and matrices of other things than numbers; and styles with a comment."""

import re
from decimal import Decimal

from pikepdf import Array, Dictionary, Name, String

import to_order
from forge_drawn import fillable, filled, turned
from forge_fields import field, helvetica
from forge_form import nonced
from increment import Update

HELV = {"Helv": helvetica(Encoding=Name.WinAnsiEncoding)}


def number(rng, digits=6):
    return b"%d" % rng.randrange(10 ** (digits - 1), 10**digits)


def text(value, place=b"2 4 Td", size=b"10", ink=b"0 g"):
    return b"BT /Helv %s Tf %s %s (%s) Tj ET" % (size, ink, place, value)


# Words.

def parted_words(rng, data):
    """A number and an operator in one word, or a marked-content operator with more than it takes: some readers see operators there."""
    value = number(rng)
    odd = rng.choice([b"/Q 12Tf", b"/P 3Tr", b"3Tr", b"1g", b"0 0 0 0re", b"-30 0Td", b"/Q 12.Tf", b"/Q +12Tf", b"1Tz", b"/Q .5e1 Tf", b"/P 1.0.0 Tf", b"--5 0 Td",
                      b"/Q 1-2 Tf", b"1 g0", b"> 1", b"<< 1", b">> 1", b"} 1", b"( ) ) 1"])
    after = rng.choice([b"/P<</MCID 0>>BDC ", b"/P/M BDC ", b"/P<</A 0>>DP ", b"[] 0 d ", b"/P BMC ", b"/P MP "])
    closing = b" EMC" if b"BDC" in after or b"BMC" in after else b""
    content = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td " + odd + after + b"(%s) Tj" % value + closing + b" ET Q EMC"
    return filled(Update(data), value.decode(), content, fonts=HELV | {"Q": turned()})


def operands_of_marks(rng, data):
    """BDC, DP and d with other operands than they take."""
    value = number(rng)
    odd = rng.choice([b"/X /OC /M BDC", b"/X -300 0 /P <</MCID 0>> BDC", b"/P <<1>> 3 BDC", b"/P [/M] BDC", b"/P (M) BDC", b"/P <</A 1>> <</B 2>> BDC", b"/P <</A<</B 1>>>>>> BDC",
                      b"<</A 1>> /P BDC", b"/P BDC", b"BDC", b"/P 0 BDC", b"/P <</A 1>> /M DP", b"/P DP", b"/Q 12 /P /M DP", b"[/Q 3] 0 d", b"[[3] 3] 0 d", b"[3] 0 0 d", b"[] d",
                      b"[(3)] 0 d", b"3 0 d", b"[3 0] /P d"])
    content = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td " + odd + b" (%s) Tj" % value + (b" EMC" if odd.endswith(b"BDC") else b"") + b" ET Q EMC"
    return filled(Update(data), value.decode(), content, fonts=HELV | {"Q": turned()})


# What is cut off or painted over.

def lines_over(rng, _):
    """Thick lines over the text of a field that had thin ones around it: in another scale, or over small text beside the border."""
    value, width = number(rng), rng.choice([b"4", b"5", b"9", b"16", b"40"])
    white = rng.choice([b"1 G", b"1 1 1 RG", b".98 G", b"0 0 0 0 K"])
    left = b"%d" % rng.randrange(0, 40)
    border = b"q 0.5 w 0.5 0.5 199 15 re S Q "

    def prepare(pdf):
        to_order.add_field(pdf, "framed", [300, 300, 500, 316], V=String("100"), DA=String("/Helv 10 Tf 0 g"), MK=Dictionary(BC=Array([0])),
                           AP=Dictionary(N=to_order.look(pdf, border + b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (100) Tj ET Q EMC", (200, 16))))

    lines = rng.choice([
        b"q %s 1 w 1 0 0 %s 0 0 cm %s 0 m 180 0 l S Q" % (white, width, left), b"q %s 1 w 1 0 0 8 0 0 cm %s .1 m 180 .1 l S Q" % (white, left),
        b"q %s 1 w 30 0 0 30 0 0 cm %s .03 m 10 .03 l S Q" % (white, rng.choice([b"0", b".3", b"1"])), b"q %s %s w %s 1 m %s 15 l S Q" % (white, width, left, left),
        b"q %s %s w 0 0 200 16 re S Q" % (white, width), b"q %s %s w %s 2.5 m 200 2.5 l S Q" % (white, width, left)])
    shown = text(value, b"2 1 Td", b"5") if b"2.5 m" in lines or rng.random() < 0.3 else text(value)
    return filled(Update(to_order.signed(prepare)), value.decode(), border + b"/Tx BMC q " + shown + b" Q EMC " + lines, "framed")


def cells_struck(rng, _):
    """Lines between the cells of a comb field that cover the characters in them."""
    many = "%d" % rng.randrange(10**5, 10**6)
    cell = 20

    def shown(value):
        return b"q 0.5 w 0.5 0.5 199 15 re S Q /Tx BMC q BT /Helv 10 Tf 0 g 7 4 Td " + b" 20 0 Td ".join(b"(%c) Tj" % c for c in value.encode()) + b" ET Q EMC"

    def prepare(pdf):
        to_order.add_field(pdf, "cells", [300, 300, 500, 316], Ff=1 << 24, MaxLen=10, V=String("10"), DA=String("/Helv 10 Tf 0 g"),
                           AP=Dictionary(N=to_order.look(pdf, shown("10"), (200, 16))))

    lines = b" ".join(b"%d 0 m %d 16 l S" % (x, x) for x in range(rng.randrange(5, 60), cell * len(many) + 10, rng.randrange(3, 6)))
    return filled(Update(to_order.signed(prepare)), many, shown(many) + b" q 1 G %d w " % rng.randrange(4, 7) + lines + b" Q", "cells")


def cut_off(rng, data):
    """A clip leaves out the sign, the point or the line below; or the field's edge does."""
    value = number(rng, 3)
    minus, point, words = b"-" + value, value[:1] + b"." + value[1:], value + b" USD only if approved"
    edge = rng.choice([4, 5, 6])
    said, content = rng.choice([
        (minus, b"q %d 0 %d 16 re W n BT /Helv 9 Tf 0 g 0.5 4 Td [(-) -280 (%s)] TJ ET Q" % (edge, 200 - edge, value)),
        (minus, b"q %d 0 %d 16 re W n " % (edge, 200 - edge) + text(minus, b"%.1f 4 Td" % (edge - 3.6)) + b" Q"),
        (point, b"q 0 %d 200 %d re W n " % (edge - 1, 17 - edge) + text(point, b"2 1.2 Td") + b" Q"),
        (words, b"q 0 %d 200 %d re W n BT /Helv 6 Tf 0 g 2 8 Td (%s USD) Tj 0 -9 Td (only if approved) Tj ET Q" % (edge - 1, 17 - edge, value)),
        (words, text(words, b"1 0.5 Td", rng.choice([b"2", b"1.5", b"3"]))), (point, text(point, b"2 -%d Td" % rng.randrange(2, 5))), (minus, text(minus, b"-%d 4 Td" % rng.randrange(3, 7))),
        (minus, b"q %d 0 194 16 re W n q 0 0 200 16 re W n " % edge + text(minus, b"1 4 Td") + b" Q Q")])
    return filled(Update(data), said.decode(), b"/Tx BMC " + content + b" EMC")


def over_one_another(rng, data):
    """A character stands on the one before it."""
    value = number(rng, 3)
    back = b"%d" % rng.randrange(250, 345)
    said, shown = rng.choice([(value[:1] + b"." + value[1:], b"[(%s.) %s (%s)] TJ" % (value[:1], back, value[1:])),
                              (value + b"0", b"[(%s) %s (0)] TJ" % (value, back)), (b"1," + value, b"[(1,) %s (%s)] TJ" % (back, value))])
    return filled(Update(data), said.decode(), b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td " + shown + b" ET Q EMC")


def runs_out(rng, _):
    """In a larger size than the field states what is seen ends behind a character."""
    value, wide = number(rng), rng.randrange(34, 48)

    def prepare(pdf):
        to_order.add_field(pdf, "narrow", [300, 300, 300 + wide, 320], V=String("100"), DA=String("/Helv %s Tf 0 g" % rng.choice([12, 10, 0])),
                           AP=Dictionary(N=to_order.look(pdf, b"/Tx BMC q BT /Helv 10 Tf 0 g 2 5 Td (100) Tj ET Q EMC", (wide, 20))))

    u = Update(to_order.signed(prepare, rng.choice([None, 2])))
    target = field(u, "narrow")
    size = rng.choice([18, 20, 22, 24, 25])
    target.V = String(value.decode())
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q " + text(value, b"%d 1 Td" % rng.randrange(3), b"%d" % size) + b" Q EMC", Type=Name.XObject, Subtype=Name.Form,
                                      BBox=Array([0, 0, wide, 20]), Resources=Dictionary(Font=Dictionary(**HELV))))
    u.touch(target)
    return u.write()


def grounds_with_holes(rng, _):
    """Light text on a dark ground that has a hole, where the field had a ground."""
    value = number(rng)

    def prepare(pdf):
        to_order.add_field(pdf, "grounded", [300, 300, 500, 316], V=String("100"), DA=String("/Helv 10 Tf 0 g"), MK=Dictionary(BG=Array([1])),
                           AP=Dictionary(N=to_order.look(pdf, b"q 1 g 0 0 200 16 re f Q /Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (100) Tj ET Q EMC", (200, 16))))

    dark = rng.choice([b"0 g", b".2 g", b"0 0 0 rg"])
    first, second = rng.choice([(b"0 0 200 16 re", b"0 0 200 16 re"), (b"0 0 200 16 re", b"0 0 %d 16 re" % rng.randrange(60, 200)), (b"0 0 200 16 re", b"1 1 %d 14 re" % rng.randrange(90, 199)),
                                (b"0 0 200 16 re", b"200 16 -200 -16 re")])
    fill = rng.choice([b"f*", b"B*", b"b*"])
    content = b"q %s %s %s %s Q /Tx BMC q " % (dark, first, second, fill) + text(value, ink=rng.choice([b"1 g", b".9 g"])) + b" Q EMC"
    return filled(Update(to_order.signed(prepare, rng.choice([None, 2]))), value.decode(), content, "grounded")


# Boxes, matrices and widths that are no numbers.

def boxes_of_other_things(rng, data):
    """A matrix or a box of too many things or of other things than numbers: readers take the first ones, or none."""
    value, u = number(rng), Update(data)
    target = field(u, "amount")
    box, matrix = Array([0, 0, 200, 16]), None
    word = rng.choice([String("x"), Name.x, None, Array([]), True])
    how = rng.randrange(3)
    if how == 0:
        numbers = rng.choice([[-1, 0, 0, -1, 0, 0], [1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, -1, 0, 16]])
        matrix = Array(rng.choice([[*numbers, 7], [*numbers, word], numbers[:5], [*numbers[:5], word], [*numbers[:3], word, *numbers[3:]], [word] * 6, [], numbers[:4]]))
    else:
        at = rng.randrange(5)
        corners = [0, 0, 200, 16]
        box = Array(rng.choice([[*corners[:at], word, *corners[at:]], [0, 0, 20, 20, 200, 16], [0, 0, 200], [*corners, 0], [word, *corners], [0, 0, word, 16], [word] * 4, []]))
    if target is None:
        return None
    target.V = String(value.decode())
    look = u.stream(b"/Tx BMC q " + text(value) + b" Q EMC", Type=Name.XObject, Subtype=Name.Form, BBox=box, Resources=Dictionary(Font=Dictionary(**HELV)))
    if matrix is not None:
        look.Matrix = matrix
    target.AP = Dictionary(N=look)
    u.touch(target)
    return u.write()


def rectangle_of_five(rng, _):
    """The field's own rectangle is none: nobody can tell how large its look is drawn."""
    word = rng.choice([0, 7, String("x"), None])
    rect = rng.choice([[300, 300, 500, 316, word], [300, 300, 500], [300, word, 300, 500, 316]])
    value, scale = number(rng), rng.choice([3, 10, 20])

    def prepare(pdf):
        to_order.add_field(pdf, "odd", rect, V=String("100"), DA=String("/Helv 10 Tf 0 g"),
                           AP=Dictionary(N=to_order.look(pdf, b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (100) Tj ET Q EMC", (200, 16))))

    u = Update(to_order.signed(prepare))
    target = field(u, "odd")
    target.V = String(value.decode())
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q " + text(value) + b" Q EMC", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200 * scale, 16 * scale]),
                                      Resources=Dictionary(Font=Dictionary(**HELV))))
    u.touch(target)
    return u.write()


def first_character(rng, data):
    """The first code of the widths is no integer: some readers take it for nothing, others for what it says."""
    value = number(rng)
    widths = Array(rng.choice([[-556] * 10 + [556] * 246, [0] * 10 + [556] * 246, [556] * 256, [1] * 10 + [556] * 200]))
    first = rng.choice([Decimal("48.0"), Decimal("48.5"), String("48"), Name("/48"), Array([48]), Dictionary(), True, Decimal("47.9")])
    font = helvetica(Encoding=Name.WinAnsiEncoding, FirstChar=first, LastChar=255, Widths=widths)
    return filled(Update(data), value.decode(), b"/Tx BMC q BT /Helv 10 Tf 0 g 60 4 Td (%s) Tj ET Q EMC" % value, fonts={"Helv": font})


def encoded_in_no_font(rng, data):
    """An encoding that is none of a font: readers take another for it."""
    sign, code = rng.choice([("\u2022", b"200"), ("\u2020", b"201"), ("\u2026", b"203"), ("\u20ac", b"240"), ("\u00b9", b"271"), ("\u00b3", b"263")])
    value = number(rng, 3)
    font = helvetica(Encoding=rng.choice([Name.PDFDocEncoding, Dictionary(Type=Name.Encoding, BaseEncoding=Name.PDFDocEncoding)]))
    return filled(Update(data), value.decode() + sign, b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s\\%s) Tj ET Q EMC" % (value, code), fonts={"Helv": font})


# Styles.

def commented_style(rng, data):
    """A style that some readers read to its end and others to its comment; on a field or on the form."""
    u = Update(data)
    target = field(u, rng.choice(["payee", "amount", "city"])) or None
    if target is None:
        return None
    hidden = rng.choice([b"/Helv 10 Tf 1 g", b"/Helv 90 Tf", b"1 1 1 rg /Helv 10 Tf", b"/Helv 10 Tf 3 Tr", b"/ZaDb 10 Tf 0 g"])
    comment = rng.choice([b" /%% %d g", b" /%% %d Tr", b" /%%%d\n", b"/%%%d ", b" %% %d\r", b" /X%%%d ", b" (%d) ", b" <%d0> ", b" [%d] ", b" {%d} ", b" /A#20%d "]) % rng.randrange(10)
    style = hidden + comment + b" /Helv 10 Tf 0 g"
    target.DA = String(re.sub(rb"\s+", b" ", style).decode() if b"\r" not in style else style.decode())
    u.touch(target)
    return nonced(u, rng)



def style_from_above(rng, _):
    """The same on the parent, from which the field has its style: under every level of certification."""
    def prepare(pdf):
        payee, form = next(f for f in pdf.Root.AcroForm.Fields if f.T == "payee"), pdf.Root.AcroForm
        above = pdf.make_indirect(Dictionary(T=String("above"), FT=Name.Tx, DA=payee.DA, Kids=Array([payee])))
        payee.Parent = above
        del payee["/DA"]
        form.Fields = Array([above, *(f for f in form.Fields if f.T != "payee")])

    u = Update(to_order.signed(prepare, rng.choice([None, 1, 2, 3])))
    above = field(u, "above")
    above.DA = String("/Helv 10 Tf 1 g /% " + "%d %s" % (rng.randrange(10), rng.choice(["g", "Tr", "w"])) + " /Helv 10 Tf 0 g")
    u.touch(above)
    return nonced(u, rng)


CLASSES = {
    "parted-words": (fillable, [parted_words, operands_of_marks]),
    "covered-or-cut": (lambda base, state: base == "form" and state == "once", [lines_over, cut_off, over_one_another, cells_struck, runs_out, grounds_with_holes]),
    "boxes-and-widths": (lambda base, state: base in ("form", "packedform", "certified2"), [boxes_of_other_things, boxes_of_other_things, first_character, encoded_in_no_font, rectangle_of_five]),
    "commented-style": (fillable, [commented_style, commented_style, style_from_above]),
}
