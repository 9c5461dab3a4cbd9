#!/usr/bin/env python3
"""Documents that somebody prepared for one thing that he would do later: what lies ready in them is seen by nobody. Each is signed once.

    ready.py OUT
"""

import io
import re
import sys
from decimal import Decimal
from pathlib import Path

from pikepdf import Array, Dictionary, Name, String

import bases
import party
import to_order
from bases import stream
from increment import Update


def nines():
    """Helvetica, in which every digit is a nine."""
    encoding = Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array([48, *([Name.nine] * 10)]))
    return Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=encoding)


def field(pdf, name):
    return next(f for f in pdf.Root.AcroForm.Fields if f.T == name)


def another_style(pdf, style, flags=0):
    """A field that shows its value; by /DA and flags it would show something else."""
    payee = field(pdf, "payee")
    payee.V, payee.DA, payee.Ff = String("1000"), String(style), flags
    payee.AP.N.write(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (1000) Tj ET Q EMC")
    pdf.Root.AcroForm.DR.Font.Ev = pdf.make_indirect(nines())
    return pdf


def font_elsewhere(pdf, where):
    """The font of /DA has other digits in the field's own resources or in its appearance's, or the style is an object of its own."""
    another_style(pdf, "/Helv 10 Tf 0 g")
    payee, form = field(pdf, "payee"), pdf.Root.AcroForm
    if where == "field":
        payee.DR = Dictionary(Font=Dictionary(Helv=form.DR.Font.Ev))
    elif where == "look":
        payee.AP.N.Resources = Dictionary(Font=Dictionary(Helv=form.DR.Font.Ev, Own=form.DR.Font.Helv))
        payee.AP.N.write(b"/Tx BMC q BT /Own 10 Tf 0 g 2 4 Td (1000) Tj ET Q EMC")
    else:
        payee.DA = pdf.make_indirect(String("/Ev 10 Tf 0 g"))
    return pdf


def to_be_filled(pdf):
    """The page has another font under the name of the form's; a field formats numbers, one has a border, one is hidden and one waits."""
    page, form = pdf.pages[0].obj, pdf.Root.AcroForm
    page.Resources = pdf.make_indirect(Dictionary({key: value for key, value in page.Resources.items()}))
    page.Resources.Font.Helv = pdf.make_indirect(nines())
    page.Resources.Font.Ev = page.Resources.Font.Helv
    helv, form_of = form.DR.Font.Helv, dict(Type=Name.XObject, Subtype=Name.Form)

    def add(name, rect, content, **keys):
        width, height = rect[2] - rect[0], rect[3] - rect[1]
        look = stream(pdf, content, BBox=Array([0, 0, width, height]), Resources=Dictionary(Font=Dictionary(Helv=helv)), **form_of)
        made = pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String(name), P=page, Rect=Array(rect),
                                            DA=String("/Helv 10 Tf 0 g"), AP=Dictionary(N=look), **keys))
        page.Annots.append(made)
        form.Fields.append(made)
        return made

    text = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC"
    script = Dictionary(S=Name.JavaScript, JS=String('AFNumber_Format(2, 0, 0, 0, "", true);'))
    add("price", [300, 420, 500, 436], text % b"100.00", V=String("100"), F=4, AA=Dictionary(F=script))
    border = b"q 1 g 0 0 200 16 re f 0 G 0.5 0.5 199 15 re S Q "
    add("bordered", [300, 396, 500, 412], border + text % b"100", V=String("100"), F=4, MK=Dictionary(BC=Array([0]), BG=Array([1])))
    cover = b"q 1 g 0 0 230 35 re f Q " + text % b"Pay 999 to Mallory"
    add("hidden", [70, 510, 300, 545], cover, V=String("Pay 999 to Mallory"), F=2, Ff=1)
    return pdf


def with_waiting_signature(pdf):
    """A signature field that waits, hidden, with a look of its own."""
    page, form = pdf.pages[0].obj, pdf.Root.AcroForm
    look = stream(pdf, b"1 g 0 0 300 60 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 300, 60]))
    made = pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=String("waiting"), P=page, Rect=Array([72, 500, 372, 560]), F=2,
                                        AP=Dictionary(N=look)))
    page.Annots.append(made)
    form.Fields.append(made)
    return pdf


