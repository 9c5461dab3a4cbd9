// A client of the appliance's API, as a platform would write one.

import fs from "node:fs";
import https from "node:https";

const env = process.env;

/** Where the service is, with its prefix. */
export const base = env.HUFU_URL;

let token = null;

function send(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(`${base}${path}`, {
      method,
      headers,
      ca: fs.readFileSync(env.HUFU_CA),
      cert: fs.readFileSync(env.HUFU_CLIENT_CERT),
      key: fs.readFileSync(env.HUFU_CLIENT_KEY),
      timeout: 60_000,
    }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A call that must succeed; answers `data`. */
export async function call(path, parameters) {
  if (token === null) {
    token = "";
    const login = await send("POST", "/auth/login", { "Content-Type": "application/json" },
      JSON.stringify({ appId: env.HUFU_APP_ID, appKey: env.HUFU_APP_KEY }));
    token = login.headers.token;
  }
  const answer = await send("POST", path, { "Content-Type": "application/json", token }, JSON.stringify(parameters));
  const { code, msg, data } = JSON.parse(answer.body);
  if (code !== 200) throw new Error(`${path}: ${code} ${msg}`);
  return data;
}

/** The id of a person of this name, registered once. */
export async function person(name, number) {
  const data = await call("/user/person", { userName: name, identityRegion: "0", certifyType: "a", certifyNum: number });
  return String(data.signerId);
}

/** Signs the sample contract with a seal at a place on page 1 and answers the signed file's path. */
export async function sign(signer, seal, name, place) {
  const contract = `${env.HUFU_DOCUMENTS}/${name}.pdf`;
  const signed = `${env.HUFU_DOCUMENTS}/${name}-signed.pdf`;
  fs.copyFileSync(env.SAMPLE, contract);
  await call("/sign/filePath", {
    signerId: signer, moulageId: String(seal), contractPath: contract, contractSavePath: signed, signPositionType: "1", positionContent: place,
  });
  return signed;
}
