#!/usr/bin/env python3
"""Honest later revisions of files that the appliance signed.

    honest.py SIGNED OUT [COUNT]

Each file in OUT must be accepted. They come from walks of one to four steps that a careful user's tools would take: signatures and time
stamps of pyHanko, validation data, filled fields, new metadata. The choices come from a fixed seed.
"""

import io
import random
import sys
from pathlib import Path

import pypdf
from pikepdf import Array, Dictionary, Name, String
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields

import chinese
import honest_fields
import party
from forge_form import ROWS, list_drawn
from honest_fields import (border_filled, boxes_in_reals, clipped_inside, filled_and_encoded, filled_with_a_font, filled_with_operands, number_formatted,
                           rounded_to_two_decimals, signed_with_blank_look, told_to_be_drawn, words_of_objects)
from increment import Update


def fresh(rng):
    return "More%d" % rng.randrange(10**6)


def signed(rng, data):
    return party.sign(data, fresh(rng))


def signed_below(rng, data):
    """A signature in a field below one that only names it."""
    return party.sign(data, fresh(rng) + ".next")


def shown(rng, data):
    left, bottom = rng.randrange(300), rng.randrange(500)
    return party.sign(data, fresh(rng), box=(left, bottom, left + 120, bottom + 50), page=rng.randrange(2))


def stamped_signature(rng, data):
    return party.sign(data, fresh(rng), stamp=True, subfilter=fields.SigSeedSubFilter.PADES)


def waiting_field_signed(rng, data):
    u = Update(data)
    empty = [f for f in u.signature_fields() if "/V" not in f]
    return party.sign(data, str(rng.choice(empty).T), existing=True) if empty else None


def locking(rng, data):
    """A signature that locks one field; a walk ends with it."""
    lock = fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, fields=["city"])
    return party.sign(data, fresh(rng), lock=lock)


def stamped(rng, data):
    return party.stamp(data)


def archived(rng, data):
    return party.add_validation_data(data)


def archived_and_stamped(rng, data):
    return party.stamp(party.add_validation_data(data))


def empty_field(rng, data):
    """A field for the next signer, added by pyHanko."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
    fields.append_signature_field(writer, fields.SigFieldSpec(fresh(rng)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def text_field_filled(rng, data):
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "amount"), None) if form else None
    if target is None:
        return None
    text = b"%d" % rng.randrange(10**6)
    target.V = String(text.decode())
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % text, Type=Name.XObject, Subtype=Name.Form,
                                      BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=Dictionary(Helv=form.DR.Font.Helv))))
    if rng.random() < 0.5:
        # As MuPDF does: defaults and a border spelt out, the same operators in another order.
        target.Ff, target.BS, target.DA = 0, Dictionary(S=Name.S, W=1), String("0 g /Helv 10 Tf")
    u.touch(target)
    return u.write(packed=rng.random() < 0.3)


def filled_in_chinese(rng, data):
    """As Acrobat, iText, PDFBox and MuPDF write it: in a font of the form, or in one that every reader has."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    fonts = form.get("/DR", Dictionary()).get("/Font", Dictionary()) if form else Dictionary()
    target = next((f for f in form.Fields if str(f.get("/T")) == "amount"), None) if form else None
    if target is None or "/Bars" not in fonts:
        return None
    text = "人民币" + chinese.amount(rng, 3)
    ucs2 = text.encode("utf-16-be")
    mixed = text + "100"
    value, codes, font = rng.choice([
        (text, ucs2, fonts.Song),
        (text, chinese.glyphs(text), fonts.Bars),
        (mixed, mixed.encode("gbk"), u.new(chinese.composite(Name("/GBK-EUC-H"), "SimSun", Name.CIDFontType2, W=Array([814, 939, 500])))),
        (text, ucs2, chinese.composite(Name("/UniGB-UTF16-H"), "Song")),
        (mixed, mixed.encode("utf-16-be"), u.new(chinese.composite(Name("/UniGB-UCS2-H"), "AdobeSongStd-Light", W=Array([1, Array([500] * 95)])))),
    ])
    target.V = String(value)
    target.AP = Dictionary(N=u.stream(chinese.drawn(codes), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]),
                                      Resources=Dictionary(Font=Dictionary(F=font))))
    u.touch(target)
    return u.write(packed=rng.random() < 0.3)


