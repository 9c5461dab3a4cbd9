"""Filled fields whose fonts are made to cost their reader time and memory."""

import struct
import zlib

import pikepdf
from pikepdf import Array, Dictionary, Name, String

import bases
import chinese
import party
from forge_fields import field
from increment import Update

ONE = "一".encode("utf-16-be")


def prepared(program=None, fields=0):
    """A signed form with this program in its defaults and so many more fields."""
    pdf = bases.with_chinese_form(bases.document())
    form = pdf.Root.AcroForm
    if program is not None:
        made = pikepdf.Stream(pdf, zlib.compress(program, 9))
        made.Filter = Name.FlateDecode
        form.DR.Font.Bars.DescendantFonts[0].FontDescriptor.FontFile2 = pdf.make_indirect(made)
    for n in range(fields):
        form.Fields.append(pdf.make_indirect(Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("more%d" % n), F=4, Rect=Array([0, 0, 200, 16]), P=pdf.pages[0].obj,
            DA=String("/Helv 9 Tf"))))
    return party.sign(bases.saved(pdf), "First")


def appear(u, target, content, font):
    target.V = String("一")
    target.AP = Dictionary(N=u.stream(content, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 16]),
                                      Resources=Dictionary(Font=Dictionary(F=font))))
    u.touch(target)


def filled(data, content, font=None):
    u = Update(data)
    appear(u, field(u, "amount"), content, font or u.root.AcroForm.DR.Font.Bars)
    return u.write()


def sfnt(kind, subtable, padding=0):
    cmap = struct.pack(">HHHHI", 0, 1, 3, kind, 12) + subtable
    tables = {b"cmap": cmap, b"glyf": struct.pack(">hhhhhh", 1, 0, 0, 9, 9, 0), b"head": struct.pack(">18xH32xhh", 1000, 0, 0)[:54].ljust(54, b"\0"),
              b"loca": struct.pack(">HH", 0, 6), b"maxp": struct.pack(">IH", 0x5000, 1)}
    out, at = struct.pack(">IHHHH", 0x10000, len(tables), 0, 0, 0), 12 + 16 * len(tables)
    for name, body in tables.items():
        out, at = out + name + struct.pack(">III", 0, at, len(body)), at + len(body)
    return out + b"".join(tables.values()) + bytes(padding)


def groups(count):
    """A cmap of format 12."""
    body = b"".join(struct.pack(">III", n * 10, n * 10 + 9, n % 60000) for n in range(count))
    return sfnt(10, struct.pack(">HHIII", 12, 0, 16 + len(body), 0, count) + body)


def segments(count):
    """A cmap of format 4 whose segments all reach to the end."""
    parts = [b"\xff\xff" * count, b"\0\0", b"\0\0" * count, b"\0\1" * count, b"\0\0" * count]
    return sfnt(1, struct.pack(">HHHHHHH", 4, min(16 + 8 * count, 65535), 0, 2 * count, 0, 0, 0) + b"".join(parts))


def fonts():
    for name, program in (("groups", groups(110000)), ("million-groups", groups(1000000)), ("segments", segments(8000)),
                          ("padding", groups(9) + bytes(19 << 20)), ("bomb", groups(9) + bytes(200 << 20)), ("cut", groups(99)[:200])):
        yield f"font-{name}", filled(prepared(program), chinese.drawn(b"\0\1"))
    plain = prepared()
    yield "font-chosen-often", filled(plain, b"BT " + b"/F 9 Tf " * 120000 + b"ET")
    yield "font-names", filled(plain, b"BT " + b"".join(b"/F%d 9 Tf " % n for n in range(90000)) + b"ET")
    yield "font-text", filled(plain, b"BT /F 9 Tf 2 5 Td <" + b"0001" * 240000 + b"> Tj ET")
    widths = Array([x for _ in range(40000) for x in (0, 65535, 500)])
    yield "font-widths", filled(plain, chinese.drawn(ONE), chinese.composite(Name("/UniGB-UCS2-H"), "STSong-Light", W=widths))
    u = Update(prepared(fields=400))
    each = u.new(Array([x for n in range(0, 65535, 2) for x in (n, n, 500)]))
    for target in u.root.AcroForm.Fields:
        if str(target.get("/T")).startswith("more"):
            appear(u, target, chinese.drawn(ONE), chinese.composite(Name("/UniGB-UCS2-H"), "STSong-Light", W=each))
    yield "font-widths-by-400", u.write()
