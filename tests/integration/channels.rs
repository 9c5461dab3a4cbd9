//! Which CA serves, as clients see it: order, fallback, back-off, a CA that wants time, and one that says no.

use crate::daemon::{Client, Daemon, Site, top};
use crate::signed_contract::contract;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Put behind the sample CA: it answers as the file `mode` in its folder says.
const MOODS: &str = r#"
def mood(self):
    with open(self.path("mode"), encoding="ascii") as file:
        return file.read().strip()

def enroll(self, params, issue=Channel.enroll):
    if mood(self) == "refuse":
        raise Refused("not on our list")
    if mood(self) == "down":
        raise OSError("closed for the night")
    if mood(self) == "pending":
        with open(self.path("waiting"), "w", encoding="ascii") as file:
            json.dump(params, file)
        return {"ticket": base64.b64encode(b"number 7").decode(), "retry_after_seconds": 1}
    return issue(self, params)

def resume(self, params):
    if mood(self) == "pending":
        return {"ticket": params["ticket"], "retry_after_seconds": 1}
    with open(self.path("waiting"), encoding="ascii") as file:
        return Channel.enroll(self, json.load(file))

Channel.enroll, Channel.resume = enroll, resume
"#;

/// A site whose first channel is that CA, as a program; the local one comes after it.
fn with_program(dir: &Path) {
    let sample = std::fs::read_to_string(top().join("plugins/exec/sample/ca.py")).unwrap();
    let text = sample
        .replace(
            "[\"enroll\", \"authorities\", \"revoke\"]",
            "[\"enroll\", \"authorities\", \"revoke\", \"resume\"]",
        )
        .replace(
            "\"authorities\", \"revoke\") else None",
            "\"authorities\", \"revoke\", \"resume\") else None",
        )
        .replace("if __name__ ==", &format!("{MOODS}\nif __name__ =="));
    let script = dir.join("conf/ca.py");
    std::fs::write(&script, text).unwrap();
    let python = Path::new("/usr/bin/python3").canonicalize().unwrap();
    let folder = dir.join("vendor-ca");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mode"), "ok").unwrap();
    let hash = |path: &Path| hufu_exec::sha256_of(path).unwrap();
    let mut file = format!("kind = \"ca-exec\"\norder = 1\ntimeout_seconds = 20\nprogram = {script:?}\n");
    writeln!(file, "sha256 = \"{}\"", hash(&script)).unwrap();
    writeln!(file, "interpreter = {{ program = {python:?}, sha256 = \"{}\" }}", hash(&python)).unwrap();
    writeln!(file, "folders = [{folder:?}]").unwrap();
    writeln!(file, "[settings]\ndir = {folder:?}").unwrap();
    std::fs::write(dir.join("conf/channels.d/program.toml"), file).unwrap();
}

fn person(client: &Client, number: u64, ca_type: Option<&str>) -> (i64, Value, String) {
    let mut body = json!({"userName": "张三", "identityRegion": "0", "certifyType": "a",
        "certifyNum": (110_101_199_003_070_000 + number).to_string()});
    if let Some(name) = ca_type {
        body["caType"] = name.into();
    }
    let answer = client.post("/user/person", &body);
    (answer.code(), answer.body["data"]["signerId"].clone(), answer.msg())
}

fn certificate(client: &Client, signer: &Value) -> Value {
    let rows = client.send("GET", &format!("/x/certificates?signerId={signer}"), "", b"");
    rows.data("certificates")[0].clone()
}

fn channel_health(daemon: &Daemon) -> Value {
    let health = daemon.health();
    let parts = health["parts"].as_array().unwrap();
    parts.iter().find(|p| p["name"].as_str().unwrap().contains("program")).cloned().unwrap()
}

