#!/usr/bin/env python3
"""Files that are made to cost their reader time and memory, for `hufu bench hostile`.

    hostile.py OUT [FAMILY…]
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

from asn1crypto import algos, cms, core, tsp, x509

import bases
import party
from hostile_fonts import fonts

FLATE = b"/Filter/FlateDecode"


def pdf(objects, trailer=b"/Root 1 0 R", head=b"%PDF-1.7\n"):
    """A file with a cross-reference table; `objects` maps numbers to bodies."""
    out, places = io.BytesIO(), {}
    out.write(head)
    for number, body in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    section(out, places, trailer + b"/Size %d" % (max(objects) + 1), whole=True)
    return out.getvalue()


def section(out, places, trailer, whole=False):
    at = out.tell()
    out.write(b"xref\n")
    if whole:
        places = {0: None} | places
    numbers, begun = sorted(places), 0
    for n in range(1, len(numbers) + 1):
        if n == len(numbers) or numbers[n] != numbers[n - 1] + 1:
            out.write(b"%d %d\n" % (numbers[begun], n - begun))
            for number in numbers[begun:n]:
                place = places[number]
                out.write(b"0000000000 65535 f \n" if place is None else b"%010d 00000 n \n" % place)
            begun = n
    out.write(b"trailer\n<<" + trailer + b">>\nstartxref\n%d\n%%%%EOF\n" % at)


def update(data, objects, trailer=None):
    """`objects` appended as one more revision."""
    previous = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    size = max(int(n) for n in re.findall(rb"/Size (\d+)", data))
    out, places = io.BytesIO(), {}
    out.write(data)
    for number, body in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    root = re.findall(rb"/Root (\d+ \d+ R)", data)[-1]
    section(out, places, trailer or b"/Root %s/Prev %d/Size %d" % (root, previous, max(size, max(objects) + 1)))
    return out.getvalue()


def stream(data, extra=b""):
    return b"<<" + extra + b"/Length %d>>stream\n" % len(data) + data + b"\nendstream"


def packed(data, extra=b""):
    return stream(zlib.compress(data, 9), extra + FLATE)


ZEROS = bytes(64 << 20)
CATALOG = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
           3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"}


def with_signature(contents, byte_range=None, count=1, sub_filter=b"adbe.pkcs7.detached", filler=b"", catalog=b"", more=None):
    """One revision with signature dictionaries whose ranges are exact, whatever is in them. `contents` makes each from what is signed."""
    room, first = 60000 if callable(contents) else len(contents), 10
    fields = b" ".join(b"%d 0 R" % (first + 2 * n) for n in range(count))
    objects = {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[" + fields + b"]>>" + catalog + b">>",
               2: CATALOG[2], 3: CATALOG[3], 4: stream(filler)} | (more or {})
    if callable(contents):
        room = contents(None)
    for n in range(count):
        objects[first + 2 * n] = b"<</FT/Sig/T(s%d)/V %d 0 R/Rect[0 0 0 0]/Type/Annot/Subtype/Widget/F 132/P 3 0 R>>" % (n, first + 2 * n + 1)
        objects[first + 2 * n + 1] = (b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/" + sub_filter
                                      + b"/ByteRange [0 %010d %010d %010d]/Contents<" % (n, 0, 0) + b"0" * 2 * room + b">>>")
    data = bytearray(pdf(objects))
    for found in list(re.finditer(rb"/ByteRange (\[0 \d{10} 0{10} 0{10}\])/Contents(<0*>)", bytes(data))):
        written = byte_range or b"[0 %010d %010d %010d]" % (found.start(2), found.end(2), len(data) - found.end(2))
        data[found.start(1):found.end(1)] = written[:found.end(1) - found.start(1)].ljust(found.end(1) - found.start(1))
    for found in list(re.finditer(rb"/Contents(<0*>)", bytes(data))):
        made = contents if not callable(contents) else contents(bytes(data[:found.start(1)]) + bytes(data[found.end(1):]))
        data[found.start(1) + 1:found.start(1) + 1 + 2 * len(made)] = made.hex().encode()
    return bytes(data)


# Cryptography.

def key(kind):
    folder = Path("/tmp") / f"hufu-hostile-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{kind}.pem"
    if not path.exists():
        if kind.startswith("dsa"):
            command = ["openssl", "dsaparam", "-genkey", "-out", str(path), kind[3:]]
        elif kind.startswith("rsa"):
            command = ["openssl", "genrsa", "-out", str(path), kind[3:]]
        else:
            command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}", "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return path


def certificate(kind, tag=0, subject="CN=x"):
    """A self-signed certificate; those of one kind share issuer and serial number and differ in `tag`."""
    path = key(kind)
    made = subprocess.run(
        ["openssl", "req", "-new", "-x509", "-key", str(path), "-subj", "/" + subject, "-set_serial", "7", "-days", "900",
         "-addext", f"nsComment=t{tag}", "-addext", "extendedKeyUsage=critical,timeStamping", "-outform", "DER"],
        check=True, capture_output=True).stdout
    return x509.Certificate.load(made)


ALGORITHMS = {"dsa": "1.2.840.10040.4.1", "rsa": "1.2.840.113549.1.1.1", "SM2": "1.2.156.10197.1.301.1"}


def signer_info(kind, cert, signature, digest="sha256", signed=None):
    oid = next((o for k, o in ALGORITHMS.items() if kind.startswith(k)), "1.2.840.10045.4.3.2")
    info = cms.SignerInfo({
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(
            {"issuer": cert.issuer, "serial_number": cert.serial_number})),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": oid}),
        "signature": signature})
    if signed is not None:
        info["signed_attrs"] = signed
    return info


def signed_data(kind, certs, signature, content=None, signed=None, copies=1, digest="sha256"):
    info = signer_info(kind, certs[0], signature, digest, signed)
    inside = {"content_type": "data"} if content is None else {
        "content_type": "tst_info", "content": core.ParsableOctetString(content)}
    data = cms.SignedData({
        "version": "v3", "digest_algorithms": [info["digest_algorithm"]], "encap_content_info": inside,
        "certificates": [cms.CertificateChoices("certificate", c) for c in certs], "signer_infos": [info] * copies})
    return cms.ContentInfo({"content_type": "signed_data", "content": data}).dump()


def numbers(octets):
    """A signature of two numbers that no key made."""
    return core.SequenceOf([core.Integer(int.from_bytes(b"\x11" * (octets - 1), "big"))] * 2, spec=core.Integer).dump()


def signature_of(kind):
    sizes = {"brainpoolP256r1": 32, "brainpoolP384r1": 48, "SM2": 32, "secp521r1": 66, "dsa3072": 32}
    return numbers(sizes[kind]) if kind in sizes else b"\x11" * (int(kind[3:]) // 8)


def many_signatures(kind, count=128, certs=4):
    """Bare signatures, so that nothing but the key decides; several certificates fit each."""
    many = [certificate(kind, n) for n in range(certs)]
    made = signed_data(kind, many, signature_of(kind))
    return with_signature(made, count=count)


def many_stamps(kind, count=128):
    many = [certificate(kind, n) for n in range(4)]
    info = tsp.TSTInfo({
        "version": 1, "policy": "1.2.3", "serial_number": 1, "gen_time": __import__("datetime").datetime.now(__import__("datetime").timezone.utc),
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}}).dump()
    attributes = cms.CMSAttributes([
        cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
        cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]})])
    return with_signature(signed_data(kind, many, signature_of(kind), info, attributes), count=count, sub_filter=b"ETSI.RFC3161")


def cryptography():
    for kind in ("brainpoolP384r1", "brainpoolP256r1", "SM2", "secp521r1", "dsa3072", "rsa8192"):
        yield f"signatures-{kind}", many_signatures(kind)
        yield f"stamps-{kind}", many_stamps(kind)
    cert = certificate("rsa2048")
    for digest, octets in (("sha256", 1 << 20), ("sha3_512", 1 << 20), ("sha512", 4 << 20)):
        made = signed_data("rsa2048", [cert], b"\x11" * 256, digest=digest)
        yield f"hashing-{digest}-{octets}", with_signature(made, count=60, filler=os.urandom(octets))
    legacy = core.OctetString(b"\x11" * 256).dump()
    yield "hashing-x509", with_signature(legacy, count=60, sub_filter=b"adbe.x509.rsa_sha1", filler=os.urandom(1 << 20)).replace(
        b"/Contents<", b"/Cert<" + cert.dump().hex().encode() + b">/Contents<")


def length(n):
    return bytes([n]) if n < 128 else (b"\x84" + n.to_bytes(4, "big"))


def tlv(tag, body):
    return bytes([tag]) + length(len(body)) + body


def asn1():
    nested = b""
    for _ in range(4000):
        nested = tlv(0x30, nested)
    yield "asn1-deep", with_signature(nested)
    yield "asn1-indefinite", with_signature(b"\x30\x80" * 200000)
    yield "asn1-octets", with_signature(b"\x24\x80" * 200000)
    yield "asn1-long", with_signature(b"\x30\x84\x7f\xff\xff\xff" + bytes(4000))
    yield "asn1-tag", with_signature(b"\x3f" + b"\xff" * 100000 + b"\x01\x00")
    yield "asn1-integers", with_signature(tlv(0x30, b"\x02\x01\x01" * 500000))
    oid = tlv(6, b"\x2a" + b"\xff" * 400000 + b"\x01")
    yield "asn1-oid", with_signature(tlv(0x30, oid))
    cert = certificate("rsa2048")
    made = signed_data("rsa2048", [cert], b"\x11" * 256)
    yield "cms-certificates", with_signature(signed_data("rsa2048", [certificate("rsa2048", n % 3) for n in range(3)] * 700, b"\x11" * 256))
    yield "cms-signers", with_signature(signed_data("rsa2048", [cert], b"\x11" * 256, copies=20000))
    attributes = cms.CMSAttributes([
        cms.CMSAttribute({"type": "message_digest", "values": [b"\x11" * 32]})] * 30000)
    yield "cms-attributes", with_signature(signed_data("rsa2048", [cert], b"\x11" * 256, signed=attributes))
    values = cms.CMSAttributes([cms.CMSAttribute({"type": "message_digest", "values": [b"\x11" * 32] * 60000})])
    yield "cms-values", with_signature(signed_data("rsa2048", [cert], b"\x11" * 256, signed=values))
    yield "cms-cut", with_signature(made[:-9])


def ranges():
    made = signed_data("rsa2048", [certificate("rsa2048")], b"\x11" * 256)
    for n, byte_range in enumerate((
            b"[0 9999999999 999999999 999999999]", b"[0 -1 5 5]", b"[]", b"null", b"[0 1.5 2 3]", b"[3 0 R 1 2 3]", b"[0 1 1 99999999999999999999]",
            b"[" + b"1 " * 14 + b"]")):
        yield f"range-{n}", with_signature(made, byte_range)
    data = with_signature(made)
    yield "range-million", data.replace(b"/ByteRange [", b"/ByteRange [" + b"0 " * 1000000, 1)
    yield "range-missing", data.replace(b"/ByteRange", b"/ByteRangf")
    yield "contents-missing", data.replace(b"/Contents", b"/Contentt")
    yield "contents-null", re.sub(rb"/Contents<[^>]*>", b"/Contents null", data)
    yield "contents-long", with_signature(bytes(6 << 20))


# Syntax.

def syntax():
    for name, deep in (("arrays", b"[" * 1000000), ("dicts", b"<</A" * 500000), ("strings", b"(" * 1000000),
                       ("closed", b"[" * 500000 + b"]" * 500000), ("mixed", b"[<</A" * 300000)):
        yield f"deep-{name}", pdf(CATALOG | {4: deep})
        yield f"deep-{name}-catalog", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/X " + deep + b">>>>"})
    yield "wide-array", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[" + b"4 0 R " * 1000000 + b"]>>>>", 4: b"<<>>"})
    yield "wide-name", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R/" + b"A" * 8000000 + b" 1>>"})
    yield "many-keys", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R" + b"".join(b"/K%d 1" % n for n in range(400000)) + b">>"})
    yield "many-objects", pdf(CATALOG | {n: b"<</A %d 0 R/B %d 0 R>>" % (n + 1, n + 2) for n in range(4, 150000)})
    tree = {n: b"<</T(a)/FT/Sig/Parent %d 0 R/Kids[%d 0 R %d 0 R]>>" % (n // 2 + 2, 2 * n - 4, 2 * n - 3) for n in range(6, 60000)}
    yield "field-tree", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[6 0 R]>>>>"} | tree)
    chain = {n: b"<</T(a)/Kids[%d 0 R]/Parent %d 0 R>>" % (n + 1, n - 1) for n in range(6, 60000)}
    yield "field-chain", pdf(CATALOG | {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[6 0 R]>>>>"} | chain)
    pages = {n: b"<</Type/Pages/Count 9/Kids[%d 0 R %d 0 R]>>" % (n + 1, n + 1) for n in range(6, 5000)}
    yield "page-doubling", with_signature(bytes(9), more=pages, catalog=b"").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[6 0 R]/Count 1")
    yield "page-circle", pdf(CATALOG | {2: b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"})
    for name, dictionary, data in (
            ("bomb", FLATE, zlib.compress(ZEROS, 9)),
            ("twice", b"/Filter[/FlateDecode/FlateDecode]", zlib.compress(zlib.compress(ZEROS, 9), 9)),
            ("predictor", FLATE + b"/DecodeParms<</Predictor 15/Columns 2147483647/Colors 32/BitsPerComponent 16>>", zlib.compress(ZEROS, 9)),
            ("lzw", b"/Filter/LZWDecode", b"\x80" + b"\x00" * 4000000),
            ("run", b"/Filter/RunLengthDecode", b"\x81\x00" * 2000000),
            ("hex", b"/Filter[" + b"/ASCIIHexDecode" * 2000 + b"]", b"30" * 100000)):
        holder = b"/Type/ObjStm/N 100000/First 1000000" + dictionary
        yield f"object-stream-{name}", with_stream_section({4: stream(data, holder)}, [(2, 4, 0), (2, 4, 1)])
        yield f"section-{name}", pdf(CATALOG) + b"9 0 obj\n" + stream(data, b"/Type/XRef/W[1 4 2]/Size 9000000/Root 1 0 R" + dictionary) + \
            b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(pdf(CATALOG))
    data = pdf(CATALOG)
    at = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    yield "prev-circle", update(data, {3: CATALOG[3]}, b"/Root 1 0 R/Size 4/Prev %d" % (len(data) + 70))
    many = data
    for _ in range(3000):
        many = update(many, {3: CATALOG[3]})
    yield "sections-3000", many
    yield "size", data.replace(b"/Size 4", b"/Size 999999999")
    yield "table", data[:at] + b"xref\n0 999999999\n" + b"0000000000 65535 f \n" * 4 + b"trailer<</Size 999999999/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % at
    yield "eofs", data + b"%%EOF\n" * 1000000
    yield "startxrefs", data + b"startxref\n9\n%%EOF\n" * 300000
    yield "spaces", b" " * 1000 + data + b" " * 8000000
    yield "comments", data.replace(b"trailer", b"%" * 8000000 + b"\ntrailer")
    yield "nothing", b""
    yield "noise", os.urandom(4 << 20)
    yield "header", b"%PDF-1.7\n" * 500000


def with_stream_section(objects, entries):
    out, places = io.BytesIO(), {}
    out.write(b"%PDF-1.7\n")
    for number, body in (CATALOG | objects).items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    rows = [(0, 0, 65535)] + [(1, places[n], 0) for n in sorted(places)] + entries * 40000
    at = out.tell()
    body = b"".join(bytes([k]) + a.to_bytes(4, "big") + b.to_bytes(2, "big") for k, a, b in rows)
    out.write(b"%d 0 obj\n" % len(rows) + packed(body, b"/Type/XRef/W[1 4 2]/Root 1 0 R/Size %d" % (len(rows) + 1)) + b"\nendobj\n")
    out.write(b"startxref\n%d\n%%%%EOF\n" % at)
    return out.getvalue()


# What came after a true signature.

def signed():
    return party.sign(bases.saved(bases.with_form(bases.document())), "First")


def numbers_of(data):
    size = max(int(n) for n in re.findall(rb"/Size (\d+)", data))
    root = int(re.findall(rb"/Root (\d+) \d+ R", data)[-1])
    bodies = {int(n): b for n, b in re.findall(rb"(?s)(?<!\d)(\d+) 0 obj\s(.*?)endobj", data)}
    return size, root, bodies


def later():
    data = signed()
    size, root, bodies = numbers_of(data)
    catalog = bodies[root].rstrip()

    def changed(extra, objects):
        return update(data, {root: catalog[:-2] + extra + b">>"} | objects)

    web = {size + n: b"<</A %d 0 R/B %d 0 R/C %d 0 R>>" % (size + (n * 7 + 1) % 60000, size + (n * 13 + 5) % 60000, size + (n + 1) % 60000)
           for n in range(60000)}
    yield "later-web", changed(b"/Web %d 0 R" % size, web)
    yield "later-doubling", changed(b"/Web %d 0 R" % size, {size + n: b"[%d 0 R %d 0 R]" % (size + n + 1, size + n + 1) for n in range(50000)})
    yield "later-all", update(data, {n: b for n, b in bodies.items()})
    many = data
    for n in range(250):
        many = update(many, {size + n: b"<</N %d>>" % n})
    yield "later-250", many
    many = data
    for n in range(60):
        many = update(many, {size + m: b"<</N %d/M %d 0 R>>" % (n, size + m + 1) for m in range(2000)})
    yield "later-60-by-2000", many
    data_twelve = signed()
    for n in range(12):
        data_twelve = party.sign(data_twelve, f"S{n}")
    size12, root12, bodies12 = numbers_of(data_twelve)
    yield "later-signed-13", update(data_twelve, {size12 + m: b"<</M %d 0 R>>" % (size12 + m + 1) for m in range(20000)})
    for key, item in (("Certs", ZEROS[:64 << 10]), ("CRLs", ZEROS[:8 << 20]), ("OCSPs", ZEROS[:64 << 10])):
        store = {size: b"<</%s[" % key.encode() + b" ".join(b"%d 0 R" % (size + 1 + n) for n in range(2000)) + b"]>>"}
        yield f"store-{key}", changed(b"/DSS %d 0 R" % size, store | {size + 1 + n: packed(item) for n in range(2000)})
    entry = tlv(0x30, b"\x02\x04" + b"\x11\x22\x33\x44" + b"\x17\x0d250101000000Z")
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    name = x509.Name.build({"common_name": "Somebody Else", "country_name": "CN"}).dump()
    tbs = tlv(0x30, b"\x02\x01\x01" + algorithm + name + b"\x17\x0d250101000000Z" + b"\x17\x0d350101000000Z" + tlv(0x30, entry * 300000))
    crl = tlv(0x30, tbs + algorithm + tlv(3, b"\0" + b"\x11" * 256))
    yield "store-long-list", changed(b"/DSS %d 0 R" % size, {size: b"<</CRLs[%d 0 R]>>" % (size + 1), size + 1: packed(crl)})
    yield "store-same-list", changed(b"/DSS %d 0 R" % size, {size: b"<</CRLs[" + b"%d 0 R " % (size + 1) * 300 + b"]>>", size + 1: packed(crl[:1 << 20])})
    twins = [certificate("rsa2048", n, "C=CN/CN=Somebody Else") for n in range(40)]
    yield "store-twins", changed(b"/DSS %d 0 R" % size, {size: b"<</Certs[" + b" ".join(b"%d 0 R" % (size + 1 + n) for n in range(40)) + b"]>>"}
                                 | {size + 1 + n: stream(c.dump()) for n, c in enumerate(twins)})
    form = next(n for n, b in bodies.items() if b"/FT /Tx" in b or b"/FT/Tx" in b)
    field = bodies[form].rstrip()
    ops = b"/Tx BMC q BT /Helv 10 Tf 0 g 2 4 Td (x) Tj ET Q EMC " * 200000
    for name, drawn in (("operators", ops), ("bomb", ZEROS), ("deep", b"[" * 1000000), ("text", b"BT (" + b"x" * 4000000 + b") Tj ET")):
        filled = re.sub(rb"/N \d+ 0 R", b"/N %d 0 R" % size, field)
        filled = re.sub(rb"/V \([^)]*\)", b"", filled)[:-2] + b"/V(x)>>"
        yield f"filled-{name}", update(data, {form: filled, size: packed(drawn, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")})
    page = next(n for n, b in bodies.items() if b"/Type /Page\n" in b or b"/Type/Page/" in b or b"/Type /Page " in b)
    notes = {size + n: b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/P %d 0 R>>" % page for n in range(50000)}
    body = re.sub(rb"/Annots \d+ 0 R|/Annots\s*\[[^\]]*\]", b"", bodies[page]).rstrip()
    yield "later-notes", update(data, notes | {page: body[:-2] + b"/Annots[" + b" ".join(b"%d 0 R" % n for n in notes) + b"]>>"})
    tree = {size + n: b"<</S/P/P %d 0 R/K[%d 0 R %d 0 R]>>" % (size, size + 1 + (2 * n) % 40000, size + 1 + (2 * n + 1) % 40000) for n in range(40000)}
    yield "later-structure", changed(b"/StructTreeRoot %d 0 R" % size, tree)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a>" * 1000000
    yield "later-metadata", changed(b"/Metadata %d 0 R" % size, {size: packed(xmp, b"/Type/Metadata/Subtype/XML")})


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:]
    for family in (syntax, ranges, asn1, cryptography, later, fonts):
        if wanted and family.__name__ not in wanted:
            continue
        for name, data in family():
            (out / f"{name}.pdf").write_bytes(data)


if __name__ == "__main__":
    main()
