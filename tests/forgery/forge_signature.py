"""Universal signature forgery, signature wrapping, rewritten signature dictionaries, removed validation data."""

import re

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from increment import Update


def last_contents(data):
    """Start and end of the last /Contents<…>, brackets included."""
    found = list(re.finditer(rb"/Contents\s*(<[0-9A-Fa-f]{200,}>)", data))[-1]
    return found.start(1), found.end(1)


def last_range(data):
    return list(re.finditer(rb"/ByteRange\s*\[([^\]]*)\]", data))[-1]


def padded(text, length):
    """`text` with blanks behind, `length` bytes; None where it does not fit."""
    return text + b" " * (length - len(text)) if len(text) <= length else None


def replaced(data, start, end, text):
    text = padded(text, end - start)
    return None if text is None else data[:start] + text + data[end:]


# Universal forgery: the signature has nothing that could fail.


def contents_in_place(rng, data):
    start, end = last_contents(data)
    value = rng.choice([b"null", b"<>", b"<00>", b"()", b"true", b"0", b"[]", b"<<>>", b"/N", b"<" + b"00" * 64 + b">"])
    return replaced(data, start, end, value)


def byte_range_in_place(rng, data):
    found = last_range(data)
    numbers = [int(n) for n in found[1].split()]
    value = rng.choice([
        "null", "[]", "[0 0 0 0]", "[0 -1 -1 0]", "[0]", "[0 1 2]", "true", "/N", f"[{numbers[0]} {numbers[1]}]",
        f"[-{numbers[0] + 1} {numbers[1]} {numbers[2]} {numbers[3]}]", "[null null null null]", "[0 99999999999999999999 1 1]",
        f"[0 {numbers[1]} {numbers[2]} -{numbers[3]}]", f"[0 {numbers[1]} {numbers[2]} 0]", f"[0 0 {numbers[2]} {numbers[3]}]",
        f"[0 {numbers[1]} {numbers[1]} {numbers[3]}]", f"[1 {numbers[1]} {numbers[2]} {numbers[3]}]"])
    return replaced(data, found.end() - len(b"[%s]" % found[1]), found.end(), value.encode())


def keys_renamed(rng, data):
    out = bytearray(data)
    for key in rng.sample([b"/ByteRange", b"/Contents", b"/Filter", b"/SubFilter"], rng.choice([1, 2])):
        at = data.rfind(key + b"[") if data.rfind(key + b"[") > 0 else data.rfind(key)
        out[at + 1 : at + 2] = b"X"
    return bytes(out)


def dictionary_written_again(rng, data):
    """A later revision's signature dictionary without what would be checked."""
    u = Update(data)
    signature = rng.choice(u.signatures())
    key, value = rng.choice([
        ("/Contents", None), ("/Contents", String(b"")), ("/Contents", String(b"\0")), ("/ByteRange", None), ("/ByteRange", Array([])),
        ("/ByteRange", Array([0, 0, 0, 0])), ("/ByteRange", Array([0, -1, -1, 0])), ("/SubFilter", Name("/none.none")), ("/Filter", None)])
    if value is None:
        del signature[key]
    else:
        signature[key] = value
    u.touch(signature)
    content = u.page(0)
    content.Contents = u.stream(b"BT /F1 12 Tf 72 700 Td (Pay Mallory) Tj ET")
    u.touch(content)
    return u.write()


# Wrapping: the signed bytes are moved to where nobody looks.


def moved_behind(rng, data):
    """The second run of signed bytes is moved to the end; room is made for other content."""
    found = last_range(data)
    a, b, c, d = (int(n) for n in found[1].split())
    room = b"\n%d 0 obj\n<</Type/Catalog>>\nendobj\n" % rng.randrange(1, 9) + b" " * rng.randrange(8, 400)
    moved = data[:c] + room + data[c : c + d] + data[c + d :]
    value = b"[%d %d %d %d]" % (a, b, c + len(room), d)
    at = found.end() - len(b"[%s]" % found[1])
    return replaced(moved, at, found.end(), value)


def hole_widened(rng, data):
    """Bytes of the dictionary stand in the unsigned hole."""
    found = last_range(data)
    a, b, c, d = (int(n) for n in found[1].split())
    before, after = rng.choice([(0, 1), (1, 0), (9, 0), (0, 12), (4, 4), (200, 0), (0, 2)])
    value = b"[%d %d %d %d]" % (a, b - before, c + after, d - after)
    return replaced(data, found.end() - len(b"[%s]" % found[1]), found.end(), value)


