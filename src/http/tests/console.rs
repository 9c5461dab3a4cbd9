//! Operators, their roles, and the acts that several must agree to, through the console's calls.

use super::world::{Answer, World};
use crate::ops::{ChannelFiles, Command, Done, NewOperator, Role, Who, channels_in_force};
use hufu_api::RequestId;
use serde_json::{Value, json};
use std::time::Duration;

fn call() -> crate::ops::Call {
    crate::ops::Call::operator(RequestId(9), Duration::from_secs(60))
}

/// The certificate of a person, by a letter.
fn certificate(letter: u8) -> [u8; 32] {
    [letter; 32]
}

fn enrol(world: &World, name: &str, role: Role) -> Result<Done, crate::ops::Error> {
    let letter = name.as_bytes()[0];
    let new = NewOperator { name: name.into(), role, client: hex::encode(certificate(letter)) };
    world.appliance.command(&call(), &Who::Local(0), Command::AddOperator(new))
}

/// Admins anna and bao, operator chen, auditor dora; two must agree.
fn world() -> World {
    let world = World::new();
    for name in ["anna", "bao"] {
        assert!(matches!(enrol(&world, name, Role::Admin), Ok(Done::Answer(_))), "the first admins");
    }
    world
}

/// Enrols somebody as two admins would.
async fn enrolled(world: &mut World, name: &str, role: Role) {
    let letter = name.as_bytes()[0];
    let new =
        json!({"add_operator": {"name": name, "role": role, "client": hex::encode(certificate(letter))}});
    let id = waits(&give(world, b'a', &new).await);
    assert!(give(world, b'b', &json!({"approve": id})).await.body["Ok"]["id"].is_string());
    assert_eq!(give(world, b'a', &json!({"carry_out": id})).await.body["Ok"]["name"], name);
}

async fn give(world: &mut World, letter: u8, command: &Value) -> Answer {
    world.client = Some(certificate(letter));
    let fields = [("content-type", "application/json"), ("hufu-console", "1")];
    world.send_with("POST", "/console/api/command", &fields, command.to_string().into_bytes()).await
}

async fn look(world: &mut World, letter: u8, path: &str) -> Answer {
    world.client = Some(certificate(letter));
    world.get(&format!("/console/api/{path}")).await
}

fn waits(answer: &Answer) -> String {
    answer.body["Waits"]["id"].as_str().unwrap_or_else(|| panic!("{:?}", answer.body)).to_owned()
}

fn new_app(id: &str) -> Value {
    json!({"add_app": [{"id": id, "name": "Loans", "kind": "test", "clients": [], "roots": [], "key": null}, {}]})
}

#[tokio::test]
async fn only_operators_see_the_console() {
    let mut world = world();
    world.client = None;
    assert_eq!(world.get("/console/api/whoami").await.status, 403, "no certificate");
    assert_eq!(look(&mut world, b'x', "whoami").await.status, 403, "an app's or a stranger's certificate");
    let me = look(&mut world, b'a', "whoami").await;
    assert_eq!((me.status.as_u16(), &me.body["data"]["name"]), (200, &json!("anna")));
    assert_eq!(me.body["data"]["role"], "admin");
    let status = look(&mut world, b'a', "status").await;
    assert_eq!(status.body["data"]["word"], "up");
}

#[tokio::test]
async fn an_app_is_added_by_two_and_its_key_is_shown_to_who_asked() {
    let mut world = world();
    let id = waits(&give(&mut world, b'a', &new_app("loans")).await);
    assert!(world.appliance.app_views().unwrap().iter().all(|view| view.app.id != "loans"), "not yet");
    let early = give(&mut world, b'a', &json!({"carry_out": id})).await;
    assert!(early.body["Err"].as_str().unwrap().contains("1 of 2 approvals"), "{:?}", early.body);
    let twice = give(&mut world, b'a', &json!({"approve": id})).await;
    assert!(twice.body["Err"].as_str().unwrap().contains("has spoken already"), "{:?}", twice.body);
    assert_eq!(look(&mut world, b'b', "status").await.body["data"]["requests"], 1);
    give(&mut world, b'b', &json!({"approve": id})).await;
    let other = give(&mut world, b'b', &json!({"carry_out": id})).await;
    assert!(other.body["Err"].is_string(), "only who asked sees the key: {:?}", other.body);
    let done = give(&mut world, b'a', &json!({"carry_out": id})).await;
    assert_eq!(done.body["Ok"]["app"], "loans", "{:?}", done.body);
    assert!(done.body["Ok"]["key"].as_str().unwrap().len() >= 32);
    let again = give(&mut world, b'a', &json!({"carry_out": id})).await;
    assert!(again.body["Err"].as_str().unwrap().contains("no open request"), "once: {:?}", again.body);
    // Each step is in the log, with who did it, and so is the act.
    let events = world.log.events.lock().clone();
    for step in ["requested", "approved", "carried_out"] {
        let step = format!("\"step\":\"{step}\"");
        assert!(events.iter().any(|e| e.contains("\"approve\"") && e.contains(&step)), "{step}");
    }
    let act = events.iter().find(|e| e.contains("change_app") && e.contains("loans")).unwrap();
    assert!(act.contains("anna (approved by anna, bao)"), "{act}");
}

