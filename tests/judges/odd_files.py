"""Makes odd but honest PDFs in a folder: what reporting tools, scanners, office programs and hand-written generators leave.

usage: odd_files.py FOLDER. Every file opens in qpdf without a password and has at least one page.
"""

import io
import pathlib
import sys

import pikepdf
import reportlab.rl_config
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

reportlab.rl_config.invariant = 1
FOLDER = pathlib.Path(sys.argv[1])
FOLDER.mkdir(parents=True, exist_ok=True)

PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>{}>>"
CONTENT = "<</Length 41>>\nstream\nBT /F 24 Tf 100 700 Td (Party A) Tj ET    \nendstream"


def keep(name, data):
    (FOLDER / f"{name}.pdf").write_bytes(data if isinstance(data, bytes) else data.encode("latin-1"))


def raw(objects, trailer="", header="%PDF-1.4\n", row="{:010d} {:05d} n \n", first=0, end="\n%%EOF\n", gens=None, shift=0,
        before="", startxref=None, size=None, endobj="\nendobj\n", head=None):
    """Objects (number to text) with a classic table, odd in one way or another."""
    gens = gens or {}
    out, rows = header, {}
    for number, text in objects.items():
        rows[number] = len(out)
        out += f"{number} {gens.get(number, 0)} obj\n{text}{endobj}"
    at = len(out)
    size = size or max(objects) + 1
    out += before + "xref\n"
    numbers = sorted(objects)
    table = head if head is not None else f"{first} 1\n0000000000 65535 f \n"
    run = []
    for n in numbers + [None]:
        if run and n != run[-1] + 1:
            table += f"{run[0]} {len(run)}\n" + "".join(row.format(rows[m] + shift, gens.get(m, 0)) for m in run)
            run = []
        if n is not None:
            run.append(n)
    if head is None and first == 0 and numbers[0] == 1:
        table = table.replace("0 1\n", "0 %d\n" % (len([n for i, n in enumerate(numbers) if n == i + 1]) + 1), 1)
        table = table.replace("\n1 %d\n" % len([n for i, n in enumerate(numbers) if n == i + 1]), "\n", 1)
    out += table + f"trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{at if startxref is None else startxref}{end}"
    return out


def base(page="", catalog="", pages="", more=None, **kw):
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        2: f"<</Type/Pages/Kids[3 0 R]/Count 1{pages}>>",
        3: PAGE.format(page),
        4: CONTENT,
    }
    objects.update(more or {})
    return raw(objects, **kw)


# The file's frame.
keep("plain", base())
keep("rows-19-bytes", base(row="{:010d} {:05d} n\n", head="0 1\n0000000000 65535 f\n"))
keep("rows-cr", base(row="{:010d} {:05d} n\r\n", head="0 1\n0000000000 65535 f\r\n"))
keep("table-from-one", base(first=1))
keep("all-cr", base().replace("\n", "\r"))
keep("all-crlf", base(startxref=0).replace("\n", "\r\n"))
keep("startxref-zero", base(startxref=0))
keep("startxref-off-by-some", base(startxref=17))
keep("startxref-far-out", base(startxref=99999999))
keep("rows-shifted", base(shift=3))
keep("no-eof", base(end="\n"))
keep("no-final-newline", base(end="\n%%EOF"))
keep("zeros-behind", base() + "\0" * 3000)
keep("page-behind", base() + "<html><body>sent by a portal</body></html>\n" * 20)
keep("mail-behind", base() + "\r\n--=_NextPart_000--\r\n")
keep("no-endobj", base(endobj="\n"))
keep("comments", base(before="% a comment\n% another\n"))
keep("binary-comment", base(header="%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"))
keep("header-1.0", base(header="%PDF-1.0\n"))
keep("header-cr", base(header="%PDF-1.4\r"))
keep("header-version-odd", base(header="%PDF-1.a\n"))
keep("header-version-long", base(header="%PDF-1.4.5 scan\n"))
keep("size-too-small", base(size=2))
keep("size-too-large", base(size=900))
keep("prev-zero", base(trailer="/Prev 0"))
keep("id-missing-info", base(trailer="/Info 9 0 R"))
keep("id-one", base(trailer="/ID[<00>]"))
keep("id-empty-strings", base(trailer="/ID[()()]"))
keep("id-indirect", base(trailer="/ID 5 0 R", more={5: "[<0102><0304>]"}))
keep("high-number", base(more={70000: "<</Unused true>>"}))
keep("generations", raw({1: "<</Type/Catalog/Pages 2 3 R>>", 2: "<</Type/Pages/Kids[3 1 R]/Count 1>>",
                         3: PAGE.format("").replace("2 0 R", "2 3 R"), 4: CONTENT}, gens={2: 3, 3: 1}))
