//! 合同存证

use crate::http::reply::Reply;
use crate::http::table::{Endpoint, Kind, Param, required, text};
use crate::ops::Sid;

const TAG: &str = "签署模块";
/// Without control characters.
const SIDS: &str = r"^(?=.*\S)[^\u0000-\u001F\u007F-\u009F]{4,50}$";
const SID: Param = required(
    "sid",
    Kind::Loose { least: 4, most: 50, pattern: Some(SIDS) },
    "业务 id，长度为 4-50 的字符，应用内唯一",
    "The client's business id, unique in the app",
    "\"contract-0001\"",
);
const FILE: Param = required(
    "filePath",
    text(4_096),
    "文件路径，本地绝对路径",
    "The file",
    "\"/yunhetong/contract/签署后合同.pdf\"",
);
const DATA: &str = r#"{"czId": 30615281684185940}"#;

pub(super) const CALLS: &[Endpoint] = &[
    Endpoint {
        creates: true,
        data: DATA,
        failures: &[(10205, "数据标识已存在")],
        ..Endpoint::post(
            "/cz/in",
            TAG,
            "合同存证",
            "Deposits a file's digest under a business id",
            &[SID, FILE],
            |appliance, call, caller, args| {
                let sid = Sid::parse(args.required("sid")?)?;
                Ok(Reply::id("czId", appliance.deposit(call, caller, &sid, args.required("filePath")?)?))
            },
        )
    },
    Endpoint {
        data: DATA,
        failures: &[(10206, "无存证数据")],
        ..Endpoint::post(
            "/cz/queryCzId",
            TAG,
            "存证 ID 查询",
            "The czId of a business id",
            &[SID],
            |appliance, _, caller, args| {
                let sid = Sid::parse(args.required("sid")?)?;
                Ok(Reply::id("czId", appliance.deposit_id(caller, &sid)?))
            },
        )
    },
];
