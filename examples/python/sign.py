#!/usr/bin/env python3
"""Signs a PDF through the HTTPS API with the standard library alone.   sign.py CLIENT.ENV CONTRACT.PDF"""

import json
import secrets
import ssl
import sys
import urllib.request
import uuid
from pathlib import Path


class Refused(Exception):
    """An answer whose code is not 200."""


class Hufu:
    """A logged-in app. Takes renewed tokens from answers as they come."""

    def __init__(self, env):
        self.url = env["HUFU_URL"]
        self.token = ""
        tls = ssl.create_default_context(cafile=env["HUFU_CA"])
        tls.load_cert_chain(env["HUFU_CLIENT_CERT"], env["HUFU_CLIENT_KEY"])
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls))
        self.post("/auth/login", appId=env["HUFU_APP_ID"], appKey=env["HUFU_APP_KEY"])

    def post(self, path, **parameters):
        body = json.dumps(parameters, ensure_ascii=False).encode()
        return self._send(path, body, "application/json;charset=UTF-8")

    def upload(self, path, file_parameter, content, **parameters):
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in parameters.items()
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{file_parameter}"; filename="contract.pdf"\r\n'
            f"Content-Type: application/pdf\r\n\r\n".encode() + content + b"\r\n"
        )
        parts.append(f"--{boundary}--\r\n".encode())
        return self._send(path, b"".join(parts), f"multipart/form-data; boundary={boundary}")

    def _send(self, path, body, content_type):
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        request.add_header("Content-Type", content_type)
        request.add_header("token", self.token)
        with self.opener.open(request, timeout=60) as response:
            self.token = response.headers.get("token") or self.token
            answer = json.load(response)
        if answer.get("code", 200) != 200 or answer.get("success") is False:
            raise Refused(f"{path}: {answer.get('code')} {answer.get('msg')}")
        return answer.get("data")


def main():
    env_file, contract = sys.argv[1:3]
    env = dict(line.split("=", 1) for line in Path(env_file).read_text().splitlines() if "=" in line)
    hufu = Hufu(env)
    documents = Path(env["HUFU_DOCUMENTS"])

    number = f"11010119{secrets.randbelow(10**10):010d}"
    signer = hufu.post("/user/person", userName="赵六", identityRegion="0", certifyNum=number, phoneNo="13000000000")["signerId"]
    seal = hufu.post("/moulage/person", signerId=str(signer), color="C1")["moulageId"]
    print(f"signer {signer}, seal {seal}")

    signed, stamped = documents / "python-signed.pdf", documents / "python-stamped.pdf"
    summary = hufu.upload(
        "/sign/fileStream", "contractPath", Path(contract).read_bytes(),
        signerId=signer, moulageId=seal, contractSavePath=signed, signPositionType="1", positionContent="1,100,100",
    )["summaryId"]
    stamp = hufu.post("/tsa/pathSign", filePath=str(signed), fileSavePath=str(stamped))["timeStampSignId"]
    print(f"summaryId {summary}, timeStampSignId {stamp}")

    verdict = hufu.upload("/v2/auth/validateContract", "contractFile", stamped.read_bytes(), contractType="0")
    for signature in verdict["contractSignatures"]:
        print(f"{signature['signName']} signed at {signature['signDateFormat']}, unchanged: {signature['validModify']}")


if __name__ == "__main__":
    main()
