//! The signing calls' extension parameters and every kind of placement, judged by strangers' tools.

use crate::daemon::{Answer, Client, Daemon};
use crate::judges;
use crate::signed_contract::{Parties, contract, register};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

struct Desk {
    daemon: Daemon,
    client: Client,
    parties: Parties,
}

impl Desk {
    fn new() -> Self {
        let daemon = Daemon::new();
        let client = daemon.client();
        let parties = register(&client);
        Self { daemon, client, parties }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.daemon.documents().join(name)
    }

    /// The person signs `from`; `more` are further parameters.
    fn person(&self, from: &Path, to: &Path, more: Value) -> Answer {
        self.sign(self.parties.person, self.parties.person_seal, from, to, more)
    }

    fn company(&self, from: &Path, to: &Path, more: Value) -> Answer {
        self.sign(self.parties.company, self.parties.company_seal, from, to, more)
    }

    /// One more person and their seal. pdfsig 22.12 asks NSS about each signature, and about a certificate that it has just trusted
    /// NSS 3.87 answers, now and then, that there is an unknown issue: who signs for pdfsig signs once.
    fn newcomer(&self) -> (u64, u64) {
        let data = json!({"userName": "李四", "identityRegion": "0", "certifyType": "a", "certifyNum": "110101199003070652"});
        let person = self.client.post("/user/person", &data);
        assert_eq!(person.code(), 200, "{:#}", person.body);
        let signer = person.data("signerId").as_u64().unwrap();
        let seal = self.client.post("/moulage/person", &json!({"signerId": signer.to_string()}));
        (signer, seal.data("moulageId").as_u64().unwrap())
    }

    fn sign(&self, signer: u64, seal: u64, from: &Path, to: &Path, more: Value) -> Answer {
        let mut body =
            json!({"signerId": signer, "moulageId": seal, "contractPath": from, "contractSavePath": to});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.post("/sign/filePath", &body)
    }

    fn roots(&self) -> [PathBuf; 2] {
        ["HUFU_SIGNER_ROOT", "HUFU_TSA_ROOT"].map(|name| PathBuf::from(&self.daemon.site.env[name]))
    }

    /// qpdf and pyHanko take every signature of the file.
    fn judged(&self, file: &Path, signatures: usize) {
        let [signers, stampers] = self.roots();
        judges::qpdf_is_content(file);
        judges::pyhanko_is_content(file, &signers, &stampers, signatures);
    }

    /// And so does pdfsig, which asks the appliance's OCSP responder.
    fn trusted(&self, file: &Path, signatures: usize) {
        self.judged(file, signatures);
        let [signers, stampers] = self.roots();
        judges::pdfsig_is_content(file, self.daemon.site.dir(), &[&signers, &stampers], signatures);
    }
}

/// Pages of several sizes, some of them turned.
fn many_pages(count: usize) -> Vec<u8> {
    let kids: String = (0..count).map(|i| format!("{} 0 R ", i + 3)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Kids[{kids}]/Count {count}/MediaBox[0 0 595 842]>>"),
    ];
    for i in 0..count {
        let odd = ["", "/MediaBox[0 0 842 595]", "/Rotate 90", "/CropBox[50 60 500 700]"][i % 4];
        objects.push(format!("<</Type/Page/Parent 2 0 R/Resources<<>>{odd}>>"));
    }
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = String::new();
    for (i, object) in objects.iter().enumerate() {
        writeln!(rows, "{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
    }
    let (at, size) = (out.len(), objects.len() + 1);
    let tail = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{rows}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n"
    );
    out.extend(tail.bytes());
    out
}

fn refused(answer: &Answer, code: i64, word: &str) {
    assert_eq!(answer.code(), code, "{:#}", answer.body);
    assert!(answer.msg().contains(word), "{} lacks {word}", answer.msg());
}

