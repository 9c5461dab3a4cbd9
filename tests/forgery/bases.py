#!/usr/bin/env python3
"""Documents to be signed by the appliance, of the kinds that attackers prepare and honest people use.

    bases.py OUT
"""

import io
import sys
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, String

import chinese
import party
from increment import Update

SIZE = (595, 842)


def stream(pdf, data, **keys):
    made = pikepdf.Stream(pdf, data)
    for key, value in keys.items():
        made["/" + key] = value
    return pdf.make_indirect(made)


def document(pages=2, title="Contract"):
    """Text in two fonts, an image, a form XObject, a link; content in two streams per page."""
    pdf = pikepdf.new()
    encoding = pdf.make_indirect(Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array([128, Name.Euro])))
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=encoding))
    box = stream(pdf, b"0 0 500 0 500 500 d1 0 0 500 500 re f")
    procs = pdf.make_indirect(Dictionary(box=box))
    drawn = pdf.make_indirect(Dictionary(
        Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 500, 500]), FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
        CharProcs=procs, Encoding=Dictionary(Type=Name.Encoding, Differences=Array([97, Name.box])),
        FirstChar=97, LastChar=97, Widths=Array([500]), Resources=Dictionary()))
    image = stream(pdf, bytes(range(48)), Type=Name.XObject, Subtype=Name.Image, Width=4, Height=4, ColorSpace=Name.DeviceRGB, BitsPerComponent=8)
    form = stream(pdf, b"BT /F1 9 Tf 2 2 Td (Total: 100.00) Tj ET", Type=Name.XObject, Subtype=Name.Form,
                  BBox=Array([0, 0, 120, 14]), Resources=Dictionary(Font=Dictionary(F1=font)))
    state = pdf.make_indirect(Dictionary(Type=Name.ExtGState, ca=0.8))
    resources = pdf.make_indirect(Dictionary(
        Font=Dictionary(F1=font, F2=drawn), XObject=Dictionary(Im=image, Fm=form), ExtGState=Dictionary(G0=state)))
    for n in range(pages):
        first = stream(pdf, b"BT /F1 14 Tf 72 760 Td (%s, page %d) Tj ET" % (title.encode(), n + 1))
        second = stream(pdf, b"q 60 0 0 60 72 640 cm /Im Do Q q 1 0 0 1 72 600 cm /Fm Do Q BT /F2 12 Tf 72 560 Td (aaa) Tj ET "
                        b"BT /F1 12 Tf 72 520 Td (Pay 1,000 to Alice) Tj ET")
        page = Dictionary(Type=Name.Page, MediaBox=Array([0, 0, *SIZE]), Resources=resources, Contents=Array([first, second]))
        pdf.pages.append(pikepdf.Page(page))
        pdf.pages[-1].obj.Annots = pdf.make_indirect(Array([pdf.make_indirect(Dictionary(
            Type=Name.Annot, Subtype=Name.Link, Rect=Array([72, 480, 172, 492]), Border=Array([0, 0, 0]),
            A=Dictionary(S=Name.URI, URI=String("https://example.org/"))))]))
    pdf.docinfo["/Title"] = title
    return pdf


def appearance(pdf, text, width, height, fill=b"", font=None):
    data = b"/Tx BMC q " + fill + b"BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % text
    return stream(pdf, data, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, width, height]),
                  Resources=Dictionary(Font=Dictionary(Helv=font)))


