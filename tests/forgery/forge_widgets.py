"""Annotations and fields laid over the page: evil annotations, sneaky signatures, unsigned visible fields."""

from pikepdf import Array, Dictionary, Name, String

from pyhanko.sign import fields

import party
from increment import Update

KINDS = ["FreeText", "Stamp", "Redact", "Square", "Circle", "Highlight", "Underline", "StrikeOut", "Squiggly", "Ink", "Line", "Polygon",
         "PolyLine", "Caret", "FileAttachment", "Link", "Watermark", "Screen", "Movie", "Sound", "3D", "Popup", "Text", "PrinterMark", "TrapNet",
         "RichMedia", "Projection", "Unknown"]

# Print; Print and Locked; NoView and Print; NoView and ToggleNoView; the same and Print: each is seen somewhere.
VIEWED = [4, 4, 132, 36, 288, 292]


def rectangle(rng):
    left, bottom = rng.randrange(0, 300), rng.randrange(0, 600)
    return Array([left, bottom, left + rng.randrange(60, 290), bottom + rng.randrange(50, 200)])


def cover(u, rng):
    """White, and the attacker's text."""
    return u.stream(b"1 g 0 0 300 100 re f 0 g BT /F1 12 Tf 4 %d Td (1,000,000 to Mallory) Tj ET" % rng.randrange(80), Type=Name.XObject,
                    Subtype=Name.Form, BBox=Array([0, 0, 300, 100]), Resources=Dictionary(Font=Dictionary(F1=u.page(0).Resources.Font.F1)))


def annotation_added(rng, data):
    u = Update(data)
    page = u.page(rng.randrange(9))
    made = Dictionary(Type=Name.Annot, Subtype=Name("/" + rng.choice(KINDS)), Rect=rectangle(rng), F=4, Contents=String("1,000,000 to Mallory"),
                      AP=Dictionary(N=cover(u, rng)))
    if rng.random() < 0.4:
        made.P = page
    if rng.random() < 0.2:
        made.OC = u.new(Dictionary(Type=Name.OCG, Name=String("x")))
    u.annotate(page, u.new(made) if rng.random() < 0.8 else made, at=rng.choice([None, 0]))
    return u.write(packed=rng.random() < 0.3)


def annotation_changed(rng, data):
    u = Update(data)
    page = u.page(rng.randrange(9))
    link = page.Annots[0]
    key, value = rng.choice([
        ("/AP", Dictionary(N=cover(u, rng))), ("/Rect", rectangle(rng)), ("/Subtype", Name.FreeText), ("/A", Dictionary(S=Name.URI, URI=String("https://evil/%d" % rng.randrange(99999)))),
        ("/Border", Array([0, 0, rng.randrange(1, 99999)])), ("/AA", Dictionary(E=Dictionary(S=Name.JavaScript, JS=String("x"))))])
    link[key] = value
    u.touch(link)
    return u.write()


def annotation_removed(rng, data):
    u = Update(data)
    page = u.page(rng.randrange(9))
    how = rng.randrange(3)
    if how == 0:
        del page["/Annots"]
    elif how == 1:
        page.Annots = Array(list(page.Annots)[1:])
    else:
        u.free(u.number(page.Annots[0]))
    u.touch(page)
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def widget(u, rng, kind="Sig", **more):
    return u.new(Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name("/" + kind), T=String("New%d" % rng.randrange(10**6)), F=rng.choice(VIEWED),
                            Rect=rectangle(rng), P=u.page(0), AP=Dictionary(N=cover(u, rng)), **more))


def unsigned_field(rng, data):
    """A visible field without a signature of its own."""
    u = Update(data)
    how = rng.randrange(6)
    if how == 0:
        field = widget(u, rng)
    elif how == 1:
        field = widget(u, rng, V=rng.choice(u.signatures()))
    elif how == 2:
        field = widget(u, rng, V=u.new(Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), SubFilter=Name("/adbe.pkcs7.detached"),
                                                  Contents=String(b"\x30\x03\x02\x01\x01"), ByteRange=Array([0, 10, 20, 30]))))
    elif how == 3:
        field = widget(u, rng, kind=rng.choice(["Tx", "Btn", "Ch"]), V=String("1,000,000"))
    elif how == 4:
        field = widget(u, rng, MK=Dictionary(BG=Array([1, 1, 1]), CA=String("1,000,000")))
    else:
        field = widget(u, rng, V=String("signed"))
    u.annotate(u.page(0), field)
    if rng.random() < 0.9 or "/AcroForm" not in u.root:
        u.add_field(field)
    return u.write(packed=rng.random() < 0.3)


def hidden_behind_a_signature(rng, data):
    """A further signature that holds, made in a revision that also lays something over the page."""
    forged = rng.choice([annotation_added, unsigned_field, annotation_changed])(rng, data)
    return party.sign(forged, "Later%d" % rng.randrange(10**6), stamp=rng.random() < 0.3)


def visible_signature(rng, data):
    """A visible signature field laid over a certified document; it holds, but the certification does not permit it."""
    left, bottom = rng.randrange(300), rng.randrange(600)
    return party.sign(data, "Sneaky%d" % rng.randrange(10**6), box=(left, bottom, left + 250, bottom + 120), page=rng.randrange(2))


