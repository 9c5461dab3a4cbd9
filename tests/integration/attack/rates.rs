//! Rate limits by address and by app: 429, and when to come again.

use super::wire::{Target, post, status};
use crate::daemon::Site;
use serde_json::json;

fn site(rate: &str) -> Site {
    Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n[server.rate]\n{rate}\n")).unwrap();
    })
}

fn login(site: &Site, app: &str, key: &str) -> Vec<u8> {
    let body = json!({"appId": site.env[app], "appKey": site.env[key]}).to_string();
    post("/auth/login", "application/json", body.as_bytes())
}

#[test]
fn an_address_has_its_rate_and_another_its_own() {
    let daemon = site("per_address = 2\nrefused_per_address = 3").start();
    let target = Target::of(&daemon.site);
    let request = login(&daemon.site, "HUFU_APP_ID", "HUFU_APP_KEY");
    let answers: Vec<String> = (0..30).map(|_| target.ask(2, &request)).collect();
    let served = answers.iter().filter(|a| status(a) == 200).count();
    let told: Vec<&String> = answers.iter().filter(|a| status(a) == 429).collect();
    println!("per address: {served} served, {} told 429", told.len());
    assert!(served >= 4, "the burst is twice the rate: {served}");
    let first = told.first().expect("nobody was told 429");
    assert!(first.to_lowercase().contains("retry-after: 1") && first.contains("\"code\":429"), "{first}");
    assert_eq!(status(&target.ask(3, &request)), 200, "another address");
    // Who guesses keys is slowed further.
    let mut wrong = login(&daemon.site, "HUFU_APP_ID", "HUFU_APP2_KEY");
    let answers: Vec<u16> = (0..30).map(|_| status(&target.ask(4, &wrong))).collect();
    assert!(answers.contains(&429), "{answers:?}");
    wrong.clear();
}

#[test]
fn an_app_has_its_rate_whatever_its_addresses() {
    let daemon = site("per_app = 2").start();
    let target = Target::of(&daemon.site);
    let token = daemon.client().token;
    let head =
        format!("GET /hufu/x/seals HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntoken: {token}\r\n\r\n");
    let answers: Vec<String> = (0..30).map(|n| target.ask(20 + n, head.as_bytes())).collect();
    let served = answers.iter().filter(|a| a.contains("\"code\":200")).count();
    let told = answers.iter().filter(|a| status(a) == 429).count();
    println!("per app: {served} served, {told} told 429 from 30 addresses");
    assert!(served >= 4 && told > 0);
    let other = daemon.second_client();
    let answer = other.try_send("GET", "/x/seals", "application/json", b"").unwrap();
    assert_eq!(answer.code(), 200, "another app: {:?}", answer.body);
}