def filled_by_pypdf(rng, data):
    """pypdf names a font of its own in /DA where the form has none of that name."""
    writer = pypdf.PdfWriter(io.BytesIO(data), incremental=True)
    if "/AcroForm" not in writer.root_object:
        return None
    writer.update_page_form_field_values(writer.pages[0], {"amount": str(rng.randrange(10**6))}, auto_regenerate=False)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def written_down(rng, data):
    """A page written again with what it has from above, as endesive does."""
    u = Update(data)
    page = u.page(rng.randrange(2))
    above = page.get("/Parent", Dictionary())
    for key in ("/MediaBox", "/Resources"):
        if key not in page and key in above:
            page[key] = above[key]
    page.Rotate = 0
    u.touch(page)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**6))


def box_ticked(rng, data):
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "agreed"), None) if form else None
    if target is None:
        return None
    target.V = target.AS = Name.Yes if target.AS == Name.Off else Name.Off
    u.touch(target)
    return u.write(packed=rng.random() < 0.3)


def metadata(rng, data):
    u = Update(data)
    xmp = (b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
           b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
           b'<xmp:CreatorTool>Tool %d</xmp:CreatorTool></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>' % rng.randrange(10**6))
    u.root.Metadata = u.stream(xmp, Type=Name.Metadata, Subtype=Name.XML)
    u.touch(u.root)
    if "/Info" in u.pdf.trailer and u.pdf.trailer.Info.is_indirect:
        u.pdf.trailer.Info.ModDate = String("D:20260102030405Z")
        u.touch(u.pdf.trailer.Info)
    return u.write()


def written_by_pdfbox(rng, data):
    """As PDFBox 2 writes: /Size counts to the highest object of the update, or a stream without columns has none at all.
    A walk ends with it: pyHanko takes the next number from there."""
    u = Update(data)
    if not u.table:
        size = u.size
        out = data if data.endswith(b"\n") else data + b"\n"
        keys = b"/Root %s/Info %s/ID %s" % tuple(u.pdf.trailer[k].unparse() if k in u.pdf.trailer else b"null" for k in ("/Root", "/Info", "/ID"))
        if "/Encrypt" in u.pdf.trailer:
            return None
        return out + b"%d 0 obj\n<</Type/XRef/W[0 0 0]/Index[0 1]/Size %d/Prev %d/Length 0%s>>\nstream\n\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
            size, size + 1, u.startxref, keys, len(out))
    u.touch(u.root)
    return u.write(extra_size=u.number(u.root) + 1 - u.size)


def keywords_listed(rng, data):
    """As Quartz writes /AAPL:Keywords: a list of texts, direct or not, which the next update keeps."""
    u = Update(data)
    if "/Info" not in u.pdf.trailer or not u.pdf.trailer.Info.is_indirect:
        return None
    info = u.pdf.trailer.Info
    words = Array([String("one"), String("%d" % rng.randrange(10**6))])
    info["/AAPL:Keywords"] = u.new(words) if rng.random() < 0.5 else words
    u.touch(info)
    return metadata(rng, u.write())


def extension_declared(rng, data):
    u = Update(data)
    u.root.Extensions = Dictionary(ESIC=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=5), ADBE=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=8))
    u.touch(u.root)
    return u.write(packed=rng.random() < 0.3)


def written_again(rng, data):
    """Objects that did not change, saved again as some tools do."""
    u = Update(data)
    for obj in rng.sample([u.root, u.page(0), u.page(1), u.page(0).Resources, u.page(0).Contents[0]], rng.randrange(1, 5)):
        if obj.is_indirect:
            u.touch(obj)
    return u.write(packed=rng.random() < 0.3)


def in_another_order(rng, data):
    """What did not change, with its keys in another order and a comment before startxref: iText's and OpenPDF's habits."""
    u = Update(data)
    for obj in (u.root, u.root.Pages, u.page(0)):
        if obj.is_indirect:
            keys = list(obj.keys())
            rng.shuffle(keys)
            u.put(u.number(obj), b"<<" + b" ".join(k.encode() + b" " + (obj[k].unparse() if hasattr(obj[k], "unparse") else str(obj[k]).encode()) for k in keys) + b">>")
    return u.write(comment=b"%iText-Core-9.2.0\n")


def types_named(rng, data):
    """Widgets are given the /Type that they need not have, as PDFBox does when it loads them."""
    u = Update(data)
    bare = [f for f in u.root.get("/AcroForm", Dictionary()).get("/Fields", []) if "/Type" not in f and "/Rect" in f and f.is_indirect]
    for field in bare:
        field.Type = Name.Annot
        u.touch(field)
    return u.write() if bare else None


