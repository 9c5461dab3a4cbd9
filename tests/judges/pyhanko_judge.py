"""Lets pyHanko, in strict mode, judge every signature and time stamp of a PDF. Prints one JSON object.

usage: pyhanko_judge.py FILE --trust PEM... [--tsa-trust PEM...] [--other PEM...] [--at ISO-TIME] [--revocation ocsp|crl|dss]
"""

import argparse
import datetime
import json
import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import DocumentSecurityStore, validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule


def main():
    args = argparse.ArgumentParser()
    args.add_argument("file")
    args.add_argument("--trust", nargs="+", default=[])
    args.add_argument("--tsa-trust", nargs="+", default=[])
    args.add_argument("--other", nargs="*", default=[])
    args.add_argument("--at")
    args.add_argument("--revocation", choices=["ocsp", "crl", "dss"],
                      help="what must prove that nobody is revoked: fetched answers, fetched lists, or what the file carries alone")
    args = args.parse_args()

    moment = datetime.datetime.fromisoformat(args.at) if args.at else None

    def revocation(proof):
        """Hard-fail for every certificate below the root; of CAs a list is all that is published."""
        leaf = {"dss": RevocationCheckingRule.CRL_OR_OCSP_REQUIRED, "ocsp": RevocationCheckingRule.OCSP_REQUIRED, "crl": RevocationCheckingRule.CRL_REQUIRED}[proof]
        return CertRevTrustPolicy(RevocationCheckingPolicy(leaf, RevocationCheckingRule.CRL_REQUIRED))

    def context(roots):
        settings = {
            "trust_roots": list(load_certs_from_pemder(roots)),
            "other_certs": list(load_certs_from_pemder(args.other)),
            "moment": moment,
            "allow_fetching": args.revocation in ("ocsp", "crl"),
            "revinfo_policy": revocation(args.revocation) if args.revocation else None,
        }
        if args.revocation == "dss":
            return DocumentSecurityStore.read_dss(reader).as_validation_context(settings)
        return ValidationContext(**settings)

    signers = lambda: context(args.trust)
    stampers = lambda: context(args.tsa_trust or args.trust)

    with open(args.file, "rb") as handle:
        reader = PdfFileReader(handle, strict=True)
        found = []
        for embedded in reader.embedded_signatures:
            stamp = str(embedded.sig_object.get("/Type")) == "/DocTimeStamp"
            if stamp:
                status = validate_pdf_timestamp(embedded, stampers(), diff_policy=DEFAULT_DIFF_POLICY)
            else:
                status = validate_pdf_signature(
                    embedded, signers(), ts_validation_context=stampers(), diff_policy=DEFAULT_DIFF_POLICY
                )
            timestamp = getattr(status, "timestamp_validity", None)
            found.append(
                {
                    "field": embedded.field_name,
                    "kind": "timestamp" if stamp else "signature",
                    "intact": status.intact,
                    "valid": status.valid,
                    "trusted": status.trusted,
                    "coverage": status.coverage.name,
                    "modification": status.modification_level.name if status.modification_level else None,
                    "bottom_line": getattr(status, "bottom_line", status.valid and status.intact and status.trusted),
                    "md": status.md_algorithm,
                    "name": status.signing_cert.subject.native.get("common_name"),
                    "timestamp": None
                    if timestamp is None
                    else {"intact": timestamp.intact, "valid": timestamp.valid, "trusted": timestamp.trusted},
                    "summary": status.summary(),
                }
            )
    json.dump({"signatures": found}, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the judge's own refusal is a verdict too
        json.dump({"error": f"{type(error).__name__}: {error}"}, sys.stdout, ensure_ascii=False)
        sys.exit(1)
