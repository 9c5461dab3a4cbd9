"""Lets pyHanko judge the signatures of a PDF by the AdES rules for long-term validation (EN 319 102-1 5.5, 5.6), with
nothing fetched: what the file itself carries must do. Prints one JSON object.

usage: pyhanko_lasting.py FILE --trust PEM... [--tsa-trust PEM...]

Run under libfaketime to judge as of another day.
"""

import argparse
import asyncio
import datetime
import json
import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevocationInfoGatheringSpec,
    RevinfoOnlineFetchingRule,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager


def policy(roots, rule):
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[CertTrustAnchor(c) for c in load_certs_from_pemder(roots)]),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule)),
    )


def main():
    args = argparse.ArgumentParser()
    args.add_argument("file")
    args.add_argument("--trust", nargs="+", required=True)
    args.add_argument("--tsa-trust", nargs="+", default=[])
    args = args.parse_args()

    spec = PdfSignatureValidationSpec(
        SignatureValidationSpec(
            # Every certificate of the signer's chain must be proven good by what the file carries.
            cert_validation_policy=policy(args.trust, RevocationCheckingRule.CRL_OR_OCSP_REQUIRED),
            # Of the newest time stamp's authority only who is online can tell; the file cannot.
            ts_cert_validation_policy=policy(args.tsa_trust or args.trust, RevocationCheckingRule.NO_CHECK),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
            local_knowledge=LocalKnowledge(known_certs=list(load_certs_from_pemder(args.tsa_trust or args.trust))),
        )
    )

    async def judge(embedded):
        return await ades_lta_validation(embedded, spec)

    with open(args.file, "rb") as handle:
        reader = PdfFileReader(handle, strict=True)
        found = []
        for embedded in reader.embedded_regular_signatures:
            result = asyncio.run(judge(embedded))
            verdict = result.ades_subindic
            status = result.api_status
            found.append(
                {
                    "field": embedded.field_name,
                    "indication": verdict.status.name,
                    "sub_indication": None if verdict.status.name == "PASSED" else verdict.standard_name,
                    "best_signature_time": result.best_signature_time.isoformat(),
                    "modification": status.modification_level.name if status and status.modification_level else None,
                    "failure": str(result.failure_msg) if result.failure_msg else None,
                    "time_stamps": sum(1 for _ in reader.embedded_timestamp_signatures),
                }
            )
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    json.dump({"now": now, "signatures": found}, sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the judge's own refusal is a verdict too
        json.dump({"error": f"{type(error).__name__}: {error}"}, sys.stdout, ensure_ascii=False)
        sys.exit(1)
