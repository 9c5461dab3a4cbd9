"""Incremental updates written by hand: the only way to write what no tool would write."""

import io
import re
import zlib

import pikepdf


class Update:
    """Changes to a PDF that are appended as one more revision.

    Objects are changed in memory through pikepdf and named with `touch`; `write` appends exactly those, as an attacker
    with an editor would. Nothing that was there is rewritten.
    """

    def __init__(self, data, password=""):
        self.data = data
        self.pdf = pikepdf.open(io.BytesIO(data), password=password)
        self.size = int(self.pdf.trailer.Size)
        self.startxref = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
        self.table = data[self.startxref : self.startxref + 4] == b"xref"
        self.objects = {}
        self.freed = set()
        # Numbers that the new section says stand at these offsets, which are in the old bytes.
        self.pointers = {}
        # Entries as a cross-reference stream has them.
        self.entries = {}
        self.trailer = {}
        # How an object stream says how many objects it has and where the first begins.
        self.counts = b"/N %d/First %d"
        # How many bytes the numbers of a cross-reference stream have.
        self.widths = (1, 4, 2)

    # What is there.

    @property
    def root(self):
        return self.pdf.Root

    def page(self, n):
        return self.pdf.pages[n % len(self.pdf.pages)].obj

    def number(self, obj):
        return obj.objgen[0]

    def signature_fields(self):
        return [f for f in self.root.AcroForm.Fields if f.get("/FT") == "/Sig"]

    def signatures(self):
        """Signature dictionaries, each once."""
        found = {}
        for field in self.signature_fields():
            if "/V" in field:
                found[field.V.objgen] = field.V
        return list(found.values())

    # What is changed.

    def new(self, obj):
        """Gives `obj` a number of its own beyond those of the file."""
        made = self.pdf.make_indirect(obj)
        while self.number(made) < self.size:
            made = self.pdf.make_indirect(obj)
        return self.touch(made)

    def stream(self, data, **keys):
        made = pikepdf.Stream(self.pdf, data)
        for key, value in keys.items():
            made["/" + key] = value
        return self.new(made)

    def touch(self, obj):
        """Writes this indirect object again."""
        assert obj.is_indirect, "only objects of their own can be written again"
        self.objects[self.number(obj)] = obj
        return obj

    def put(self, number, text):
        """Writes the object of this number as this text."""
        self.objects[number] = text

    def free(self, number):
        self.freed.add(number)

    def annotate(self, page, annotation, at=None):
        """Lists an annotation on a page; `at` 0 is the bottom."""
        listed = page.get("/Annots", pikepdf.Array())
        place = len(listed) if at is None else at
        listed.insert(place, annotation)
        page.Annots = listed
        self.touch(listed if listed.is_indirect else page)

    def add_field(self, field):
        fields = self.root.AcroForm.Fields
        fields.append(field)
        for holder in (fields, self.root.AcroForm, self.root):
            if holder.is_indirect:
                self.touch(holder)
                return

    # The revision.

    def body(self, obj):
        if isinstance(obj, (str, bytes)):
            return obj if isinstance(obj, bytes) else obj.encode("latin-1")
        if isinstance(obj, pikepdf.Stream):
            data = obj.read_raw_bytes()
            plain = pikepdf.Dictionary({k: v for k, v in obj.stream_dict.items() if k != "/Length"})
            head = plain.unparse()[:-2].rstrip() + b" /Length %d >>" % len(data)
            return head + b"\nstream\n" + data + b"\nendstream"
        return obj.unparse(resolved=True)

    def complete(self):
        """Adds what pikepdf made by itself: it writes down what a page has from above as objects of their own."""
        waiting = [o for o in self.objects.values() if not isinstance(o, (str, bytes))]
        while waiting:
            holder = waiting.pop()
            inside = holder.values() if isinstance(holder, (pikepdf.Dictionary, pikepdf.Stream)) else holder
            for value in inside:
                if not isinstance(value, (pikepdf.Dictionary, pikepdf.Array, pikepdf.Stream)):
                    continue
                if not value.is_indirect:
                    waiting.append(value)
                elif self.number(value) >= self.size and self.number(value) not in self.objects:
                    waiting.append(self.touch(value))

    def write(self, xref=True, trailer=True, startxref=None, stream=None, packed=False, tail=b"", comment=b"", extra_size=0):
        """The file with the revision appended. `stream`: a cross-reference stream (as the file's last section is, unless
        told); `packed`: objects that are no streams go into an object stream."""
        self.complete()
        out = bytearray(self.data)
        if not out.endswith(b"\n"):
            out += b"\n"
        entries = {n: (1, offset, 0) for n, offset in self.pointers.items()} | self.entries
        size = max([self.size, *(n + 1 for n in self.objects)])
        stream = (not self.table) if stream is None else stream
        if packed and stream:
            inner = {n: self.body(o) for n, o in self.objects.items() if not isinstance(o, pikepdf.Stream)}
            index, text = [], b""
            for n, body in inner.items():
                index.append(b"%d %d" % (n, len(text)))
                text += body + b"\n"
            head = b" ".join(index) + b"\n"
            holder, size = size, size + 1
            data = zlib.compress(head + text)
            entries.update({n: (2, holder, i) for i, n in enumerate(inner)})
            entries[holder] = (1, len(out), 0)
            out += b"%d 0 obj\n<</Type/ObjStm%s/Filter/FlateDecode/Length %d>>\nstream\n" % (
                holder, self.counts % (len(inner), len(head)), len(data))
            out += data + b"\nendstream\nendobj\n"
        for n, obj in self.objects.items():
            if n in entries:
                continue
            entries[n] = (1, len(out), 0)
            out += b"%d 0 obj\n" % n + self.body(obj) + b"\nendobj\n"
        for n in self.freed:
            entries[n] = (0, 0, 65535)
        if not xref:
            return bytes(out) + tail
        at = len(out)
        keys = {"/Root": self.pdf.trailer.Root, "/Info": self.pdf.trailer.get("/Info"), "/ID": self.pdf.trailer.get("/ID"),
                "/Encrypt": self.pdf.trailer.get("/Encrypt"), **self.trailer}
        keys = {k: v for k, v in keys.items() if v is not None}
        described = b"".join(k.encode() + b" " + (v if isinstance(v, bytes) else v.unparse()) + b" " for k, v in keys.items())
        if stream:
            entries[size] = (1, at, 0)
            rows = b"".join(part.to_bytes(width, "big") for n in sorted(entries) for part, width in zip(entries[n], self.widths))
            index = b" ".join(b"%d 1" % n for n in sorted(entries))
            out += b"%d 0 obj\n<</Type/XRef/Size %d/W[%d %d %d]/Index[%s]/Prev %d/Length %d %s>>\nstream\n" % (
                size, size + 1 + extra_size, *self.widths, index, self.startxref, len(rows), described)
            out += rows + b"\nendstream\nendobj\n"
        else:
            out += b"xref\n"
            for n in sorted(entries):
                kind, a, b = entries[n]
                out += b"%d 1\n%010d %05d %s \n" % (n, a, b, b"n" if kind else b"f")
            if trailer:
                out += b"trailer\n<</Size %d/Prev %d %s>>\n" % (size + extra_size, self.startxref, described)
        out += comment
        if trailer:
            out += b"startxref\n%d\n%%%%EOF\n" % (at if startxref is None else startxref)
        return bytes(out) + tail
