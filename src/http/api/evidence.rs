//! 合同存证

use crate::http::reply::Reply;
use crate::http::table::{Access, Endpoint, Form, Kind, Method, Param, required, text};
use crate::ops::Sid;

const SID: Param = required(
    "sid",
    Kind::Text { least: 4, most: 50, pattern: None },
    "业务 id，长度为 4-50 的字符，应用内唯一",
    "The client's business id, unique in the app",
    "\"contract-0001\"",
);
const DATA: &str = r#"{"czId": 30615281684185}"#;

pub(super) const CALLS: &[Endpoint] = &[
    Endpoint {
        method: Method::Post,
        path: "/cz/in",
        tag: "签署模块",
        title: "合同存证",
        en: "Deposits a file's digest under a business id",
        access: Access::Platform,
        form: Form::Json,
        creates: true,
        params: &[
            SID,
            required(
                "filePath",
                text(4_096),
                "文件路径，本地绝对路径",
                "The file",
                "\"/yunhetong/contract/签署后合同.pdf\"",
            ),
        ],
        data: DATA,
        failures: &[(10205, "数据标识已存在")],
        run: |appliance, call, caller, args| {
            let sid = Sid::parse(args.required("sid")?)?;
            Ok(Reply::id("czId", appliance.deposit(call, caller, &sid, args.required("filePath")?)?))
        },
    },
    Endpoint {
        method: Method::Post,
        path: "/cz/queryCzId",
        tag: "签署模块",
        title: "存证 ID 查询",
        en: "The czId of a business id",
        access: Access::Platform,
        form: Form::Json,
        creates: false,
        params: &[SID],
        data: DATA,
        failures: &[(10206, "无存证数据")],
        run: |appliance, _, caller, args| {
            let sid = Sid::parse(args.required("sid")?)?;
            Ok(Reply::id("czId", appliance.deposit_id(caller, &sid)?))
        },
    },
];