def padding_used(rng, data):
    """Something else than zeros behind the signature value."""
    start, end = last_contents(data)
    text = rng.choice([b"41" * 8, b"0" * 15 + b"1", b">/X<00", b" " * 16, b"%" * 16, b"/A/B" * 4])
    if not data[end - 1 - 200 : end - 1].strip(b"0") == b"":
        return None
    at = rng.randrange(end - 200, end - 1 - len(text))
    return data[:at] + text + data[at + len(text) :]


def contents_twice(rng, data):
    """A second /Contents in the signature dictionary, in the zero padding of the first."""
    start, end = last_contents(data)
    text = rng.choice([b">/Contents<00", b">/Reason(x)/Contents<00", b">/ByteRange[0 1 2 3]/Contents<00"])
    at = end - 1 - len(text) - rng.randrange(0, 60) * 2
    return data[:at] + text + data[at + len(text) :]


def covered_in_part(rng, data):
    """The range ends before the revision does."""
    found = last_range(data)
    a, b, c, d = (int(n) for n in found[1].split())
    cut = rng.choice([3, 7, 12, 40, 120, d // 2, d - 1])
    return replaced(data, found.end() - len(b"[%s]" % found[1]), found.end(), b"[%d %d %d %d]" % (a, b, c, d - cut))


# Rewritten metadata of a signature, removed or exchanged signatures.


def entry_rewritten(rng, data):
    u = Update(data)
    signature = rng.choice(u.signatures())
    key, value = rng.choice([
        ("/Reason", String("I agree to everything")), ("/Name", String("Mallory")), ("/M", String("D:20200101000000Z")),
        ("/Location", String("Elsewhere")), ("/ContactInfo", String("mallory@example.org")), ("/Prop_Build", Dictionary(App=Dictionary(Name=Name.X))),
        ("/R", 1), ("/Changes", Array([1, 2, 3]))])
    signature[key] = value
    u.touch(signature)
    return u.write(packed=rng.random() < 0.3)


def entry_in_place(rng, data):
    found = list(re.finditer(rb"/M\s*\(D:(\d)", data))
    if not found:
        return None
    at = rng.choice(found).start(1) + rng.randrange(0, 4)
    return data[:at] + bytes([48 + (data[at] - 48 + 1 + rng.randrange(9)) % 10]) + data[at + 1 :]


def field_emptied(rng, data):
    u = Update(data)
    field = rng.choice([f for f in u.signature_fields() if "/V" in f])
    how = rng.randrange(4)
    if how == 0:
        del field["/V"]
    elif how == 1:
        field.T = String("Other")
    elif how == 2:
        field.V = u.new(Dictionary(**{k[1:]: v for k, v in field.V.items()}, Reason=String("other")))
    else:
        field.Rect = Array([0, 0, 300, 300])
    u.touch(field)
    return u.write()


def signatures_exchanged(rng, data):
    u = Update(data)
    fields = [f for f in u.signature_fields() if "/V" in f]
    signed = {f.V.objgen: f for f in fields}
    if len(signed) < 2:
        return None
    a, b = rng.sample(list(signed.values()), 2)
    a.V, b.V = b.V, a.V
    u.touch(a), u.touch(b)
    return u.write()


def validation_data_removed(rng, data):
    u = Update(data)
    store = u.root.DSS
    how = rng.randrange(6)
    if how == 0:
        del u.root["/DSS"]
    elif how == 1:
        u.root.DSS = Dictionary()
    elif how == 2:
        u.root.DSS = u.new(Dictionary(Certs=Array(list(store.Certs)[:-1])))
    elif how == 3:
        if "/VRI" not in store:
            return None
        if store.is_indirect:
            del store["/VRI"]
            u.touch(store)
            return u.write()
        u.root.DSS = Dictionary(Certs=store.Certs)
    elif how == 4:
        victim = rng.choice(list(store.Certs))
        if rng.random() < 0.5:
            u.free(u.number(victim))
        else:
            u.put(u.number(victim), "<</Length 3>>\nstream\nabc\nendstream")
        return u.write()
    else:
        u.root.DSS = u.new(Dictionary(Certs=Array(list(store.Certs)[: rng.randrange(len(store.Certs))]), Note=String(str(rng.random()))))
    u.trailer["/HufuNonce"] = b"(%d)" % rng.randrange(10**6)
    u.touch(u.root)
    return u.write()


def always(base, state):
    return base != "certified1"


def signed_only(base, state):
    return state in ("once", "twice")


CLASSES = {
    "usf": (signed_only, [contents_in_place, byte_range_in_place, keys_renamed, dictionary_written_again]),
    "swa": (signed_only, [moved_behind, hole_widened, padding_used, contents_twice, covered_in_part]),
    "signature-rewritten": (always, [entry_rewritten, entry_in_place, field_emptied, signatures_exchanged]),
    "dss-removed": (lambda base, state: state == "archived", [validation_data_removed]),
}
