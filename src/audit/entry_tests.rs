#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use serde_json::json;

fn intent() -> Entry {
    let facts = Facts::from([("document".into(), json!("ab")), ("pages".into(), json!([1, 2]))]);
    let uses = vec![Use {
        digest: [1; 32],
        generation: Generation(2),
        key: KeyId([3; 16]),
        purpose: Purpose::Signer,
    }];
    let actor = Actor { app: Some("demo".into()), ..Actor::default() };
    entry(Body::Intent(Intent { act: Act::Sign, actor, facts, uses }))
}

fn entry(body: Body) -> Entry {
    Entry { number: 17, at: UnixTime::from_millis(1_763_776_932_123), request: RequestId(0xfe), body }
}

fn event(facts: Facts) -> Entry {
    entry(Body::Event(Event { act: Act::Login, actor: Actor::default(), facts, ending: Ending::Done }))
}

#[test]
fn an_intent_has_one_spelling() {
    let bytes = intent().encode().unwrap();
    let expected = format!(
        r#"{{"act":"sign","actor":{{"app":"demo"}},"at":1763776932123,"facts":{{"document":"ab","pages":[1,2]}},"kind":"intent","number":17,"request":"000000000000000000000000000000fe","uses":[{{"digest":"{}","generation":"00000000000000000000000000000002","key":"{}","purpose":"signer"}}],"v":1}}"#,
        "01".repeat(32),
        "03".repeat(16)
    );
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    assert_eq!(Entry::parse(&bytes).unwrap(), intent());
}

#[test]
fn every_kind_comes_back_as_it_went() {
    let outcome =
        Outcome { ending: Ending::Voided, facts: Facts::from([("reason".into(), json!("印\u{1}\""))]) };
    let uses = match intent().body {
        Body::Intent(i) => i.uses,
        _ => unreachable!(),
    };
    for e in [
        intent(),
        event(Facts::new()),
        entry(Body::Outcome { of: 3, act: Act::Sign, outcome }),
        entry(Body::Checkpoint { size: 17, root: [9; 32], uses }),
    ] {
        assert_eq!(Entry::parse(&e.encode().unwrap()).unwrap(), e);
    }
}

#[test]
fn other_spellings_are_refused() {
    let good = String::from_utf8(intent().encode().unwrap()).unwrap();
    for (from, to) in [
        (r#""v":1"#, r#""v": 1"#),
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1"#, r#""v":1,"x":1"#),
        (r#""number":17"#, r#""number":17,"of":3"#),
        (r#""number":17"#, r#""number":17,"size":3"#),
        (r#""number":17"#, r#""number":17.0"#),
        ("fe\"", "FE\""),
        (r#""sign""#, r#""\u0073ign""#),
        (r#""kind":"intent""#, r#""kind":"event""#),
        (r#""act":"sign","#, ""),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(Entry::parse(bad.as_bytes()).is_err(), "accepted {bad}");
    }
}

#[test]
fn what_json_readers_disagree_on_has_no_encoding() {
    let mut deep = json!(1);
    for _ in 0..9 {
        deep = json!([deep]);
    }
    for bad in [json!(1.5), json!(9_007_199_254_740_992_u64), json!({"日": 1}), deep] {
        assert!(matches!(event(Facts::from([("x".into(), bad)])).encode(), Err(EntryError::Facts(_))));
    }
    assert!(event(Facts::from([("x".into(), json!(-9_007_199_254_740_991_i64))])).encode().is_ok());
}

#[test]
fn size_is_bounded() {
    let long = |n: usize| event(Facts::from([("x".into(), json!("a".repeat(n)))])).encode();
    let overhead = long(0).unwrap().len();
    assert!(long(MAX_ENTRY - overhead).is_ok());
    assert_eq!(long(MAX_ENTRY - overhead + 1), Err(EntryError::TooLarge(MAX_ENTRY + 1)));
}