#[tokio::test]
async fn whoever_owns_the_machine_needs_two_as_well() {
    let mut world = world();
    let command: Command = serde_json::from_value(new_app("loans")).unwrap();
    let Ok(Done::Waits(request)) = world.appliance.command(&call(), &Who::Local(0), command) else {
        panic!("carried out")
    };
    assert!(request.approvals.is_empty(), "a user id is nobody's word");
    for letter in [b'a', b'b'] {
        let run = world.appliance.command(&call(), &Who::Local(0), Command::CarryOut(request.id.clone()));
        assert!(run.is_err());
        give(&mut world, letter, &json!({"approve": request.id})).await;
    }
    let run = world.appliance.command(&call(), &Who::Local(0), Command::CarryOut(request.id));
    assert!(matches!(run, Ok(Done::Answer(_))));
    // The first admins were enrolled alone; a third is not.
    assert!(matches!(enrol(&world, "eve", Role::Admin), Ok(Done::Waits(_))));
}

#[tokio::test]
async fn without_enough_admins_nothing_dangerous_is_asked_for() {
    let world = World::new();
    let command: Command = serde_json::from_value(new_app("loans")).unwrap();
    let refused = world.appliance.command(&call(), &Who::Local(0), command).unwrap_err();
    assert!(refused.message.contains("hufu operator add"), "{refused}");
}

#[tokio::test]
async fn roles_hold() {
    let mut world = world();
    enrolled(&mut world, "chen", Role::Operator).await;
    enrolled(&mut world, "dora", Role::Auditor).await;
    // An auditor looks and changes nothing.
    assert_eq!(look(&mut world, b'd', "status").await.status, 200);
    assert!(give(&mut world, b'd', &json!("list_apps")).await.body["Ok"].is_array());
    for command in [new_app("x"), json!({"set_app": [world.app.app, {"name": "Other"}]})] {
        assert!(give(&mut world, b'd', &command).await.body["Err"].is_string());
    }
    // An operator does what is ordinary, asks for what is not, and approves nothing.
    let app = world.app.app.clone();
    let named = give(&mut world, b'c', &json!({"set_app": [app, {"name": "Other"}]})).await;
    assert_eq!(named.body["Ok"]["name"], "Other", "{:?}", named.body);
    assert!(
        give(&mut world, b'c', &json!({"set_app": [app, {"disabled": true}]})).await.body["Ok"].is_object()
    );
    let id = waits(&give(&mut world, b'c', &json!({"set_app": [app, {"disabled": false}]})).await);
    let own = waits(&give(&mut world, b'a', &new_app("y")).await);
    let no = give(&mut world, b'c', &json!({"approve": own})).await;
    assert!(no.body["Err"].as_str().unwrap().contains("only an admin"), "{:?}", no.body);
    // Both admins must agree: who asked is none.
    for (letter, done) in [(b'a', false), (b'b', true)] {
        give(&mut world, letter, &json!({"approve": id})).await;
        let ran = give(&mut world, b'c', &json!({"carry_out": id})).await;
        assert_eq!(ran.body["Ok"].is_object(), done, "{:?}", ran.body);
    }
}

#[tokio::test]
async fn a_request_can_be_withdrawn_and_ends_by_itself() {
    let mut world = world();
    let id = waits(&give(&mut world, b'a', &new_app("x")).await);
    assert!(give(&mut world, b'b', &json!({"withdraw": id})).await.body["Ok"].is_null());
    assert!(give(&mut world, b'b', &json!({"approve": id})).await.body["Err"].is_string());
    let id = waits(&give(&mut world, b'a', &new_app("x")).await);
    world.later(24 * 3_600 + 1);
    assert!(give(&mut world, b'b', &json!({"approve": id})).await.body["Err"].is_string());
    assert_eq!(give(&mut world, b'b', &json!("list_requests")).await.body["Ok"], json!([]));
}

