"""Incremental saving in its variants, tricks with cross-references, changed catalogues and pages."""

import re

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from increment import Update

TEXT = b"BT /F1 12 Tf 72 %d Td (Pay 1,000,000 to Mallory) Tj ET"


def text(rng):
    return TEXT % rng.randrange(40, 800)


def content_changed(rng, data):
    """An Update that shows other content, ready to be written in whatever way."""
    u = Update(data)
    page = u.page(rng.randrange(9))
    how = rng.randrange(6)
    if how == 0:
        page.Contents = u.stream(text(rng))
        u.touch(page)
    elif how == 1:
        stream = rng.choice(list(page.Contents))
        stream.write(text(rng))
        u.touch(stream)
    elif how == 2:
        page.Contents.append(u.stream(text(rng)))
        u.touch(page.Contents if page.Contents.is_indirect else page)
    elif how == 3:
        contents = list(page.Contents)
        page.Contents = Array(contents[::-1]) if rng.random() < 0.5 else Array(contents[:1])
        u.touch(page)
    elif how == 4:
        u.free(u.number(rng.choice(list(page.Contents))))
    else:
        page[rng.choice(["/MediaBox", "/CropBox"])] = Array([0, 0, 200, rng.randrange(200, 900)])
        u.touch(page)
    return u


def with_section(rng, data):
    return content_changed(rng, data).write(packed=rng.random() < 0.5)


def without_section(rng, data):
    return content_changed(rng, data).write(xref=False, tail=rng.choice([b"", b"%%EOF\n", b"startxref\n0\n%%EOF\n"]))


def without_section_old_startxref(rng, data):
    u = content_changed(rng, data)
    return u.write(xref=False, tail=b"startxref\n%d\n%%%%EOF\n" % u.startxref)


def without_trailer(rng, data):
    return content_changed(rng, data).write(trailer=False, stream=False, tail=rng.choice([b"", b"%%EOF\n", b"trailer\n"]))


def without_trailer_old_startxref(rng, data):
    u = content_changed(rng, data)
    return u.write(trailer=False, stream=False, tail=b"startxref\n%d\n%%%%EOF\n" % u.startxref)


def trailing_bytes(rng, data):
    tail = rng.choice([b"x", b"%hidden", b"1 0 obj\n<<>>\nendobj\n", b"%%EOF\n%%EOF\n", b"startxref\n0\n%%EOF\n", b"\0\0\0a"])
    return data + tail + b"%d" % rng.randrange(10**6)


# Cross-references that say one thing to one reader and another to the next.


def unnamed_object(rng, data):
    """A page stands in the body twice, once where no section names it."""
    u = Update(data)
    u.touch(u.root)
    page = u.page(rng.randrange(9))
    extra = b"%d 0 obj\n%s\nendobj\n" % (u.number(page), u.body(page).replace(b"595", b"%d" % rng.randrange(100, 999)))
    return interleaved(u, extra)


def interleaved(u, extra):
    """A revision whose body has an object that its own section does not name."""
    out = u.write()
    at = out.rindex(b"xref\n", 0, out.rindex(b"startxref")) if u.table else None
    if at is None:
        return None
    startxref = at + len(extra)
    head = out[:at] + extra + out[at:]
    return re.sub(rb"startxref\n\d+\n%%EOF\n$", b"startxref\n%d\n%%%%EOF\n" % startxref, head)


def object_twice(rng, data):
    """One number written twice in one revision; the section names the harmless one."""
    u = Update(data)
    page = u.page(rng.randrange(9))
    u.touch(u.root)
    extra = b"%d 0 obj\n%s\nendobj\n" % (u.number(u.root), u.body(u.root)[:-2] + b"/Lang(x%d)>>" % rng.randrange(99999))
    return interleaved(u, extra)