def with_form(pdf, signature_fields=1):
    """Text, choice, check box and empty signature fields on the first page."""
    page = pdf.pages[0].obj
    encoding = pdf.make_indirect(Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding))
    helv = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=encoding))
    marks = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.ZapfDingbats))

    def widget(kind, name, rect, **keys):
        return pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name("/" + kind), T=String(name), F=4,
                                            Rect=Array(rect), P=page, **keys))

    yes = stream(pdf, b"q BT /ZaDb 10 Tf 0 g 1 2 Td (4) Tj ET Q", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 12, 12]),
                 Resources=Dictionary(Font=Dictionary(ZaDb=marks)))
    off = stream(pdf, b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 12, 12]))
    fields = [
        widget("Tx", "payee", [72, 420, 272, 436], V=String("Alice"), DA=String("/Helv 10 Tf 0 g"),
               AP=Dictionary(N=appearance(pdf, b"Alice", 200, 16, font=helv))),
        widget("Tx", "amount", [72, 396, 272, 412], DA=String("/Helv 10 Tf 0 g"), AP=Dictionary(N=appearance(pdf, b"", 200, 16, font=helv))),
        widget("Ch", "city", [72, 372, 272, 388], Ff=1 << 17, Opt=Array([String("Hangzhou"), String("Beijing")]), V=String("Hangzhou"),
               DA=String("/Helv 10 Tf 0 g"), AP=Dictionary(N=appearance(pdf, b"Hangzhou", 200, 16, font=helv))),
        widget("Btn", "agreed", [72, 350, 84, 362], V=Name.Off, AS=Name.Off, AP=Dictionary(N=Dictionary(Yes=yes, Off=off))),
    ]
    fields += [widget("Sig", f"Sign{n}", [320, 420 - 60 * n, 480, 460 - 60 * n]) for n in range(signature_fields)]
    page.Annots.extend(fields)
    pdf.Root.AcroForm = pdf.make_indirect(Dictionary(
        Fields=Array(fields), DA=String("/Helv 10 Tf 0 g"), DR=Dictionary(Font=Dictionary(Helv=helv, ZaDb=marks))))
    return pdf


def with_chinese_form(pdf):
    """The form's fonts are one that readers have and one with its program; the pages have their size and resources from above."""
    with_form(pdf)
    fonts = pdf.Root.AcroForm.DR.Font
    fonts.Song = pdf.make_indirect(chinese.song())
    fonts.Bars = pdf.make_indirect(chinese.bars(stream(pdf, chinese.program())))
    descendant = fonts.Bars.DescendantFonts[0]
    descendant.FontDescriptor = pdf.make_indirect(descendant.FontDescriptor)
    fonts.Bars.DescendantFonts[0] = pdf.make_indirect(descendant)
    above = pdf.Root.Pages
    for key in ("/MediaBox", "/Resources"):
        above[key] = pdf.pages[0].obj[key]
        for page in pdf.pages:
            del page.obj[key]
    return pdf


def with_bare_form(pdf):
    """A form without default resources, as MuPDF makes them."""
    with_form(pdf)
    del pdf.Root.AcroForm["/DR"]
    del pdf.Root.AcroForm["/DA"]
    return pdf


def with_layers(pdf):
    """A layer that is shown and one that is hidden, both with content."""
    page = pdf.pages[0].obj
    shown, hidden = (pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String(n))) for n in ("Shown", "Hidden"))
    page.Resources.Properties = Dictionary(L0=shown, L1=hidden)
    page.Contents.append(stream(pdf, b"/OC /L0 BDC BT /F1 12 Tf 72 300 Td (Price 10) Tj ET EMC /OC /L1 BDC BT /F1 12 Tf 72 300 Td (Price 99) Tj ET EMC"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([shown, hidden]), D=Dictionary(ON=Array([shown]), OFF=Array([hidden]), Order=Array([shown, hidden])))
    return pdf


def shadow_hide(pdf):
    """The content that the attacker wants lies beneath an image."""
    page = pdf.pages[0].obj
    cover = stream(pdf, b"\xff" * 48, Type=Name.XObject, Subtype=Name.Image, Width=4, Height=4, ColorSpace=Name.DeviceRGB, BitsPerComponent=8)
    page.Resources.XObject.Cover = cover
    page.Contents.append(stream(pdf, b"BT /F1 12 Tf 72 240 Td (Pay 1,000,000 to Mallory) Tj ET"))
    page.Contents.append(stream(pdf, b"q 300 0 0 20 70 236 cm /Cover Do Q"))
    return pdf


def shadow_replace(pdf):
    """A text field whose appearance lies about its value."""
    with_form(pdf)
    field = next(f for f in pdf.Root.AcroForm.Fields if f.T == "payee")
    field.V = String("Mallory")
    return pdf


def with_another_field(pdf, **keys):
    with_form(pdf)
    page, form = pdf.pages[0].obj, pdf.Root.AcroForm
    made = pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, T=String("prepared"), F=4, P=page, Rect=Array([72, 320, 272, 336]),
                                        DA=String("/Helv 10 Tf 0 g"), **keys))
    page.Annots.append(made)
    form.Fields.append(made)
    return pdf, made


