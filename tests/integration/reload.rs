//! A changed configuration takes effect while the appliance serves; a bad one changes nothing.

use crate::daemon::{Client, Daemon, Site};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn change(daemon: &Daemon, from: &str, to: &str) {
    let file = daemon.site.config();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

/// The HTTP status of a wrong login: 200 as documented, 401 where codes are mirrored.
fn wrong_login(site: &Site) -> u16 {
    let client = Client::new(site, true);
    client
        .post("/auth/login", &json!({"appId": site.env["HUFU_APP_ID"], "appKey": "wrong-wrong-wrong"}))
        .status
}

#[test]
fn a_reload_takes_effect_and_nobody_is_refused_meanwhile() {
    let daemon = Daemon::new();
    let before = daemon.pid("network");
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            let env = daemon.site.env.clone();
            let client = Client::new(&daemon.site, true);
            std::thread::spawn(move || {
                let body = json!({"appId": env["HUFU_APP_ID"], "appKey": env["HUFU_APP_KEY"]}).to_string();
                while !stop.load(Ordering::Relaxed) {
                    // A connection of its own each time: one that idles may be closed under any client's hands.
                    let close = [("Connection", "close")];
                    let answer = client.try_send_with(
                        "POST",
                        "/auth/login",
                        "application/json",
                        body.as_bytes(),
                        &close,
                    );
                    assert_eq!(answer.map(|a| a.code()), Ok(200));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    assert_eq!(wrong_login(&daemon.site), 200);
    let more = daemon.site.dir().join("more");
    std::fs::create_dir(&more).unwrap();
    change(&daemon, "[server]\n", "[server]\nhttp_status = \"mirror\"\n");
    change(
        &daemon,
        "[[documents]]",
        &format!("[[documents]]\nname = \"more\"\npath = {more:?}\n\n[[documents]]"),
    );
    let (done, out, why) = daemon.site.hufu(&["reload"]);
    assert!(done && out.contains("in force"), "{out} {why}");
    assert_eq!(wrong_login(&daemon.site), 401, "the new setting is in force");
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().expect("a caller was refused while the configuration changed");
    }
    println!(
        "reload: {} calls served on connections of their own, none refused",
        served.load(Ordering::Relaxed)
    );
    let after = std::fs::read_to_string(daemon.site.dir().join("data/run/network.pid")).unwrap();
    assert_ne!(after.trim(), before.to_string(), "another process took over");
    // A document root that was not there before can be used: the sandbox is a new one too.
    let app = daemon.site.env["HUFU_APP_ID"].clone();
    let (done, _, why) = daemon.site.hufu(&["app", "set", &app, "--root", "more"]);
    assert!(done, "{why}");
    std::fs::write(more.join("file.txt"), b"x").unwrap();
    let path = more.join("file.txt").display().to_string();
    let client = daemon.client();
    assert_eq!(client.post("/cz/in", &json!({"sid": "reload-1", "filePath": path})).code(), 200);
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_serves_on() {
    let daemon = Daemon::new();
    let good = std::fs::read_to_string(daemon.site.config()).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = daemon.site.env["HUFU_URL"].rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for (what, from, to, told) in [
        ("an unknown key", "[server]\n", "[server]\nlissten = 1\n".to_owned(), "lissten"),
        ("no TOML", "[server]\n", "[server\n".to_owned(), "TOML"),
        ("a missing certificate", "tls/server.pem", "tls/absent.pem".to_owned(), "absent.pem"),
        (
            "a missing folder",
            "[[documents]]",
            "[[documents]]\nname = \"gone\"\npath = \"/nonexistent/x\"\n\n[[documents]]".to_owned(),
            "nonexistent",
        ),
        (
            "a taken port",
            &format!("127.0.0.1:{port}"),
            taken.local_addr().unwrap().to_string(),
            "another program",
        ),
    ] {
        std::fs::write(daemon.site.config(), &good).unwrap();
        change(&daemon, from, &to);
        let (done, out, why) = daemon.site.hufu(&["reload"]);
        assert!(!done && why.contains(told), "{what}: {out} {why}");
        std::fs::write(daemon.site.config(), &good).unwrap();
        assert_eq!(
            daemon
                .client()
                .post("/user/signerId/certifyNums", &json!({"certifyNumList": ["110101199003070011"]}))
                .code(),
            20206,
            "{what}"
        );
        println!("reload refused, {what}: {}", why.trim());
    }
    // SIGHUP itself, without the command's own look before.
    std::fs::write(daemon.site.config(), "nonsense = ").unwrap();
    let result = daemon.site.dir().join("data/run/reloaded");
    std::fs::remove_file(&result).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(daemon.supervisor()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let said = loop {
        match std::fs::read_to_string(&result) {
            Ok(said) if said.ends_with('\n') => break said,
            _ => std::thread::yield_now(),
        }
    };
    assert!(said.contains("hufu.toml"), "{said}");
    assert_eq!(wrong_login(&daemon.site), 200);
}
