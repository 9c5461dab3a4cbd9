//! 4、用户模块

use super::{
    Request, Table, client, client_of_signer, company, daemon, fresh_credit_code, fresh_identity, person,
};
use serde_json::{Value, json};

fn new_person() -> Request {
    Request::new(
        "POST",
        "/user/person",
        json!({"userName": "张三", "identityRegion": "0", "certifyType": "a", "certifyNum": fresh_identity(),
               "phoneRegion": "0", "phoneNo": "13000000000"}),
    )
}

fn new_company() -> Request {
    Request::new(
        "POST",
        "/user/company",
        json!({"userName": "浙江律讯网络科技有限公司", "certifyType": "1", "certifyNum": fresh_credit_code(),
               "phoneRegion": "0", "phoneNo": "13000000000"}),
    )
}

fn phones(table: &mut Table, make: &dyn Fn() -> Request) {
    let bare = || make().without("phoneRegion").without("phoneNo");
    table.ok("no phone at all", bare());
    table.ok("phoneNo alone means the mainland", make().without("phoneRegion"));
    table.bad("phoneNo alone, not a mainland one", bare().with("phoneNo", "91234567"), "phoneNo");
    table.bad("phoneRegion alone", make().without("phoneNo"), "phoneNo");
    for (region, good, wrong) in [
        (
            "0",
            vec!["13000000000", "19999999999"],
            vec!["23000000000", "1300000000", "130000000000", "1300000000a", ""],
        ),
        ("1", vec!["91234567", "00000000"], vec!["1234567", "123456789", "1234567x"]),
        ("2", vec!["0912345678"], vec!["091234567", "09123456789", "09123x5678"]),
    ] {
        for number in good {
            let request = make().with("phoneRegion", region).with("phoneNo", number);
            table.ok(&format!("phone {region} {number}"), request);
        }
        for number in wrong {
            let request = make().with("phoneRegion", region).with("phoneNo", number);
            table.bad(&format!("phone {region} {number:?}"), request, "phoneNo");
        }
    }
    for region in ["3", "-1", "00", "x"] {
        table.bad(&format!("phoneRegion {region}"), make().with("phoneRegion", region), "phoneRegion");
    }
    table.ok(
        "phoneRegion and phoneNo as numbers",
        make().with("phoneRegion", 0).with("phoneNo", 13_000_000_000_u64),
    );
}