#[tokio::test]
async fn the_last_admins_cannot_be_removed() {
    let mut world = world();
    let id = waits(&give(&mut world, b'a', &json!({"remove_operator": "bao"})).await);
    give(&mut world, b'b', &json!({"approve": id})).await;
    let refused = give(&mut world, b'a', &json!({"carry_out": id})).await;
    assert!(refused.body["Err"].as_str().unwrap().contains("must remain"), "{:?}", refused.body);
}

#[tokio::test]
async fn another_sites_page_gives_no_commands() {
    let mut world = world();
    world.client = Some(certificate(b'a'));
    let list = json!("list_apps").to_string().into_bytes();
    for fields in [
        vec![("content-type", "application/json")],
        vec![("content-type", "text/plain"), ("hufu-console", "1")],
        vec![("content-type", "application/json"), ("hufu-console", "1"), ("sec-fetch-site", "cross-site")],
        vec![
            ("content-type", "application/json"),
            ("hufu-console", "1"),
            ("host", "hufu.example"),
            ("origin", "https://evil.example"),
        ],
    ] {
        let answer = world.send_with("POST", "/console/api/command", &fields, list.clone()).await;
        assert!(answer.status.is_client_error(), "{fields:?}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn one_admin_is_enough_where_the_site_says_so() {
    let mut world = World::with(|operations, _| operations.approvals = 1);
    enrol(&world, "anna", Role::Admin).unwrap();
    assert_eq!(give(&mut world, b'a', &new_app("loans")).await.body["Ok"]["app"], "loans");
    enrol(&world, "chen", Role::Operator).unwrap();
    assert!(
        give(&mut world, b'c', &new_app("more")).await.body["Waits"].is_object(),
        "not an operator alone"
    );
}

#[tokio::test]
async fn people_in_rows_are_masked() {
    let mut world = world().logged_in().await;
    let signer = world.person("110101199003070011").await;
    let app = world.app.app.clone();
    let rows = look(&mut world, b'a', &format!("rows/signers?app={app}")).await;
    let text = rows.body.to_string();
    assert_eq!(rows.body["data"]["rows"][0]["id"], signer);
    for secret in ["张三", "110101199003070011", "13000000000"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("张＊") && text.contains("…0011"), "{text}");
    assert_eq!(look(&mut world, b'a', "rows/secrets?app=x").await.status, 404);
    assert_eq!(look(&mut world, b'a', "rows/signers").await.status, 400, "which app?");
}

#[tokio::test]
async fn changed_channels_wait_for_two_and_serve_on_as_they_were() {
    let mut world = world();
    let files =
        |text: &str| ChannelFiles { digest: hex::encode([text.as_bytes()[0]; 32]), texts: json!(text) };
    let in_force = |world: &World, approvals, text: &str| {
        let found = files(text);
        channels_in_force(world.store.as_ref(), world.log.as_ref(), call().cx, approvals, &found)
            .unwrap()
            .texts
    };
    assert_eq!(in_force(&world, 2, "first"), "first", "nothing was there before");
    assert_eq!(in_force(&world, 2, "other"), "first", "changed, not accepted");
    world.appliance.channels_found(files("other"));
    let wrong = waits(&give(&mut world, b'a', &json!({"accept_channels": files("third").digest})).await);
    let right = waits(&give(&mut world, b'a', &json!({"accept_channels": files("other").digest})).await);
    for id in [&wrong, &right] {
        give(&mut world, b'b', &json!({"approve": id})).await;
    }
    let refused = give(&mut world, b'a', &json!({"carry_out": wrong})).await;
    assert!(refused.body["Err"].as_str().unwrap().contains("hufu reload"), "{:?}", refused.body);
    give(&mut world, b'a', &json!({"carry_out": right})).await;
    assert_eq!(in_force(&world, 2, "other"), "other");
    assert_eq!(in_force(&world, 1, "last"), "last", "one is enough where the site says so");
    let events = world.log.events.lock().clone();
    assert_eq!(
        events.iter().filter(|e| e.contains("channels_sha256")).count(),
        3,
        "each change is on record"
    );
}