def filled_without_appearance(rng, data):
    """The value alone, and the viewer told to make the appearances: what several libraries do."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "amount"), None) if form else None
    if target is None:
        return None
    target.V = String(str(rng.randrange(10**6)))
    if "/AP" in target:
        del target["/AP"]
    form.NeedAppearances = True
    u.touch(target)
    u.touch(form if form.is_indirect else u.root)
    return u.write()


def font_joined(rng, data):
    """The form's default resources gain a font, as Acrobat's do when it signs."""
    u = Update(data)
    form = u.root.AcroForm
    if "/DR" not in form:
        form.DR = Dictionary()
    if "/Font" not in form.DR:
        form.DR.Font = Dictionary()
    form.DR.Font["/F%d" % rng.randrange(10**6)] = u.new(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier))
    for holder in (form.DR.Font, form.DR, form, u.root):
        if holder.is_indirect:
            u.touch(holder)
            break
    return u.write()


def note(rng, data):
    """A small note on empty ground, with its pop-up, where the certification permits annotations by name."""
    u = Update(data)
    page = u.page(rng.randrange(3))
    left, bottom = rng.choice([(500, 800), (520, 700), (40, 60), (300, 200)])
    if any(left < a.Rect[2] + 40 and a.Rect[0] < left + 60 and bottom < a.Rect[3] + 40 and a.Rect[1] < bottom + 60 for a in page.get("/Annots", [])):
        return None
    made = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([left, bottom, left + 20, bottom + 20]), F=28, Contents=String("please check"),
                            T=String("Bob"), Name=Name.Comment, C=Array([1, 1, 0]), P=page, M=String("D:20260102030405Z"), NM=String("%d" % rng.randrange(10**9))))
    popup = u.new(Dictionary(Type=Name.Annot, Subtype=Name.Popup, Rect=Array([left, bottom - 50, left + 180, bottom + 50]), Parent=made, Open=False))
    made.Popup = popup
    u.annotate(page, made)
    u.annotate(page, popup)
    return u.write()


def option_chosen(rng, data):
    """Another option of a choice, with its selection and its appearance."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "city"), None) if form else None
    if target is None:
        return None
    chosen = rng.randrange(2)
    text = ["Hangzhou", "Beijing"][chosen]
    target.V = String(text)
    if rng.random() < 0.5:
        target.I = Array([chosen])
    elif "/I" in target:
        del target["/I"]
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (%s) Tj ET Q EMC" % text.encode(), Type=Name.XObject, Subtype=Name.Form,
                                      BBox=Array([0, 0, 200, 16]), Group=Dictionary(S=Name.Transparency, CS=Name.DeviceRGB),
                                      Resources=Dictionary(Font=Dictionary(Helv=form.DR.Font.Helv))))
    u.touch(target)
    return u.write()


def row_chosen(rng, data):
    """Another row of a list box, marked as viewers mark it, with or without its selection."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "list"), None) if form else None
    if target is None:
        return None
    chosen = rng.randrange(3)
    target.V = String(ROWS[chosen])
    target.I = Array([chosen])
    if rng.random() < 0.5:
        del target["/I"]
    target.AP = Dictionary(N=list_drawn(u, [rng.choice([b".6 .75686 .8549", b"0 .5 1"]) if n == chosen else None for n in range(3)]))
    u.touch(target)
    return u.write(packed=rng.random() < 0.3)


def price_formatted(rng, data):
    """A number as the field's format shows it: below zero in red, without a sign."""
    u = Update(data)
    form = u.root.get("/AcroForm")
    target = next((f for f in form.Fields if str(f.get("/T")) == "price"), None) if form else None
    if target is None:
        return None
    cents = rng.randrange(-10**7, 10**7)
    target.V = String("%d.%02d" % (abs(cents) // 100, abs(cents) % 100) if cents >= 0 else "-%d.%02d" % (-cents // 100, -cents % 100))
    ink = b"0 g" if cents >= 0 else b"1 0 0 rg"
    target.AP = Dictionary(N=u.stream(b"/Tx BMC q BT /Helv 10 Tf %s 2 4 Td (%s) Tj ET Q EMC" % (ink, f"{abs(cents) / 100:,.2f}".encode()), Type=Name.XObject,
                                      Subtype=Name.Form, BBox=Array([0, 0, 200, 16]), Resources=Dictionary(Font=Dictionary(Helv=form.DR.Font.Helv))))
    u.touch(target)
    return u.write()


def field_in_tab_order(rng, data):
    """A field for the next signer, with its place in the page's tab order and a widget of its own."""
    u = Update(data)
    page = u.page(0)
    made = u.new(Dictionary(FT=Name.Sig, T=String(fresh(rng))))
    made.Kids = Array([u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, Parent=made, F=132, Rect=Array([0, 0, 0, 0]), P=page))])
    u.annotate(page, made.Kids[0])
    page.Tabs = Name.S
    u.touch(page)
    u.add_field(made)
    return u.write()