keep("trailer-only", base().split("xref\n")[0] + "trailer\n<</Root 1 0 R/Size 5>>\n")
keep("length-wrong", base(more={4: CONTENT.replace("41", "12")}))
keep("length-zero", base(more={4: CONTENT.replace("41", "0")}))
keep("length-missing", base(more={4: CONTENT.replace("/Length 41", "")}))
keep("length-indirect", base(more={4: CONTENT.replace("41", "5 0 R"), 5: "41"}))
keep("length-indirect-missing", base(more={4: CONTENT.replace("41", "9 0 R")}))
keep("stream-cr", base(more={4: CONTENT.replace("stream\nBT", "stream\rBT", 1)}))
keep("spaces-in-headers", base().replace("3 0 obj", "3  0  obj"))
keep("numbers-odd", base(more={6: "[+1 -.5 .5 4. 00012 1e]"}).replace("1e]", "1]"))

# Catalogue and form.
keep("catalog-no-type", raw({1: "<</Pages 2 0 R>>", 2: "<</Type/Pages/Kids[3 0 R]/Count 1>>", 3: PAGE.format(""), 4: CONTENT}))
keep("catalog-names", base(catalog="/Names<</Dests<</Kids[5 0 R]>>/JavaScript null>>/Dests 6 0 R",
                           more={5: "<</Limits[(a)(a)]/Names[(a)[3 0 R/Fit]]>>", 6: "<</b[3 0 R/XYZ null null 0]/c<</D[9 0 R/Fit]>>>>"}))
keep("catalog-version", base(catalog="/Version/1.7/Extensions<</ADBE<</BaseVersion/1.7/ExtensionLevel 3>>>>"))
keep("catalog-metadata-broken", base(catalog="/Metadata 5 0 R", more={5: "<</Type/Metadata/Subtype/XML/Length 9>>\nstream\n<x:xmpmet\nendstream"}))
keep("catalog-metadata-missing", base(catalog="/Metadata 9 0 R"))
keep("catalog-layers", base(catalog="/OCProperties<</OCGs[5 0 R]/D<</Order[5 0 R]/ON[5 0 R]>>>>", more={5: "<</Type/OCG/Name(L)>>"}))
keep("catalog-outline-loop", base(catalog="/Outlines 5 0 R", more={5: "<</First 6 0 R/Last 6 0 R/Count 1>>", 6: "<</Title(x)/Parent 5 0 R/Next 6 0 R>>"}))
keep("catalog-perms-empty", base(catalog="/Perms<<>>/DSS null/Legal<<>>"))
keep("catalog-action", base(catalog="/OpenAction[3 0 R/FitH 842]/AA<<>>/URI<</Base(http://example.cn)>>"))
keep("catalog-structure-broken", base(catalog="/MarkInfo<</Marked true>>/StructTreeRoot 9 0 R"))
keep("catalog-structure-bare", base(catalog="/MarkInfo<</Marked true>>/StructTreeRoot 5 0 R", more={5: "<</Type/StructTreeRoot>>"}))
keep("catalog-structure", base(catalog="/MarkInfo<</Marked true>>/StructTreeRoot 5 0 R", page="/StructParents 0",
                               more={5: "<</Type/StructTreeRoot/K 6 0 R/ParentTree<</Nums[0 7 0 R]>>>>", 6: "<</S/Document/P 5 0 R/K 8 0 R>>",
                                     7: "[8 0 R]", 8: "<</S/P/P 6 0 R/Pg 3 0 R/K 0>>"}))
for name, form in {
    "null": "null", "empty": "<<>>", "fields-null": "<</Fields null>>", "fields-missing": "<</DA(/F 0 Tf)>>", "fields-empty": "<</Fields[]>>",
    "missing": "9 0 R", "fields-dangling": "<</Fields[9 0 R 10 0 R]>>", "fields-with-null": "<</Fields[null 3 0 R]>>", "flags": "<</Fields[]/SigFlags 1>>",
    "need-appearances": "<</Fields[]/NeedAppearances true>>", "xfa-static": "<</Fields[]/XFA[(a)9 0 R]>>", "order": "<</Fields[]/CO[]/DR<<>>/Q 0>>",
}.items():
    keep(f"form-{name}", base(catalog=f"/AcroForm {form}"))