def shadow_caption(pdf):
    """A push button that shows another caption than it has."""
    pdf, button = with_another_field(pdf, FT=Name.Btn, Ff=1 << 16, MK=Dictionary(CA=String("Pay Mallory")))
    button.AP = Dictionary(N=appearance(pdf, b"Pay Alice", 200, 16, font=pdf.Root.AcroForm.DR.Font.Helv))
    return pdf


def shadow_unseen(pdf):
    """A value that nothing shows, in a field that nobody may fill."""
    return with_another_field(pdf, FT=Name.Tx, Ff=1, V=String("Mallory"))[0]


# Written in place of a number, which is to be an object of its own.
READ_ONLY = b"[ 77700001 ]"


def prepared_form(pdf):
    """A form that somebody made for what he would do with it later: objects in two parts, names and flags as objects of their own,
    values that nobody saw."""
    with_form(pdf)
    page, form = pdf.pages[0].obj, pdf.Root.AcroForm
    helv, parts = form.DR.Font.Helv, page.Resources
    kinds = {"Tx": {"DA": String("/Helv 10 Tf 0 g")}, "Btn": {}, "Ch": {"DA": String("/Helv 10 Tf 0 g")}}

    def add(kind, name, rect, listed=True, **keys):
        made = pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name("/" + kind), T=String(name), F=4, P=page, Rect=Array(rect),
                                            **(kinds[kind] | keys)))
        page.Annots.append(made)
        if listed:
            form.Fields.append(made)
        return made

    def shown(text):
        return appearance(pdf, text, 200, 16, font=helv)

    def words(text):
        return stream(pdf, b"BT /Helv 9 Tf 0 g 1 2 Td (%s) Tj ET" % text, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 60, 12]),
                      Resources=Dictionary(Font=Dictionary(Helv=helv)))

    def nothing():
        return stream(pdf, b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 12, 12]))

    drawn = add("Tx", "drawn", [300, 700, 301, 701], V=shown(b"Pay Alice"), Im=parts.XObject.Im, Fm=parts.XObject.Fm)
    parts.XObject = drawn
    page.Contents.append(stream(pdf, b"q 1 0 0 1 300 720 cm /V Do Q"))
    form.DR = pdf.make_indirect(Dictionary(Font=form.DR.Font, Type=Name.Annot, Subtype=Name.Stamp, F=4, Rect=Array([300, 100, 500, 200])))
    page.Annots.append(form.DR)
    add("Tx", "named", [300, 660, 500, 676]).T = pdf.make_indirect(String("named"))
    add("Tx", "fixed", [300, 640, 500, 656], Ff=pdf.make_indirect(Array([77700001])))
    group = pdf.make_indirect(Dictionary(FT=Name.Tx, T=String("group"), V=String("10"), DA=String("/Helv 10 Tf 0 g")))
    inside = add("Tx", "inside", [300, 620, 500, 636], listed=False, Parent=group, AP=Dictionary(N=shown(b"10")))
    del inside["/FT"]
    group.Kids = Array([inside])
    form.Fields.append(group)
    add("Tx", "short", [300, 600, 500, 616], MaxLen=3)
    picture = stream(pdf, b"q 90 0 0 16 0 0 cm /Im Do Q", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]),
                     Resources=Dictionary(XObject=Dictionary(Im=drawn.Im)))
    add("Tx", "picture", [300, 580, 500, 596], V=String("100"), AP=Dictionary(N=picture))
    states = pdf.make_indirect(Dictionary(A=shown(b"10"), B=shown(b"99")))
    add("Tx", "states", [300, 560, 500, 576], V=String("10"), AS=Name.A, AP=Dictionary(N=states))
    add("Btn", "words", [300, 540, 360, 552], V=Name.Off, AS=Name.Off, AP=Dictionary(N=Dictionary(Yes=words(b"Pay Mallory"), Off=nothing())))
    add("Btn", "cover", [20, 20, 580, 820], V=Name.Yes, AS=Name.Yes, AP=Dictionary(N=Dictionary(Yes=nothing(), Off=stream(
        pdf, b"1 g 0 0 12 12 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 12, 12])))))
    # Boxes on the amount of the page, whose other state covers it, or behind it, where it says one more digit.
    white = b"1 g 0 0 24 14 re f"
    for name, on, rect in [("erased", white, [94, 516, 118, 530]), ("rewritten", white + b" BT /Helv 12 Tf 0 g 1 4 Td (9,9) Tj ET", [94, 516, 118, 530]),
                           ("blackened", b"0 g 0 0 24 14 re f", [94, 516, 118, 530]), ("longer", b"BT /Helv 12 Tf 0 4 Td (0) Tj ET", [171, 516, 181, 530])]:
        mark = stream(pdf, on, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, rect[2] - rect[0], 14]), Resources=Dictionary(Font=Dictionary(Helv=helv)))
        add("Btn", name, rect, V=Name.Off, AS=Name.Off, AP=Dictionary(N=Dictionary(Yes=mark, Off=nothing())))
    add("Tx", "styled", [300, 520, 500, 536], DA=String("/Helv 10 Tf 1 g 0 g"), V=String("10"), AP=Dictionary(N=shown(b"10")))
    options = Array([Array([String("Hangzhou"), String("Hangzhou")]), String("Beijing"), String("Peking")])
    add("Ch", "list", [300, 480, 500, 516], Opt=options, V=String("Hangzhou"), I=Array([0]))
    add("Tx", "price", [300, 440, 500, 456], AA=Dictionary(F=Dictionary(S=Name.JavaScript, JS=String('AFNumber_Format(2, 0, 1, 0, "", true);'))))
    # The form does not list it.
    add("Tx", "orphan", [300, 460, 500, 476], listed=False, Ff=1, V=String("Mallory"), AP=Dictionary(N=shown(b"Alice")))
    return pdf


def with_number(data):
    return data.replace(READ_ONLY, b"1".ljust(len(READ_ONLY)))


def shadow_hide_and_replace(pdf):
    """A second catalogue, page tree, page, content and font that nothing refers to."""
    page = pdf.pages[0].obj
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/Times-Roman")))
    content = stream(pdf, b"BT /F1 14 Tf 72 760 Td (Pay 1,000,000 to Mallory) Tj ET")
    pages = pdf.make_indirect(Dictionary(Type=Name.Pages, Count=1))
    other = pdf.make_indirect(Dictionary(Type=Name.Page, Parent=pages, MediaBox=page.MediaBox, Contents=content,
                                         Resources=Dictionary(Font=Dictionary(F1=font))))
    pages.Kids = Array([other])
    catalog = pdf.make_indirect(Dictionary(Type=Name.Catalog, Pages=pages))
    # Unused objects are dropped on saving: the attacker hangs them where no viewer looks.
    pdf.Root.HufuPrepared = Array([catalog, content, font, other])
    return pdf


def older_bytes(data):
    """What the attacker wants, and a second revision that shows something harmless: the old bytes stay."""
    u = Update(data)
    for n, stream_object in enumerate(u.page(0).Contents):
        stream_object.write(b"BT /F1 14 Tf 72 %d Td (Pay 1 to Alice) Tj ET" % (760 - 40 * n))
        u.touch(stream_object)
    return u.write()


def saved(pdf, packed=False):
    out = io.BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
    pdf.save(out, object_stream_mode=mode, compress_streams=False, deterministic_id=True)
    return out.getvalue()


def all_bases():
    yield "plain", saved(document())
    yield "long", saved(document(5, "Agreement"))
    yield "packed", saved(document(3), packed=True)
    yield "form", saved(with_form(document()))
    yield "packedform", saved(with_form(document()), packed=True)
    yield "chinese", saved(with_chinese_form(document()))
    yield "bareform", saved(with_bare_form(document()))
    yield "layers", saved(with_layers(document()))
    yield "hide", saved(shadow_hide(document()))
    yield "replace", saved(shadow_replace(document()))
    yield "caption", saved(shadow_caption(document()))
    yield "unseen", saved(shadow_unseen(document()))
    yield "prepared", with_number(saved(prepared_form(document())))
    yield "older", older_bytes(saved(document()))
    yield "hidereplace", saved(shadow_hide_and_replace(document()))
    for level in (1, 2, 3):
        yield f"certified{level}", party.certify(saved(with_form(document(), 3)), level)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name, data in all_bases():
        (out / f"{name}.pdf").write_bytes(data)