def hybrid(rng, data):
    """A table that names a stream, and the two disagree (ISO 32000-2 7.5.8.4)."""
    u = content_changed(rng, data)
    if not u.table:
        return None
    out = bytearray(u.data if u.data.endswith(b"\n") else u.data + b"\n")
    rows = b""
    for number, obj in u.objects.items():
        at = len(out)
        out += b"%d 0 obj\n" % number + u.body(obj) + b"\nendobj\n"
        rows += bytes([1]) + at.to_bytes(4, "big") + b"\0\0"
    if not rows:
        return None
    at, size = len(out), max([u.size, *(n + 1 for n in u.objects)])
    index = b" ".join(b"%d 1" % n for n in u.objects)
    out += b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Index[%s]/Length %d>>\nstream\n" % (size, size + 1, index, len(rows))
    out += rows + b"\nendstream\nendobj\n"
    section = len(out)
    out += b"xref\n0 0\ntrailer\n<</Size %d/Prev %d/XRefStm %d/Root %s/ID %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size + 1, u.startxref, at, u.pdf.trailer.Root.unparse(), u.pdf.trailer.ID.unparse(), section)
    return bytes(out)


def earlier_section(rng, data):
    """startxref leads back to the section of an earlier revision, or past the signed one."""
    sections = [int(n) for n in re.findall(rb"startxref\s+(\d+)", data)]
    u = content_changed(rng, data)
    u.startxref = rng.choice(sections[:-1] or sections) if rng.random() < 0.7 else 0
    if u.startxref == sections[-1]:
        return None
    return u.write()


# The document's frame.


def catalog_changed(rng, data):
    u = Update(data)
    script = Dictionary(S=Name.JavaScript, JS=String("app.alert(%d)" % rng.randrange(999)))
    key, value = rng.choice([
        ("/OpenAction", script), ("/AA", Dictionary(WC=script)), ("/Names", Dictionary(JavaScript=Dictionary(Names=Array([String("x"), script])))),
        ("/Lang", String("xx")), ("/ViewerPreferences", Dictionary(HideToolbar=True)), ("/PageMode", Name.FullScreen),
        ("/PageLabels", Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))), ("/Outlines", Dictionary(Count=0)), ("/URI", Dictionary(Base=String("http://evil/"))),
        ("/Collection", Dictionary(View=Name.D)), ("/Perms", Dictionary()), ("/Requirements", Array([])), ("/MarkInfo", Dictionary(Marked=True)),
        ("/OCProperties", Dictionary(OCGs=Array([]), D=Dictionary())), ("/NeedsRendering", True), ("/AF", Array([])), ("/Threads", Array([])),
        ("/StructTreeRoot", Dictionary(Type=Name.StructTreeRoot))])
    u.root[key] = value
    u.touch(u.root)
    return u.write(packed=rng.random() < 0.3)


def form_changed(rng, data):
    """/NeedAppearances is no forgery where it changes nothing that is shown; forge_shadow has those where it does."""
    u = Update(data)
    form = u.root.AcroForm
    key, value = rng.choice([
        ("/XFA", String("<xdp/>")), ("/CO", Array([])), ("/Q", 2), ("/DA", String("/Helv 40 Tf 1 g")), ("/SigFlags", 0),
        ("/Fields", Array([]))])
    if form.get(key) == value or (key == "/DA" and "/DA" not in form):
        return None
    form[key] = value
    u.touch(form if form.is_indirect else u.root)
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def trailer_changed(rng, data):
    u = Update(data)
    how = rng.randrange(4)
    if how == 3:
        # The document information keeps a page: whoever shows it, it is no text.
        page = Dictionary(Type=Name.Page, Note=String("%d" % rng.randrange(10**6)))
        u.trailer["/Info"] = u.new(Dictionary(Title=String("t"), Pages=rng.choice([page, Array([page]), u.page(0)])))
        return u.write()
    copy = Dictionary(**{k[1:]: v for k, v in u.root.items()})
    if how == 0:
        copy.Pages = u.new(Dictionary(Type=Name.Pages, Kids=Array([]), Count=0))
    elif how == 1:
        copy.Lang = String("x%d" % rng.randrange(99999))
    u.trailer["/Root"] = u.new(copy)
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


# Pages.


def page_added(rng, data):
    u = Update(data)
    pages = u.root.Pages
    page = u.new(Dictionary(Type=Name.Page, Parent=pages, MediaBox=Array([0, 0, 595, 842]), Contents=u.stream(text(rng)), Resources=u.page(0).Resources))
    if rng.random() < 0.2:
        page = u.page(0)
    pages.Kids.insert(rng.randrange(len(pages.Kids) + 1), page)
    if rng.random() < 0.8:
        pages.Count = len(pages.Kids)
    u.touch(pages)
    return u.write(packed=rng.random() < 0.3)