#[test]
fn create_person() {
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &new_person;
    table.ok("the document's sample", make());
    table.required(make, "userName");
    table.required(make, "identityRegion");
    table.required(make, "certifyNum");
    table.optional(make, "certifyType");
    for (length, code) in [(1, 200), (14, 200), (15, 200), (16, 201), (60, 201)] {
        for letter in ["张", "a", "𠮷"] {
            let name = letter.repeat(length);
            let words: &[&'static str] = if code == 201 { &["userName", "格式不正确"] } else { &[] };
            table.row(&format!("{length} × {letter}"), make().with("userName", name), code, words);
        }
    }
    for name in ["阿卜杜拉·买买提", "John Smith", "欧阳娜娜"] {
        table.ok(name, make().with("userName", name));
    }
    for region in ["0", "1", "2", "3", "4"] {
        table.ok(&format!("identityRegion {region}"), make().with("identityRegion", region));
        let number: u64 = region.parse().unwrap();
        table.ok(&format!("identityRegion {region} as a number"), make().with("identityRegion", number));
    }
    for region in ["5", "-1", "a", "00", "0 "] {
        table.bad(
            &format!("identityRegion {region:?}"),
            make().with("identityRegion", region),
            "identityRegion",
        );
    }
    for kind in ["c", "A", "1", "ab"] {
        table.bad(&format!("certifyType {kind}"), make().with("certifyType", kind), "certifyType");
    }
    // Mainland card: 15 digits, or 17 and a digit or X.
    let unique = fresh_identity;
    let with = |number: String| make().with("certifyNum", number);
    table.ok("15 digits", with(unique()[3..].to_owned()));
    table.ok("18 digits", with(unique()));
    table.ok("17 digits and X", with(format!("{}X", &unique()[1..])));
    for (what, number) in [
        ("14 digits", unique()[4..].to_owned()),
        ("16 digits", unique()[2..].to_owned()),
        ("17 digits", unique()[1..].to_owned()),
        ("19 digits", format!("{}1", unique())),
        ("a letter within", format!("{}A{}", &unique()[..8], &unique()[9..])),
        ("another letter at the end", format!("{}Y", &unique()[1..])),
        ("15 with X", format!("{}X", &unique()[4..])),
        ("full-width digits", "１".repeat(18)),
    ] {
        table.bad(what, with(number), "certifyNum");
    }
    // Cards of elsewhere and passports: 5 to 20 letters, digits, brackets, hyphens.
    for (region, kind) in [("1", "a"), ("2", "a"), ("3", "a"), ("4", "a"), ("0", "b"), ("4", "b")] {
        let of = |number: String| with(number).with("identityRegion", region).with("certifyType", kind);
        let digits = unique();
        table.ok(&format!("{region}{kind}: 5"), of(format!("{region}{}", &digits[14..])));
        table.ok(&format!("{region}{kind}: 20"), of(format!("{kind}{region}{}", unique())));
        table.ok(&format!("{region}{kind}: brackets"), of(format!("H{}({region})", &unique()[10..])));
        table.bad(&format!("{region}{kind}: 4"), of("A123".into()), "certifyNum");
        table.bad(&format!("{region}{kind}: 21"), of(format!("{kind}{region}1{}", unique())), "certifyNum");
        table.bad(&format!("{region}{kind}: other letters"), of("护照12345".into()), "certifyNum");
        table.bad(&format!("{region}{kind}: blank within"), of("AB 12345".into()), "certifyNum");
    }
    phones(&mut table, make);
    table.ok("unknown fields are ignored", make().with("colour", "blue"));
    table.run(&client());
}

#[test]
fn create_company() {
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &new_company;
    table.ok("the document's sample", make());
    table.required(make, "userName");
    table.required(make, "certifyType");
    table.required(make, "certifyNum");
    for (length, code) in [(1, 200), (59, 200), (60, 200), (61, 201), (300, 201)] {
        let words: &[&'static str] = if code == 201 { &["userName", "格式不正确"] } else { &[] };
        table.row(&format!("{length} characters"), make().with("userName", "司".repeat(length)), code, words);
    }
    for (kind, length) in [("1", 18), ("2", 18), ("3", 9)] {
        let of = |n: usize| {
            let digits = format!("{kind}{}", fresh_credit_code());
            make().with("certifyType", kind).with("certifyNum", digits[digits.len() - n..].to_owned())
        };
        table.ok(&format!("type {kind} with {length}"), of(length));
        table.bad(&format!("type {kind} with {}", length - 1), of(length - 1), "certifyNum");
        table.bad(&format!("type {kind} with {}", length + 1), of(length + 1), "certifyNum");
        table.bad(
            &format!("type {kind} in Chinese"),
            of(length).with("certifyNum", "码".repeat(length)),
            "certifyNum",
        );
    }
    let number = make().with("certifyType", 1);
    table.ok("certifyType as a number", number);
    for kind in ["0", "4", "a", "11"] {
        table.bad(&format!("certifyType {kind}"), make().with("certifyType", kind), "certifyType");
    }
    phones(&mut table, make);
    table.run(&client());
}

#[test]
fn a_certify_number_is_unique_within_an_app() {
    let client = client();
    let (first, same) = (new_person(), new_company());
    let number = first.body["certifyNum"].clone();
    assert_eq!(first.send(&client).code(), 200);
    let again = first.send(&client);
    assert_eq!(again.code(), 20207);
    assert_eq!(again.msg(), format!("认证号码({})已经存在", number.as_str().unwrap()));
    // Persons and companies share the app's numbers.
    assert_eq!(same.with("certifyNum", number).send(&client).code(), 20207);
    // Another app has its own.
    let other = daemon().second_client();
    assert_eq!(first.send(&other).code(), 200);
}

#[test]
fn one_of_many_at_once_wins() {
    let request = new_person();
    let codes: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (client, request) = (client(), request.clone());
                scope.spawn(move || (0..5).map(|_| request.send(&client).code()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|c| **c == 200).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|c| **c == 20207).count(), 99, "{codes:?}");
}

fn change(path: &'static str, signer: &str, body: Value) -> Request {
    let mut request = Request::new("PATCH", path, body);
    request.body.insert("signerId".into(), signer.into());
    request
}

#[test]
fn change_name_and_phone() {
    let client = client();
    for (path, make, longest, wrong_kind) in [
        ("/user/personNameAndPhone", &person as &dyn Fn() -> String, 15, company()),
        ("/user/companyNameAndPhone", &company as &dyn Fn() -> String, 60, person()),
    ] {
        let mut table = Table::default();
        let patch = |body: Value| change(path, &make(), body);
        let base: &dyn Fn() -> Request = &|| change(path, &make(), json!({"userName": "新的名字"}));
        table.ok("a new name", base());
        table.required(base, "signerId");
        table.bad("signerId not a number", base().with("signerId", "x1"), "signerId");
        table.row("unknown signer", base().with("signerId", "999999999"), 20206, &["用户不存在"]);
        table.row(
            "signer of the other kind",
            base().with("signerId", wrong_kind.clone()),
            20001,
            &["用户无权限"],
        );
        table.row("nothing to change", patch(json!({})), 201, &[]);
        table.ok("longest name", patch(json!({"userName": "名".repeat(longest)})));
        table.bad("too long a name", patch(json!({"userName": "名".repeat(longest + 1)})), "userName");
        table.ok("a new phone", patch(json!({"phoneRegion": "0", "phoneNo": "13911112222"})));
        table.ok("a phone alone", patch(json!({"phoneNo": "13911112222"})));
        table.ok("a phone elsewhere", patch(json!({"phoneRegion": "1", "phoneNo": "91234567"})));
        table.bad("phoneRegion alone", patch(json!({"phoneRegion": "0"})), "phoneNo");
        table.bad("a bad phone", patch(json!({"phoneRegion": "2", "phoneNo": "13911112222"})), "phoneNo");
        table.ok("name and phone", patch(json!({"userName": "又一名字", "phoneNo": "13911112222"})));
        table.run(&client);

        let signer = make();
        let once = change(path, &signer, json!({"userName": "改过的名"}));
        assert_eq!(once.send(&client).code(), 200);
        let twice = once.send(&client);
        assert_eq!(twice.code(), 20001);
        assert!(twice.msg().contains("userName") && twice.msg().contains("与当前值一致"), "{}", twice.msg());
        let phone = change(path, &signer, json!({"phoneNo": "13922223333"}));
        assert_eq!(phone.send(&client).code(), 200);
        let same = phone.send(&client);
        assert_eq!(same.code(), 20001);
        assert!(same.msg().contains("phoneNo"), "{}", same.msg());

        // A signer's own token may change itself, and nobody else.
        let own = client_of_signer(&signer);
        assert_eq!(change(path, &signer, json!({"userName": "自己改名"})).send(&own).code(), 200);
        let other = change(path, &make(), json!({"userName": "改他人名"})).send(&own);
        assert_eq!(other.code(), 20001);
        // Nor may another app.
        let elsewhere = daemon().second_client();
        assert_eq!(change(path, &signer, json!({"userName": "外来改名"})).send(&elsewhere).code(), 20206);
    }
}

#[test]
fn the_new_name_is_the_one_that_is_told() {
    let client = client();
    let signer = person();
    assert_eq!(
        change("/user/personNameAndPhone", &signer, json!({"userName": "新名"})).send(&client).code(),
        200
    );
    let answer = client.post("/user/userInfo/signerIds", &json!({"signerIdList": [signer]}));
    assert_eq!(answer.body["data"]["userList"][0]["userName"], "新名");
}

#[test]
fn look_signers_up_by_number() {
    let client = client();
    let (number, other) = (fresh_identity(), fresh_identity());
    let make = |n: &str| new_person().with("certifyNum", n).send(&client).data("signerId").clone();
    let (first, second) = (make(&number), make(&other));
    let ask = |list: Value| client.post("/user/signerId/certifyNums", &json!({"certifyNumList": list}));

    assert_eq!(ask(json!([number])).body["data"], json!([{ number.clone(): first }]));
    assert_eq!(
        ask(json!([other, number])).body["data"],
        json!([{ other: second }, { number.clone(): first }])
    );
    assert_eq!(ask(json!([number, "99999"])).body["data"], json!([{ number.clone(): first }]));
    // JSONString: a string that holds the array.
    assert_eq!(ask(json!(json!([number]).to_string())).body["data"], json!([{ number.clone(): first }]));
    let none = ask(json!(["99999", "88888"]));
    assert_eq!((none.code(), none.msg().as_str()), (20206, "用户不存在"));
    for wrong in [
        json!([]),
        json!("[]"),
        json!("nonsense"),
        json!({}),
        json!(7),
        json!([["1"]]),
        Value::Null,
        json!(""),
    ] {
        let answer = ask(wrong.clone());
        assert_eq!(answer.code(), 201, "{wrong}: {:?}", answer.body);
        assert!(answer.msg().contains("certifyNumList"), "{wrong}: {}", answer.msg());
    }
    assert_eq!(client.post("/user/signerId/certifyNums", &json!({})).code(), 201);
    // Apps do not see each other's signers.
    let elsewhere = daemon().second_client();
    let answer = elsewhere.post("/user/signerId/certifyNums", &json!({"certifyNumList": [number]}));
    assert_eq!(answer.code(), 20206);
}

#[test]
fn look_signers_up_by_id() {
    let client = client();
    let (a, b) = (person(), company());
    let ask = |body: Value| client.post("/user/userInfo/signerIds", &body);
    let both = ask(json!({"signerIdList": [b, a]}));
    assert_eq!(both.code(), 200);
    let data = &both.body["data"];
    for (key, value) in [("page", 1), ("totalPages", 1), ("pageSize", 2), ("total", 2)] {
        assert_eq!(data[key], value, "{key}: {data}");
    }
    let kinds: Vec<&str> =
        data["userList"].as_array().unwrap().iter().map(|u| u["userType"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"个人") && kinds.contains(&"企业"));
    for user in data["userList"].as_array().unwrap() {
        for key in ["signerId", "userName", "certifyNum", "phoneNo", "userType"] {
            assert!(user.get(key).is_some(), "{key} is missing: {user}");
        }
        assert!(user["signerId"].is_u64());
    }
    // Without a phone: an empty text.
    let alone = ask(json!({"signerIdList": [b]}));
    assert_eq!(alone.body["data"]["userList"][0]["phoneNo"], "");
    // Ids as numbers and the list as a string are the same.
    let as_number: u64 = a.parse().unwrap();
    assert_eq!(ask(json!({"signerIdList": [as_number]})).body["data"]["total"], 1);
    assert_eq!(ask(json!({"signerIdList": json!([a]).to_string()})).body["data"]["total"], 1);

    // No list: everybody of the app, ascending, paged.
    let everybody = ask(json!({}));
    let data = &everybody.body["data"];
    let total = data["total"].as_u64().unwrap();
    assert!(total >= 2);
    assert_eq!(data["pageSize"].as_u64().unwrap(), total.min(20));
    let ids: Vec<u64> =
        data["userList"].as_array().unwrap().iter().map(|u| u["signerId"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted());
    let page = ask(json!({"pageNum": 2, "pageSize": 1}));
    assert_eq!(page.body["data"]["page"], 2);
    assert_eq!(page.body["data"]["pageSize"], 1);
    assert_eq!(page.body["data"]["userList"][0]["signerId"].as_u64().unwrap(), ids[1]);
    assert_eq!(ask(json!({"pageNum": "1", "pageSize": "2"})).body["data"]["pageSize"], 2);
    let past = ask(json!({"pageNum": 1_000_000, "pageSize": 1000}));
    assert_eq!(past.code(), 200);
    assert_eq!(past.body["data"]["userList"], json!([]));
    assert!(past.body["data"]["total"].as_u64().unwrap() >= total);

    let mut table = Table::default();
    let base: &dyn Fn() -> Request =
        &|| Request::new("POST", "/user/userInfo/signerIds", json!({"signerIdList": [a]}));
    for parameter in ["pageNum", "pageSize"] {
        table.optional(&|| base().with(parameter, 1), parameter);
        table.ok("one", base().with(parameter, 1));
        for wrong in [json!(0), json!(-1), json!("x"), json!(1.5), json!("99999999999999999999")] {
            table.bad(&format!("{parameter} {wrong}"), base().with(parameter, wrong), parameter);
        }
    }
    table.ok("the largest page", base().with("pageSize", 1000));
    table.bad("too large a page", base().with("pageSize", 1001), "pageSize");
    table.bad("an empty list", base().with("signerIdList", json!([])), "signerIdList");
    table.bad("a list of words", base().with("signerIdList", json!(["one"])), "signerIdList");
    table.row("nobody known", base().with("signerIdList", json!(["999999999"])), 20206, &["用户不存在"]);
    table.run(&client);
}

#[test]
fn platform_only_calls_refuse_signers_tokens() {
    let signer = person();
    let own = client_of_signer(&signer);
    for request in [
        new_person(),
        new_company(),
        Request::new("POST", "/user/signerId/certifyNums", json!({"certifyNumList": ["1"]})),
        Request::new("POST", "/user/userInfo/signerIds", json!({})),
        Request::new("POST", "/sign/filePath", json!({})),
        Request::new("POST", "/send/verifyCode", json!({"signerId": signer})),
        Request::new("POST", "/sign/verifyCodeFilePath", json!({})),
        Request::new("POST", "/tsa/pathSign", json!({})),
        Request::new("POST", "/cz/in", json!({})),
        Request::new("POST", "/cz/queryCzId", json!({})),
    ] {
        let answer = request.send(&own);
        assert_eq!(answer.code(), 403, "{}: {:?}", request.path, answer.body);
    }
}