FREE = [signed, signed, signed_below, shown, stamped_signature, waiting_field_signed, stamped, archived, archived_and_stamped, empty_field, text_field_filled, box_ticked,
        metadata, keywords_listed, extension_declared, written_again, font_joined, in_another_order, types_named, filled_without_appearance,
        filled_by_pypdf, written_down, option_chosen, row_chosen, field_in_tab_order, filled_with_operands, filled_with_a_font, filled_and_encoded,
        boxes_in_reals, words_of_objects, signed_with_blank_look]
CERTIFIED = {
    "ready-certified1": [stamped, archived, written_again],
    "certified1": [stamped, archived, archived_and_stamped, written_again, in_another_order, types_named],
    "certified2": [signed, signed_with_blank_look, stamped_signature, stamped, archived, filled_and_encoded, text_field_filled, filled_without_appearance, box_ticked, written_again,
                   in_another_order, metadata],
    "certified3": [signed, signed_with_blank_look, stamped, archived, text_field_filled, box_ticked, note, note, written_again, option_chosen],
}
# Their prepared fields would show what was not seen.
PREPARED = {base: [move for move in FREE if move is not filled_without_appearance] for base in ("replace", "caption", "unseen")}
PREPARED |= {"ready-" + name: PREPARED["replace"] for name in ("turned", "white", "password", "byfield", "bylook", "byobject")}
PREPARED["ready-fill"] = [number_formatted, border_filled, number_formatted, border_filled, signed, metadata, words_of_objects, box_ticked]
PREPARED["ready-streams"] = [signed, stamped, metadata, words_of_objects, boxes_in_reals]
PREPARED["ready-looks"] = [rounded_to_two_decimals, clipped_inside, rounded_to_two_decimals, clipped_inside, told_to_be_drawn, signed, metadata]
PREPARED["ready-second"] = PREPARED["ready-secondpacked"] = [signed, stamped, metadata, written_again]
# Here the form's resources are an annotation too.
PREPARED["prepared"] = [move for move in FREE if move not in (filled_without_appearance, font_joined, types_named)] + [row_chosen, price_formatted] * 3


# A font that joins the form under a name that it has not may be what a field waits for.
CHINESE = [filled_in_chinese, filled_in_chinese, filled_in_chinese, signed, stamped, archived, written_down, filled_by_pypdf, written_again]
BARE = [filled_by_pypdf, filled_by_pypdf, signed, stamped, written_down, metadata]


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    files = sorted(source.glob("*.pdf"))
    rng = random.Random("honest")
    # The short form takes the first ones.
    rng.shuffle(files)
    made = 0
    while made < wanted:
        path = files[made % len(files)]
        data, steps = path.read_bytes(), []
        moves = (CERTIFIED | PREPARED | {"chinese": CHINESE, "bareform": BARE}).get(path.name.split(".")[0], FREE)
        for _ in range(rng.randrange(1, 5)):
            move = rng.choice(moves)
            later = move(rng, data)
            if later is None:
                continue
            data, steps = later, [*steps, move.__name__]
        if rng.random() < 0.1 and signed in moves and shown in moves:
            data, steps = locking(rng, data), [*steps, "locking"]
        # PDFBox 2 writes a /Size that is odd enough where an object stands twice.
        twice = moves is PREPARED["ready-second"]
        if rng.random() < 0.2 and not twice and (later := written_by_pdfbox(rng, data)):
            data, steps = later, [*steps, "written_by_pdfbox"]
        if rng.random() < 0.1:
            data, steps = honest_fields.lines_behind(rng, data), [*steps, "lines_behind"]
        if not steps:
            continue
        (out / f"{made:03}-{path.name[:-4]}-{'-'.join(steps)}.pdf").write_bytes(data)
        made += 1


if __name__ == "__main__":
    main()