def page_removed(rng, data):
    u = Update(data)
    pages = u.root.Pages
    if rng.random() < 0.7:
        del pages.Kids[rng.randrange(len(pages.Kids))]
        pages.Count = len(pages.Kids)
        u.touch(pages)
    else:
        u.free(u.number(u.page(rng.randrange(9))))
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def page_reordered(rng, data):
    u = Update(data)
    pages = u.root.Pages
    kids = list(pages.Kids)
    before = [k.objgen for k in kids]
    how = rng.randrange(3)
    if how == 0:
        rng.shuffle(kids)
    elif how == 1:
        kids = kids[::-1]
    else:
        half = u.new(Dictionary(Type=Name.Pages, Parent=pages, Kids=Array(kids[::-1]), Count=len(kids)))
        kids = [half]
    if [k.objgen for k in kids] == before:
        return None
    pages.Kids = Array(kids)
    u.touch(pages)
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def page_turned(rng, data):
    """The object of one page becomes that of another."""
    u = Update(data)
    a, b = u.page(0), u.page(1)
    u.put(u.number(a), u.body(b))
    if rng.random() < 0.5:
        u.put(u.number(b), u.body(a))
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def object_stream(u, rng):
    """The number, decoded content and length of index of an object stream that was signed."""
    numbers = [int(n) for n in re.findall(rb"(\d+) 0 obj\s*<<[^<>]*/Type\s*/ObjStm", u.data)]
    number = rng.choice(numbers)
    held = u.pdf.get_object((number, 0))
    return number, held.read_bytes(), int(held.First), int(held.N)


def container_redefined(rng, data):
    """The stream that holds objects is written again with other ones, and no section speaks of those."""
    u = Update(data)
    number, content, first, count = object_stream(u, rng)
    names = sorted(set(re.findall(rb"/[A-Z][a-z]+", content[first:])))
    name = rng.choice(names)
    other = name[:-1] + bytes([rng.choice(b"bcdfghjkmpqvwxz")])
    changed = content[:first] + content[first:].replace(name, other)
    if changed == content:
        return None
    dictionary = b"<</Type/ObjStm/N %d/First %d/Length %d>>" % (count, first, len(changed))
    u.put(number, dictionary + b"\nstream\n" + changed + b"\nendstream")
    return u.write()


def index_swapped(rng, data):
    """Objects of a stream change places by the index of a later section alone, for readers that go by it."""
    u = Update(data)
    number, content, first, count = object_stream(u, rng)
    if count < 2:
        return None
    inside = [int(n) for n in content[:first].split()[::2]]
    at, other = rng.sample(range(count), 2)
    u.entries[inside[at]] = (2, number, other)
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    return u.write()


def size_small(rng, data):
    """A trailer that says that most objects are not there, or that its own update's are not."""
    u = Update(data)
    if rng.random() < 0.5:
        u.touch(u.page(rng.randrange(9)))
        return u.write(extra_size=max(u.objects) - u.size - rng.randrange(max(u.objects)))
    out = u.write(extra_size=-rng.randrange(2, u.size - 1))
    return out[: -len(b"%%EOF\n")] + b"%%EOF" + b"\n" * rng.randrange(1, 3)


def always(base, state):
    return True


def packed(base, state):
    return base.startswith("packed")


def tables(base, state):
    return not base.startswith("packed")


CLASSES = {
    "isa": (always, [with_section]),
    "isa-without-xref": (always, [without_section, without_section_old_startxref, trailing_bytes]),
    "isa-without-trailer": (tables, [without_trailer, without_trailer_old_startxref]),
    "xref-tricks": (tables, [unnamed_object, object_twice, hybrid, earlier_section]),
    "container-tricks": (packed, [container_redefined, index_swapped]),
    "size-small": (always, [size_small]),
    "frame-changed": (always, [catalog_changed, form_changed, trailer_changed]),
    "page-added": (always, [page_added]),
    "page-removed": (always, [page_removed]),
    "page-reordered": (always, [page_reordered, page_turned]),
}
