"""Signs one PDF again and again with pyHanko and a PKCS#11 token, and says how often a second. The key is destroyed after it.

usage: MODULE PIN-FILE KEY-LABEL CERTIFICATE-DER PDF SECONDS
"""

import hashlib
import io
import resource
import sys
import time

import PyKCS11
from asn1crypto import algos, core, keys, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

module, pin_file, label, certificate, pdf, seconds = sys.argv[1:]
library = PyKCS11.PyKCS11Lib()
library.load(module)


def opened():
    for slot in library.getSlotList(tokenPresent=True):
        session = library.openSession(slot, PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
        if session.findObjects([(PyKCS11.CKA_LABEL, label)]):
            session.login(open(pin_file).readline().strip())
            return session
        session.closeSession()
    sys.exit(f"no token has {label}")


session = opened()
private = session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_LABEL, label)])[0]
rsa = session.getAttributeValue(private, [PyKCS11.CKA_KEY_TYPE])[0] == PyKCS11.CKK_RSA
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class TokenSigner(signers.Signer):
    async def async_sign_raw(self, data, digest_algorithm, dry_run=False):
        if dry_run:
            return bytes(256 if rsa else 72)
        digest = hashlib.sha256(data).digest()
        if rsa:
            return bytes(session.sign(private, DIGEST_INFO + digest, PyKCS11.Mechanism(PyKCS11.CKM_RSA_PKCS, None)))
        raw = bytes(session.sign(private, digest, PyKCS11.Mechanism(PyKCS11.CKM_ECDSA, None)))
        half = len(raw) // 2
        numbers = (int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        return algos.DSASignature({"r": numbers[0], "s": numbers[1]}).dump()


signer = TokenSigner(
    signing_cert=x509.Certificate.load(open(certificate, "rb").read()),
    cert_registry=SimpleCertificateStore(),
    signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa" if rsa else "sha256_ecdsa"}),
    embed_roots=True,
)
metadata = signers.PdfSignatureMetadata(field_name="Bench", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
content = open(pdf, "rb").read()
try:
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < float(seconds):
        out = io.BytesIO()
        signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), metadata, signer=signer, output=out)
        count += 1
    took = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{count / took:.1f} documents/s, peak {peak} MiB")
finally:
    for found in session.findObjects([(PyKCS11.CKA_LABEL, label)]):
        session.destroyObject(found)
    session.logout()
