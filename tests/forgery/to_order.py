"""Forms that a forger prepares for one thing that he does later. Somebody else signs or certifies each before it is forged."""

from pikepdf import Array, Dictionary, Name, String

import bases
import party

# Every one as it was signed: nothing is wrong with it yet.
SIGNED = []
# Where the page says "Pay 1,000 to Alice".
TEXT = [70, 514, 270, 534]


def signed(prepare, level=None):
    """A form of two pages, prepared, and signed or certified; with what `prepare` gave back."""
    pdf = bases.with_form(bases.document())
    prepare(pdf)
    data = bases.saved(pdf)
    data = party.certify(data, level) if level else party.sign(data, "First")
    SIGNED.append(data)
    return data


def look(pdf, content, size=(200, 20), font=None, **keys):
    """An appearance of that size in Helvetica; a key that is None is not written."""
    font = font or pdf.Root.AcroForm.DR.Font.Helv
    keys = dict(BBox=Array([0, 0, *size]), Resources=Dictionary(Font=Dictionary(Helv=font))) | keys
    keys = {key: value for key, value in keys.items() if value is not None}
    return bases.stream(pdf, content, Type=Name.XObject, Subtype=Name.Form, **keys)


def add_field(pdf, name, rect, kind="Tx", pages=(0,), **keys):
    """A field that is its own widget, on these pages."""
    keys = dict(F=4, P=pdf.pages[pages[0]].obj) | keys
    made = pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name("/" + kind), T=String(name), Rect=Array(rect), **keys))
    for page in pages:
        pdf.pages[page].obj.Annots.append(made)
    pdf.Root.AcroForm.Fields.append(made)
    return made
