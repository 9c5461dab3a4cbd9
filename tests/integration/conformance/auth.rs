//! 3、令牌相关接口

use super::{Request, Table, client, client_of_signer, daemon, person};
use crate::daemon::Client;
use serde_json::json;

fn login() -> Request {
    let env = &daemon().site.env;
    Request::new("POST", "/auth/login", json!({"appId": env["HUFU_APP_ID"], "appKey": env["HUFU_APP_KEY"]}))
}

#[test]
fn logging_in() {
    let client = Client::new(&daemon().site, true);
    let answer = login().send(&client);
    assert_eq!((answer.status, answer.code(), answer.msg().as_str()), (200, 200, "成功"));
    assert!(answer.token.is_some_and(|t| !t.is_empty() && t.is_ascii()));

    // A signer's token.
    let signer = person();
    let answer = login().with("signerId", signer.clone()).send(&client);
    assert_eq!(answer.code(), 200);
    let number: u64 = signer.parse().unwrap();
    assert_eq!(login().with("signerId", number).send(&client).code(), 200);

    for (what, request, code, words) in [
        ("appId left out", login().without("appId"), 201, "appId"),
        ("appKey left out", login().without("appKey"), 201, "appKey"),
        ("appId empty", login().with("appId", ""), 201, "appId"),
        ("appKey empty", login().with("appKey", ""), 201, "appKey"),
        ("appKey is an object", login().with("appKey", json!({})), 201, "appKey"),
        ("signerId is a word", login().with("signerId", "abc"), 201, "signerId 格式不正确"),
        ("signerId is negative", login().with("signerId", "-1"), 201, "signerId"),
        ("signerId is a fraction", login().with("signerId", 1.5), 201, "signerId"),
        ("unknown signerId", login().with("signerId", "999999999"), 20206, "用户不存在"),
        ("wrong appKey", login().with("appKey", "wrong"), 402, ""),
    ] {
        let answer = request.send(&client);
        assert_eq!((answer.code(), answer.status), (code, 200), "{what}: {:?}", answer.body);
        assert!(answer.msg().contains(words), "{what}: {}", answer.msg());
        assert!(answer.token.is_none(), "{what}: a token came with a refusal");
    }
}

#[test]
fn the_pinned_app_needs_its_certificate() {
    let bare = Client::new(&daemon().site, false);
    let answer = login().send(&bare);
    assert_eq!(answer.code(), 403, "{:?}", answer.body);
    // And a token that was given over mutual TLS is of no use without the certificate.
    let mut thief = bare;
    thief.token = client().token;
    assert_eq!(thief.post("/user/userInfo/signerIds", &json!({})).code(), 401);
}

#[test]
fn tokens_that_are_not_ours() {
    let good = client();
    let mut table = Vec::new();
    for token in ["", "x", "null", "Bearer abc", "eyJhbGciOiJub25lIn0.e30."] {
        table.push(token.to_owned());
    }
    // One changed character, anywhere.
    for at in [0, good.token.len() / 2, good.token.len() - 1] {
        let mut changed: Vec<char> = good.token.chars().collect();
        changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
        table.push(changed.into_iter().collect());
    }
    for token in table {
        let mut client = good.clone();
        client.token.clone_from(&token);
        let answer = client.post("/user/userInfo/signerIds", &json!({}));
        assert_eq!((answer.code(), answer.status), (401, 200), "{token:?}: {:?}", answer.body);
    }
}

#[test]
fn a_fresh_token_is_not_renewed_yet() {
    let client = daemon().client();
    let answer = client.post("/user/userInfo/signerIds", &json!({}));
    assert_eq!(answer.code(), 200);
    assert!(answer.token.is_none(), "renewal comes in the last third of the life");
}

#[test]
fn a_signers_token_is_the_signers() {
    let signer = person();
    let own = client_of_signer(&signer);
    let mut table = Table::default();
    table.ok("its own seal", Request::new("POST", "/moulage/person", json!({"signerId": signer})));
    let other = Request::new("POST", "/moulage/person", json!({"signerId": person()}));
    table.row("another's seal", other, 20001, &["用户无权限"]);
    table.run(&own);
}