#[test]
fn a_certified_contract_is_filled_in_by_the_others() {
    let desk = Desk::new();
    let original = contract(&desk.daemon, "c.pdf");
    let (one, two, three) = (desk.path("1.pdf"), desk.path("2.pdf"), desk.path("3.pdf"));
    let certify = json!({
        "certify": "2", "laterFields": "乙方,2,300,100,160,160;witness,1,50,20,100,60", "reason": "同意", "location": "杭州",
        "contact": "legal@example.cn", "signPositionType": "1", "positionContent": "2,150,340",
    });
    assert_eq!(desk.person(&original, &one, certify.clone()).code(), 200);
    desk.judged(&one, 1);
    // The second fills its field, and the time is printed beneath its seal.
    let fill = desk.company(&one, &two, json!({"fieldName": "乙方", "sealClass": "3"}));
    assert_eq!(fill.code(), 200, "{:#}", fill.body);
    desk.judged(&two, 2);
    assert_eq!(judges::changed_area(&one, &two, 1), None);
    let (left, bottom, right, top) = judges::changed_area(&one, &two, 2).unwrap();
    assert!(
        left >= 299.0 && bottom >= 99.0 && right <= 461.0 && top <= 261.0,
        "{left} {bottom} {right} {top}"
    );
    assert!(top - bottom > 120.0, "{bottom} {top}");
    // A place of its own would break the certification, so the third gets the field that is left.
    let at = json!({"signPositionType": "1", "positionContent": "1,300,300"});
    let (witness, seal) = desk.newcomer();
    assert_eq!(desk.sign(witness, seal, &two, &three, at.clone()).code(), 200);
    desk.trusted(&three, 3);
    let (left, bottom, right, top) = judges::changed_area(&two, &three, 1).unwrap();
    assert!(left >= 49.0 && bottom >= 19.0 && right <= 151.0 && top <= 81.0, "{left} {bottom} {right} {top}");
    let nowhere = desk.path("4.pdf");
    refused(&desk.company(&three, &nowhere, at), 20110, "不允许新增可见签名域");
    refused(&desk.company(&three, &nowhere, certify), 20110, "第一个签名");
    refused(&desk.company(&three, &nowhere, json!({"fieldName": "乙方"})), 20110, "签名域不存在或已被使用");
    assert!(!nowhere.exists());
}

#[test]
fn locks_and_certifications_are_kept() {
    let desk = Desk::new();
    let original = contract(&desk.daemon, "c.pdf");
    let (locked, closed, out) = (desk.path("locked.pdf"), desk.path("closed.pdf"), desk.path("out.pdf"));
    let lock =
        json!({"visible": "0", "laterFields": "a,1,50,20,100,60;b,1,200,20,100,60", "lock": "include:a"});
    assert_eq!(desk.person(&original, &locked, lock).code(), 200);
    desk.judged(&locked, 1);
    assert_eq!(judges::changed_area(&original, &locked, 1), None, "an invisible signature");
    refused(&desk.company(&locked, &out, json!({"fieldName": "a"})), 20110, "锁定");
    assert_eq!(desk.company(&locked, &out, json!({"fieldName": "b"})).code(), 200);
    desk.judged(&out, 2);
    let late = json!({"visible": "0", "laterFields": "c,1,50,20,100,60"});
    refused(&desk.company(&locked, &closed, late), 20110, "第一个签名");
    let nothing = json!({"certify": "1", "signPositionType": "1", "positionContent": "1,100,100"});
    assert_eq!(desk.person(&original, &closed, nothing).code(), 200);
    desk.judged(&closed, 1);
    let at = json!({"signPositionType": "1", "positionContent": "1,100,100"});
    refused(&desk.company(&closed, &out, at), 20110, "DocMDP P=1");
    let outside = json!({"visible": "0", "laterFields": "a,1,550,20,100,60"});
    refused(&desk.person(&original, &closed, outside), 201, "laterFields");
}