keep("form-indirect", base(catalog="/AcroForm 5 0 R", more={5: "<</Fields 6 0 R>>", 6: "[]"}))
keep("form-indirect-null", base(catalog="/AcroForm 5 0 R", more={5: "null"}))
keep("form-fields-is-null", base(catalog="/AcroForm 5 0 R", more={5: "<</Fields 6 0 R>>", 6: "null"}))
keep("form-text-field", base(page="/Annots[5 0 R]", catalog="/AcroForm<</Fields[5 0 R]/DA(/F 9 Tf)>>",
                             more={5: "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[10 10 90 30]/P 3 0 R/V(x)>>"}))
keep("form-drawn-by-readers", base(page="/Annots[5 0 R]", catalog="/AcroForm<</Fields[5 0 R]/NeedAppearances true>>",
                                   more={5: "<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/Rect[300 300 400 330]/P 3 0 R/MK<<>>>>"}))
keep("form-tree", base(page="/Annots[6 0 R]", catalog="/AcroForm<</Fields[5 0 R]>>",
                       more={5: "<</T(a)/Kids[6 0 R]>>", 6: "<</Parent 5 0 R/T(b)/FT/Btn/Subtype/Widget/Rect[1 1 9 9]/F 4>>"}))
keep("form-empty-signature", base(page="/Annots[5 0 R]", catalog="/AcroForm<</Fields[5 0 R]/SigFlags 1>>",
                                  more={5: "<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/Rect[10 10 110 60]/P 3 0 R>>"}))

# Pages.
for name, entries in {
    "annots-null": "/Annots null", "annots-empty": "/Annots[]", "annots-missing": "/Annots 9 0 R", "annots-with-null": "/Annots[null 9 0 R]",
    "annots-indirect": "/Annots 6 0 R", "annots-direct": "/Annots[<</Type/Annot/Subtype/Text/Rect[1 1 9 9]/Contents(x)>>]", "rotate-90": "/Rotate 90",
    "rotate-minus-90": "/Rotate -90", "rotate-450": "/Rotate 450", "rotate-45": "/Rotate 45", "unit": "/UserUnit 2.5",
    "crop": "/CropBox[50 50 500 800]", "crop-outside": "/CropBox[-100 -100 900 900]", "crop-empty": "/CropBox[0 0 0 0]", "crop-inverted": "/CropBox[500 800 50 50]",
    "boxes": "/TrimBox[9 9 500 800]/BleedBox[0 0 595 842]/ArtBox[99 99 200 200]", "tabs": "/Tabs/S/Dur 3/Trans<</S/R>>/Group<</S/Transparency>>",
    "thumb": "/Thumb 9 0 R/B[9 0 R]/PieceInfo<<>>",
}.items():
    keep(f"page-{name}", base(page=entries, more={5: "<</Type/Annot/Subtype/Text/Rect[1 1 9 9]/Contents(x)>>", 6: "[5 0 R]"}))
