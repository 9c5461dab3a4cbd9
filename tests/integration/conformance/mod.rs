//! The 摘要签署 API, row by row: every parameter table of the document against the real daemon over TLS.
//!
//! A table's rows start from a request that succeeds and change one thing. Decisions on what the document leaves open
//! are listed in `docs/API.md`.

mod auth;
mod evidence;
mod seals;
mod signing;
mod surface;
mod users;

use crate::daemon::{Answer, Client, Daemon};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// One daemon for all tables; each row brings its own signers.
pub fn daemon() -> &'static Daemon {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    DAEMON.get_or_init(Daemon::new)
}

/// A client logged in as the first app.
pub fn client() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| daemon().client()).clone()
}

fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A mainland identity number that no row has used yet.
pub fn fresh_identity() -> String {
    format!("11010119{:010}", next())
}

/// A social credit code that no row has used yet.
pub fn fresh_credit_code() -> String {
    format!("9133{:014}", next())
}

/// A business id that no row has used yet.
pub fn fresh_sid() -> String {
    format!("sid-{}", next())
}

/// A request that succeeds: method, path, body.
#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: &'static str,
    pub body: Map<String, Value>,
}

impl Request {
    pub fn new(method: &'static str, path: &'static str, body: Value) -> Self {
        Self { method, path, body: body.as_object().unwrap().clone() }
    }

    /// With a parameter set.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.body.remove(name);
        self
    }

    pub fn send(&self, client: &Client) -> Answer {
        self.send_to(client, self.path)
    }

    /// The same body to another path.
    pub fn send_to(&self, client: &Client, path: &str) -> Answer {
        let text = Value::Object(self.body.clone()).to_string();
        client.send(self.method, path, "application/json;charset=UTF-8", text.as_bytes())
    }
}

/// What a row expects: a code, and words that the message must hold.
pub struct Row {
    what: String,
    request: Request,
    code: i64,
    words: Vec<&'static str>,
}

/// A table under test; all rows are run and all failures told at once.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn row(&mut self, what: &str, request: Request, code: i64, words: &[&'static str]) {
        self.rows.push(Row { what: what.to_owned(), request, code, words: words.to_vec() });
    }

    pub fn ok(&mut self, what: &str, request: Request) {
        self.row(what, request, 200, &[]);
    }

    /// 201 with the parameter's name in the message.
    pub fn bad(&mut self, what: &str, request: Request, parameter: &'static str) {
        self.row(what, request, 201, &[parameter]);
    }

    /// The rows that every required text parameter has: left out, null, empty, and of wrong types.
    pub fn required(&mut self, make: &dyn Fn() -> Request, parameter: &'static str) {
        self.row(&format!("{parameter} left out"), make().without(parameter), 201, &[parameter, "为空"]);
        self.row(
            &format!("{parameter} null"),
            make().with(parameter, Value::Null),
            201,
            &[parameter, "为空"],
        );
        self.row(&format!("{parameter} empty"), make().with(parameter, ""), 201, &[parameter]);
        self.wrong_types(make, parameter);
    }

    /// The rows that every optional parameter has.
    pub fn optional(&mut self, make: &dyn Fn() -> Request, parameter: &'static str) {
        self.ok(&format!("{parameter} left out"), make().without(parameter));
        self.ok(&format!("{parameter} null"), make().with(parameter, Value::Null));
        self.wrong_types(make, parameter);
    }

    fn wrong_types(&mut self, make: &dyn Fn() -> Request, parameter: &'static str) {
        for (kind, value) in [("an object", json!({})), ("an array", json!([1])), ("a boolean", json!(true))]
        {
            self.bad(&format!("{parameter} is {kind}"), make().with(parameter, value), parameter);
        }
    }

    /// One row per value of an enumeration, and some that are not in it.
    pub fn choice(
        &mut self,
        make: &dyn Fn() -> Request,
        parameter: &'static str,
        good: &[&str],
        wrong: &[&str],
    ) {
        for value in good {
            self.ok(&format!("{parameter} = {value}"), make().with(parameter, *value));
        }
        for value in wrong {
            self.bad(&format!("{parameter} = {value:?}"), make().with(parameter, *value), parameter);
        }
    }

    pub fn run(self, client: &Client) {
        let rows = self.rows.len();
        let mut wrong = Vec::new();
        for row in self.rows {
            let answer = row.request.send(client);
            let msg = answer.msg();
            let words = row.words.iter().all(|w| msg.contains(w));
            let typed = answer.content_type.eq_ignore_ascii_case("application/json;charset=UTF-8");
            let success =
                if row.code == 200 { answer.body["msg"] == true } else { answer.body["msg"].is_string() };
            if answer.code() != row.code || !words || answer.status != 200 || !typed || !success {
                wrong.push(format!(
                    "{} {}: {}: wanted {} {:?}, got HTTP {} {} {}",
                    row.request.method,
                    row.request.path,
                    row.what,
                    row.code,
                    row.words,
                    answer.status,
                    answer.content_type,
                    answer.body
                ));
            }
        }
        assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// A fresh person's signerId, with a phone.
pub fn person() -> String {
    id(&Request::new(
        "POST",
        "/user/person",
        json!({"userName": "张三", "identityRegion": "0", "certifyNum": fresh_identity(), "phoneNo": "13000000000"}),
    ))
}

/// A fresh company's signerId.
pub fn company() -> String {
    id(&Request::new(
        "POST",
        "/user/company",
        json!({"userName": "浙江律讯网络科技有限公司", "certifyType": "1", "certifyNum": fresh_credit_code()}),
    ))
}

/// A fresh seal of a person.
pub fn person_seal(signer: &str) -> String {
    let answer = client().post("/moulage/person", &json!({"signerId": signer}));
    answer.data("moulageId").to_string()
}

fn id(request: &Request) -> String {
    request.send(&client()).data("signerId").to_string()
}

/// A client whose token is that signer's own.
pub fn client_of_signer(signer: &str) -> Client {
    let mut own = client();
    let env = &daemon().site.env;
    let answer = own.post(
        "/auth/login",
        &json!({"appId": env["HUFU_APP_ID"], "appKey": env["HUFU_APP_KEY"], "signerId": signer}),
    );
    assert_eq!(answer.code(), 200, "{:?}", answer.body);
    own.token = answer.token.unwrap();
    own
}