def in_two_parts(pdf):
    """Streams that the pages show and that are a field, an element of the structure and its root as well."""
    first, second = (page.obj for page in pdf.pages[:2])
    text = b"BT /F1 12 Tf 72 %d Td (Pay 100 to Alice) Tj ET"
    of_field = stream(pdf, text % 300, FT=Name.Tx, T=String("stream"), V=String("a"))
    of_element = stream(pdf, text % 280, S=Name.Span)
    of_tree = stream(pdf, text % 260, Type=Name.StructTreeRoot)
    of_element.P = of_tree
    of_tree.K = Array([of_element])
    for page in (first, second):
        page.Contents = Array([*page.Contents, of_field, of_element, of_tree])
    pdf.Root.AcroForm.Fields.append(of_field)
    pdf.Root.StructTreeRoot = of_tree
    return pdf


def with_looks(pdf):
    """Fields as others make them: places and colours with three decimals, and the border that stands in of reportlab."""
    helv = pdf.Root.AcroForm.DR.Font.Helv
    decimal = [Decimal(n) for n in ("300.123", "300.456", "500.123", "316.456")]
    blue = [Decimal(n) for n in ("0.8", "0.843", "1")]
    ground = b"q .8 .843 1 rg 0 0 200 16 re f Q "
    to_order.add_field(pdf, "rounded", decimal, V=String("100"), DA=String("/Helv 10 Tf 0 g"), MK=Dictionary(BG=Array(blue)), AP=Dictionary(
        N=to_order.look(pdf, ground + b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (100) Tj ET Q EMC", (200, 16), helv)))
    border = b"q 1 g 0 0 200 24 re f 0 G 1 w .5 .5 199 23 re S Q "
    to_order.add_field(pdf, "inset", [300, 260, 500, 284], V=String("100"), DA=String("/Helv 10 Tf 0 g"), BS=Dictionary(S=Name.I, W=1),
                       MK=Dictionary(BC=Array([0]), BG=Array([1])), AP=Dictionary(
        N=to_order.look(pdf, border + b"/Tx BMC q 4 2 188 18 re W n BT /Helv 10 Tf 0 g 6 8 Td (100) Tj ET Q EMC", (200, 24), helv)))
    return pdf


def linearized(length=None):
    """A linearised file; its first object may state the length that a later revision will give it."""
    out = io.BytesIO()
    bases.document().save(out, linearize=True, deterministic_id=True)
    data = out.getvalue()
    if length is None:
        return data
    stated = re.search(rb"/L (\d+)[^>]*>>\s*endobj", data)
    longer = re.sub(rb"/L \d+", b"/L %d" % length, stated[0], count=1)
    more = len(longer) - len(stated[0])
    assert data[stated.end():stated.end() + more].isspace() or more == 0, "no room"
    return data[:stated.start()] + longer + data[stated.end() + more:]


def with_second_object(data):
    """An earlier revision left an object behind: nothing names it, and it has the number of what a page shows."""
    u = Update(data)
    number = u.number(u.page(0).Contents[0])
    text = b"BT /F1 14 Tf 72 760 Td (Pay 999 to Mallory) Tj ET"
    u.data = data + b"%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (number, len(text), text)
    u.pdf.trailer.Info.Title = "Agreement"
    u.touch(u.pdf.trailer.Info)
    return u.write()


def all_ready():
    """Name and file of each."""
    def form():
        return bases.with_form(bases.document())

    yield "turned", bases.saved(another_style(form(), "/Ev 10 Tf 0 g"))
    yield "white", bases.saved(another_style(form(), "/Helv 10 Tf 1 g"))
    yield "password", bases.saved(another_style(form(), "/Helv 10 Tf 0 g", 1 << 13))
    for where in ("field", "look", "object"):
        yield "by" + where, bases.saved(font_elsewhere(form(), where))
    yield "fill", bases.saved(to_be_filled(form()))
    yield "streams", bases.saved(in_two_parts(form()))
    yield "looks", bases.saved(with_looks(form()))
    yield "linearized", linearized()
    yield "grown", linearized(150_000)
    yield "second", with_second_object(bases.saved(bases.document()))
    yield "secondpacked", with_second_object(bases.saved(bases.document(), packed=True))
    yield "certified1", party.certify(bases.saved(with_waiting_signature(form())), 1)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name, data in all_ready():
        (out / f"ready-{name}.pdf").write_bytes(data)