keep("page-no-type", base(more={3: PAGE.format("").replace("/Type/Page", "")}))
keep("page-no-box", base(more={3: PAGE.format("").replace("/MediaBox[0 0 595 842]", "")}))
keep("page-box-inverted", base(more={3: PAGE.format("").replace("[0 0 595 842]", "[595 842 0 0]")}))
keep("page-box-real", base(more={3: PAGE.format("").replace("[0 0 595 842]", "[-.5 -10.25 594.5 831.75]")}))
keep("page-box-references", base(more={3: PAGE.format("").replace("[0 0 595 842]", "[5 0 R 5 0 R 6 0 R 7 0 R]"), 5: "0", 6: "595", 7: "842"}))
keep("page-box-indirect", base(more={3: PAGE.format("").replace("[0 0 595 842]", " 5 0 R"), 5: "[0 0 595 842]"}))
keep("page-no-contents", base(more={3: PAGE.format("").replace("/Contents 4 0 R", "")}))
keep("page-contents-null", base(more={3: PAGE.format("").replace("/Contents 4 0 R", "/Contents null")}))
keep("page-contents-array", base(more={3: PAGE.format("").replace("/Contents 4 0 R", "/Contents[4 0 R 9 0 R]")}))
keep("page-no-parent", base(more={3: PAGE.format("").replace("/Parent 2 0 R", "")}))
keep("page-wrong-parent", base(more={3: PAGE.format("").replace("/Parent 2 0 R", "/Parent 1 0 R")}))
keep("page-tiny", base(more={3: PAGE.format("").replace("[0 0 595 842]", "[0 0 20 20]")}))
keep("page-huge", base(more={3: PAGE.format("").replace("[0 0 595 842]", "[0 0 14400 14400]")}))
keep("pages-count-wrong", base(pages="").replace("/Count 1", "/Count 7"))
keep("pages-kids-indirect", base(more={2: "<</Type/Pages/Kids 5 0 R/Count 1>>", 5: "[3 0 R]"}))
keep("pages-no-type", base(more={2: "<</Kids[3 0 R]/Count 1>>"}))
keep("pages-inherit", base(more={2: "<</Type/Pages/Kids[5 0 R]/Count 1/MediaBox[0 0 400 300]/Rotate 270>>", 5: "<</Type/Pages/Parent 2 0 R/Kids[3 0 R]/Count 1/CropBox[10 10 390 290]>>",
                                 3: PAGE.format("").replace("/MediaBox[0 0 595 842]", "").replace("2 0 R", "5 0 R")}))
keep("pages-deep", base(more={2: "<</Type/Pages/Kids[5 0 R]/Count 1>>", 30: "<</Type/Pages/Parent 29 0 R/Kids[3 0 R]/Count 1>>",
                              **{n: f"<</Type/Pages/Parent {n - 1} 0 R/Kids[{n + 1} 0 R]/Count 1>>" for n in range(5, 30)}}))
keep("pages-same-twice", base(more={2: "<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>"}))
keep("pages-kid-missing", base(more={2: "<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>"}))

# Updates on updates, two kinds of sections.
first = base()
at = len(first)
update = f"3 0 obj\n{PAGE.format('/Rotate 90')}\nendobj\n"
keep("updated", first + update + f"xref\n3 1\n{at:010d} 00000 n \ntrailer\n<</Size 5/Root 1 0 R/Prev {first.index('xref')}>>\nstartxref\n{at + len(update)}\n%%EOF\n")
keep("updated-free", first + f"xref\n4 1\n0000000000 00001 f \ntrailer\n<</Size 5/Root 1 0 R/Prev {first.index('xref')}>>\nstartxref\n{at}\n%%EOF\n")


def saved(name, pdf, **how):
    out = io.BytesIO()
    pdf.save(out, **how)
    keep(name, out.getvalue())


buffer = io.BytesIO()
sheet = canvas.Canvas(buffer, pagesize=A4)
for number in range(3):
    sheet.drawString(100, 700, f"Party A, page {number + 1}")
    sheet.acroForm.textfield(name=f"amount{number}", x=100, y=600, width=120)
    sheet.linkURL("https://example.cn", (100, 500, 200, 520))
    sheet.bookmarkPage(f"p{number}")
    sheet.showPage()
sheet.save()
keep("reportlab", buffer.getvalue())

Streams = pikepdf.ObjectStreamMode
open_again = lambda: pikepdf.open(io.BytesIO(buffer.getvalue()))
saved("object-streams", open_again(), object_stream_mode=Streams.generate)
saved("no-object-streams", open_again(), object_stream_mode=Streams.disable)
saved("linearised", open_again(), linearize=True)
saved("linearised-object-streams", open_again(), linearize=True, object_stream_mode=Streams.generate)
saved("qdf", open_again(), qdf=True)
for revision, how in {"2": dict(R=2, aes=False, metadata=False), "3": dict(R=3, aes=False, metadata=False), "4-rc4": dict(R=4, aes=False, metadata=False), "4": dict(R=4), "5": dict(R=5), "6": dict(R=6),
                      "6-clear-metadata": dict(R=6, metadata=False)}.items():
    saved(f"encrypted-{revision}", open_again(), encryption=pikepdf.Encryption(owner="owner", user="", **how))
    saved(f"encrypted-{revision}-object-streams", open_again(), object_stream_mode=Streams.generate,
          encryption=pikepdf.Encryption(owner="owner", user="", **how))
