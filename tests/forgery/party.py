"""Somebody else who signs, stamps and archives: pyHanko with a key of its own."""

import asyncio
import datetime
import hashlib
import io
import logging
from unittest import mock

from asn1crypto import keys, x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.generic import NameObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.signers import pdf_signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

logging.disable(logging.CRITICAL)


def _identity(name, stamping):
    # pyHanko's own clock signs with RSA only.
    key = rsa.generate_private_key(65537, 2048) if stamping else ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(now + datetime.timedelta(days=900))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), True))
    if stamping:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    made = builder.sign(key, hashes.SHA256())
    certificate = asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))
    private = keys.PrivateKeyInfo.load(key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    store = SimpleCertificateStore()
    store.register(certificate)
    return certificate, private, store


_certificate, _key, _store = _identity("Somebody Else", False)
SIGNER = signers.SimpleSigner(signing_cert=_certificate, signing_key=_key, cert_registry=_store)
_certificate, _key, _store = _identity("Somebody's Clock", True)
CLOCK = timestamps.DummyTimeStamper(tsa_cert=_certificate, tsa_key=_key, certs_to_embed=_store)


class Careless(signers.PdfSigner):
    """pyHanko refuses to break a certification; an attacker does not."""

    def _enforce_certification_constraints(self, reader):
        pass


class Posing(pdf_signer.SignatureObject):
    """A signature that calls itself a time stamp."""

    def __init__(self, *args, **keys):
        super().__init__(*args, **keys)
        self["/Type"] = NameObject("/DocTimeStamp")


def sign_as_stamp(data, name, **more):
    with mock.patch.object(pdf_signer, "SignatureObject", Posing):
        return sign(data, name, **more)


def sign(data, name, box=None, page=0, level=None, lock=None, stamp=False, existing=False, **more):
    """One more signature; `level` makes it a certification with that DocMDP level."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data), strict=False)
    if writer.security_handler is not None:
        writer.encrypt(b"")
    metadata = signers.PdfSignatureMetadata(
        field_name=name, certify=level is not None,
        docmdp_permissions=fields.MDPPerm(level) if level else fields.MDPPerm.FILL_FORMS, **more)
    spec = None if existing else fields.SigFieldSpec(name, on_page=page, box=box, field_mdp_spec=lock)
    out = io.BytesIO()
    Careless(metadata, SIGNER, new_field_spec=spec, timestamper=CLOCK if stamp else None).sign_pdf(writer, output=out, in_place=False)
    return out.getvalue()


def certify(data, level):
    return sign(data, "Certification", level=level)


def stamp(data, field=None):
    """A document time stamp, in a field of its own or in one that is there."""
    out = io.BytesIO()
    signers.PdfTimeStamper(CLOCK, field_name=field).timestamp_pdf(
        IncrementalPdfFileWriter(io.BytesIO(data), strict=False), "sha256", output=out, in_place=False)
    return out.getvalue()


def add_validation_data(data):
    """A document security store with the certificates of the first signature, /VRI included."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    reader = PdfFileReader(io.BytesIO(data), strict=False)
    signature = reader.embedded_signatures[0]
    out = io.BytesIO(data)
    DocumentSecurityStore.add_dss(out, signature.pkcs7_content, certs=list(signature.other_embedded_certs) + [signature.signer_cert, SIGNER.signing_cert])
    return out.getvalue()


# What no tool would sign: dictionaries and objects written by hand around a signature that holds.

ROOM = 8192
RANGE = b"/ByteRange[0 0000000000 0000000000 0000000000]"


def unsealed(stamp=False, **more):
    """A signature dictionary without its value, or that of a document time stamp."""
    kind = b"/Type/DocTimeStamp/SubFilter/ETSI.RFC3161" if stamp else b"/Type/Sig/SubFilter/ETSI.CAdES.detached"
    keys = b"".join(b"/%s %s" % (key.encode(), value) for key, value in more.items())
    return b"<<" + kind + b"/Filter/Adobe.PPKLite" + keys + RANGE + b"/Contents<" + b"0" * ROOM + b">>>"


def seal(data, stamp=False):
    """Signs or stamps the whole file around the value that its last signature lacks."""
    at = data.rindex(RANGE)
    start = data.index(b"/Contents<", at) + len(b"/Contents")
    end = start + ROOM + 2
    numbers = b"/ByteRange[0 %010d %010d %010d]" % (start, end, len(data) - end)
    data = data[:at] + numbers + data[at + len(RANGE):]
    digest = hashlib.sha256(data[:start] + data[end:]).digest()
    made = CLOCK.async_timestamp(digest, "sha256") if stamp else SIGNER.async_sign(digest, "sha256", use_pades=True)
    value = asyncio.run(made).dump().hex().encode()
    return data[:start] + b"<" + value.ljust(ROOM, b"0") + b">" + data[end:]