def invalid_signature(rng, data):
    """The same, with a signature that does not even hold."""
    forged = bytearray(visible_signature(rng, data))
    at = bytes(forged).rindex(b"/Contents <3") + 400
    forged[at] = ord("0") if forged[at] != ord("0") else ord("1")
    return bytes(forged)


def visible_stamp(rng, data):
    """A document time stamp is permitted under every certification; one that paints over the page is not."""
    u = Update(data)
    field = widget(u, rng)
    if rng.random() < 0.2:
        del field["/AP"]
        field.MK = Dictionary(BG=Array([1, 1, 1]), CA=String("1,000,000"))
    u.annotate(u.page(rng.randrange(2)), field)
    u.add_field(field)
    return party.stamp(u.write(), str(field.T))


def posing_as_stamp(rng, data):
    """A signature that calls itself a document time stamp."""
    box = rng.choice([None, (10, 10, 90, 60)])
    subfilter = rng.choice([fields.SigSeedSubFilter.PADES, fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED])
    return party.sign_as_stamp(data, "Late%d" % rng.randrange(10**6), box=box, subfilter=subfilter)


def looks_on(rng, data):
    """A field that waited, hidden, is stamped and shown; or it is given another look with the stamp."""
    u = Update(data)
    field = next(f for f in u.signature_fields() if str(f.get("/T")) == "waiting")
    field.V = u.new(Dictionary())
    u.put(u.number(field.V), party.unsealed(stamp=True, Reason=b"(%d)" % rng.randrange(10**6)))
    if rng.random() < 0.1:
        del field["/F"]
    else:
        field.F = rng.choice([*VIEWED, 0, 1])
    key, value = rng.choice([("/F", field.get("/F")), ("/AP", Dictionary(N=cover(u, rng))), ("/Rect", rectangle(rng)), ("/MK", Dictionary(BG=Array([1, 1, 1])))])
    if value is not None:
        field[key] = value
    u.touch(field)
    return party.seal(u.write(), stamp=True)


def stamp_in_name_alone(rng, data):
    """A signature of whoever likes, over the page of a certified file, that says that it is a document time stamp in one place or in two."""
    u = Update(data)
    field = widget(u, rng) if rng.random() < 0.7 else widget(u, rng, kind="Sig", MK=Dictionary(BG=Array([1, 1, 1])))
    field.V = u.new(Dictionary())
    body = party.unsealed(stamp=rng.random() < 0.5)
    swap = rng.choice([(b"/Type/Sig", b"/Type/DocTimeStamp"), (b"ETSI.CAdES.detached", b"ETSI.RFC3161"), (b"/Type/DocTimeStamp", b"/Type/Sig"),
                       (b"ETSI.RFC3161", b"adbe.pkcs7.detached")])
    u.put(u.number(field.V), body.replace(*swap))
    u.annotate(u.page(rng.randrange(2)), field)
    u.add_field(field)
    return party.seal(u.write())


def moved_existing_field(rng, data):
    """An empty field of the document is signed and moved or redrawn meanwhile."""
    u = Update(data)
    empty = [f for f in u.signature_fields() if "/V" not in f]
    if not empty:
        return None
    field = empty[0]
    key, value = rng.choice([("/Rect", rectangle(rng)), ("/T", String("x%d" % rng.randrange(999))), ("/FT", Name.Tx), ("/AP", Dictionary(N=cover(u, rng))),
                             ("/OC", Dictionary(Type=Name.OCG, Name=String("x")))])
    field[key] = value
    u.touch(field)
    name = str(field.T)
    forged = u.write()
    if key in ("/FT", "/AP") or rng.random() < 0.5:
        return forged
    return party.sign(forged, name, existing=True)


def signed_after_no_changes(rng, data):
    """DocMDP 1 permits no further signature at all, visible or not."""
    return party.sign(data, "Late%d" % rng.randrange(10**6), box=rng.choice([None, (10, 10, 90, 60)]))


def certified(base, state):
    return base.startswith(("certified", "ready-certified"))


def certified_loosely(base, state):
    return base in ("certified2", "certified3")


def uncertified(base, state):
    return not certified(base, state)


CLASSES = {
    "annotation-overlay": (uncertified, [annotation_added, annotation_changed, annotation_removed, hidden_behind_a_signature]),
    "eaa": (certified, [annotation_added, annotation_added, annotation_added, annotation_changed, hidden_behind_a_signature]),
    "ssa": (certified, [visible_signature, invalid_signature, unsigned_field, moved_existing_field, visible_stamp]),
    "no-changes-permitted": (lambda base, state: base == "certified1", [signed_after_no_changes, visible_stamp, posing_as_stamp]),
    "stamp-shown": (lambda base, state: base == "ready-certified1", [looks_on]),
    "stamp-over-page": (certified, [visible_stamp, stamp_in_name_alone]),
    "posing-as-stamp": (lambda base, state: True, [posing_as_stamp]),
    "field-overlay": (uncertified, [unsigned_field]),
}