#[test]
fn cas_are_asked_in_order_and_one_that_is_down_wants_time_or_says_no_is_dealt_with() {
    let daemon = Site::with(with_program).start();
    let client = daemon.client();
    let mood = |mood: &str| std::fs::write(daemon.site.dir().join("vendor-ca/mode"), mood).unwrap();
    assert_eq!(channel_health(&daemon)["state"], "up", "{:#}", daemon.health());

    // The first in order serves; what the request names serves alone.
    let (code, first, msg) = person(&client, 1, None);
    assert_eq!(code, 200, "{msg}");
    assert_eq!(certificate(&client, &first)["channel"], "program", "{}", channel_health(&daemon));
    let (_, local, _) = person(&client, 2, Some("local"));
    assert_eq!(certificate(&client, &local)["channel"], "local");
    assert_eq!(person(&client, 3, Some("nobody")).0, 201);

    // An app has its list, and its own order for each kind of signer and certificate.
    let app = &daemon.site.env["HUFU_APP_ID"];
    let policy = |policy: Value| {
        let (ok, _, err) =
            daemon.site.hufu(&["app", "set", app, "--json", &json!({ "channels": policy }).to_string()]);
        assert!(ok, "{err}");
    };
    policy(json!({"allowed": ["local"]}));
    assert_eq!(person(&client, 20, Some("program")).0, 201, "not this app's");
    let (_, own, _) = person(&client, 21, None);
    assert_eq!(certificate(&client, &own)["channel"], "local");
    policy(json!({"allowed": ["local", "program"], "person_long": ["program", "local"]}));
    let (_, own, _) = person(&client, 22, None);
    assert_eq!(certificate(&client, &own)["channel"], "program");
    let company = client.post(
        "/user/company",
        &json!({"userName": "虎符示例科技有限公司", "certifyType": "1", "certifyNum": "91330100MA27XW0X0H"}),
    );
    assert_eq!(certificate(&client, company.data("signerId"))["channel"], "local");
    policy(json!({}));

    // No is no: 60106 with the CA's words, and nobody else is asked.
    mood("refuse");
    let (code, _, msg) = person(&client, 4, None);
    assert_eq!(code, 60106);
    assert!(msg.contains("program") && msg.contains("not on our list"), "{msg}");

    // Down: the next in order serves, and the CA is left in peace for a while, which /health says.
    mood("down");
    let (code, second, msg) = person(&client, 5, None);
    assert_eq!(code, 200, "{msg}");
    assert_eq!(certificate(&client, &second)["channel"], "local");
    let health = channel_health(&daemon);
    assert!(
        health["state"] != "up" && health["detail"].as_str().unwrap().contains("closed for the night"),
        "{health}"
    );
    let (code, _, msg) = person(&client, 6, Some("program"));
    assert!(code == 60106 && msg.contains("closed for the night") && msg.contains("asked again in"), "{msg}");

    // Back, after its pause: it is the first again.
    mood("pending");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut number = 100;
    let waiting = loop {
        number += 1;
        let (code, signer, msg) = person(&client, number, Some("program"));
        if code == 200 {
            break signer;
        }
        assert!(code == 60106 && std::time::Instant::now() < deadline, "{code} {msg}");
    };

    // It wants time: the user is there, cannot sign yet, and signs once it has decided.
    assert_eq!(certificate(&client, &waiting)["standing"], "pending");
    let original = contract(&daemon, "c.pdf");
    let sign = || {
        let to = daemon.documents().join("signed.pdf");
        client.post(
            "/sign/filePath",
            &json!({"signerId": waiting.to_string(), "moulageId": "-1", "contractPath": original, "contractSavePath": to,
                "signPositionType": "1", "positionContent": "1,100,100"}),
        )
    };
    assert_eq!(sign().code(), 60108);
    mood("ok");
    let signed = loop {
        let answer = sign();
        if answer.code() == 200 {
            break answer;
        }
        assert!(answer.code() == 60108 && std::time::Instant::now() < deadline, "{:?}", answer.body);
    };
    assert!(signed.data("summaryId").as_u64().unwrap() > 0);
    assert_eq!(certificate(&client, &waiting)["standing"], "active");
}
