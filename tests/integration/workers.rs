//! Several signer workers over one token.

use crate::daemon::Site;
use crate::signed_contract::contract;
use serde_json::json;
use std::io::Write;

/// A key is made by one worker and asked of the others at once, while more are being made.
#[test]
fn every_worker_finds_the_keys_that_another_has_just_made() {
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let mut config = std::fs::OpenOptions::new().append(true).open(file).unwrap();
        writeln!(config, "\n[token.signer]\nworkers = 3").unwrap();
    });
    let daemon = site.start();
    let client = daemon.second_client();
    let original = contract(&daemon, "w.pdf");
    let documents = daemon.documents();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (client, original, documents) = (client.clone(), original.clone(), documents.clone());
            scope.spawn(move || {
                for n in 0..8 {
                    let number = format!("1101011990{thread:04}{n:04}");
                    let person = json!({"userName": "多人", "identityRegion": "0", "certifyNum": number});
                    let signer = client.post("/user/person", &person).data("signerId").as_u64().unwrap();
                    let seal = client.post("/moulage/person", &json!({"signerId": signer}));
                    let seal = seal.data("moulageId").as_u64().unwrap();
                    for _ in 0..3 {
                        let answer = client.post(
                            "/sign/filePath",
                            &json!({"signerId": signer, "moulageId": seal, "contractPath": original,
                                "contractSavePath": documents.join(format!("w-{thread}.pdf")),
                                "signPositionType": "1", "positionContent": "1,100,100"}),
                        );
                        assert_eq!(answer.code(), 200, "{:?}", answer.body);
                    }
                }
            });
        }
    });
}