#[test]
fn seam_seals_run_over_all_pages() {
    let desk = Desk::new();
    let original = desk.path("pages.pdf");
    std::fs::write(&original, many_pages(9)).unwrap();
    let (plain, booklet) = (desk.path("plain.pdf"), desk.path("booklet.pdf"));
    let seam = json!({"sealClass": "1", "seamPages": 4});
    assert_eq!(desk.company(&original, &plain, seam).code(), 200);
    let bound = json!({"sealClass": "1", "seamPages": 4, "seamBooklet": "1"});
    assert_eq!(desk.company(&original, &booklet, bound).code(), 200);
    // pdfsig asks the responder for each of the nine fields, which is more than one address may.
    desk.judged(&plain, 9);
    for number in 1..=9 {
        let (width, ..) = judges::page(&original, number, 72);
        let width = width as f64;
        let (left, _, right, _) = judges::changed_area(&original, &plain, number).unwrap();
        // Nine pages in groups of at most four are three seals of three slices each.
        let slice = 120.0 / 3.0;
        assert!(
            right > width - 2.5 && (right - left - slice).abs() < 4.0,
            "page {number}: {left} to {right}"
        );
        let (left, _, right, _) = judges::changed_area(&original, &booklet, number).unwrap();
        let outer = if number % 2 == 0 { left < 2.5 } else { right > width - 2.5 };
        assert!(outer, "booklet, page {number}: {left} to {right}");
    }
    let single = desk.path("single.pdf");
    std::fs::write(&original, many_pages(1)).unwrap();
    assert_eq!(desk.company(&original, &single, json!({"sealClass": "1"})).code(), 200);
    let (left, _, right, _) = judges::changed_area(&original, &single, 1).unwrap();
    assert!(right > 593.0 && right - left > 111.0, "a whole seal: {left} to {right}");
}

#[test]
fn keywords_are_located_and_signed() {
    let desk = Desk::new();
    let original = contract(&desk.daemon, "c.pdf");
    let found = desk.client.post("/x/locate", &json!({"contractPath": original, "keyword": "甲方盖章处"}));
    assert_eq!(found.code(), 200, "{:#}", found.body);
    let hit = &found.data("hits")[0];
    let corner = |n: usize| hit["rects"][0][n].as_f64().unwrap();
    let number = usize::try_from(hit["page"].as_u64().unwrap()).unwrap();
    let bytes = std::fs::read(&original).unwrap();
    let parts: [(&str, Option<&str>, &[u8]); 2] =
        [("contractPath", Some("c.pdf"), &bytes), ("keyword", None, "甲方盖章处".as_bytes())];
    let stream = desk.client.multipart("/x/locate/stream", &parts);
    assert_eq!(stream.data("hits"), found.data("hits"));
    let none = desk.client.post("/x/locate", &json!({"contractPath": original, "keyword": "没有的词"}));
    assert_eq!((none.code(), none.data("hits").as_array().unwrap().len()), (200, 0));
    refused(&desk.client.post("/x/locate", &json!({"contractPath": original})), 201, "keyword");
    refused(
        &desk.client.post("/x/locate", &json!({"contractPath": "/etc/passwd", "keyword": "a"})),
        20100,
        "不存在",
    );

    let signed = desk.path("signed.pdf");
    let at = json!({"signPositionType": "0", "positionContent": "甲方盖章处"});
    assert_eq!(desk.company(&original, &signed, at).code(), 200);
    let (left, bottom, right, top) = judges::changed_area(&original, &signed, number).unwrap();
    let (x, y) = ((corner(0) + corner(2)) / 2.0, (corner(1) + corner(3)) / 2.0);
    assert!(((left + right) / 2.0 - x).abs() < 2.0 && ((bottom + top) / 2.0 - y).abs() < 2.0, "{x},{y}");
}

#[test]
fn captions_stand_beneath_the_seal() {
    let desk = Desk::new();
    let original = contract(&desk.daemon, "c.pdf");
    let mut bottoms = Vec::new();
    for class in ["0", "2", "3"] {
        let signed = desk.path(&format!("class-{class}.pdf"));
        let more = json!({"sealClass": class, "signPositionType": "1", "positionContent": "1,300,300"});
        assert_eq!(desk.company(&original, &signed, more).code(), 200);
        desk.judged(&signed, 1);
        let (_, bottom, ..) = judges::changed_area(&original, &signed, 1).unwrap();
        bottoms.push(bottom);
    }
    // Three lines of a digest reach further down than one line of time, and that further than the seal.
    assert!(
        (bottoms[0] - 300.0).abs() < 2.0 && bottoms[2] < 298.0 && bottoms[1] < bottoms[2] - 8.0,
        "{bottoms:?}"
    );
}
