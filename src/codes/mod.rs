//! Every result code of the API in one table: number, Chinese message, English comment, and where it is raised.
//!
//! The numbers are the document's (摘要签署 API V2.4.1, chapter 7 and the samples of each call), plus the HTTP numbers
//! that the edge answers with before a call begins. Nothing else may be answered: `ops::Error` and the reply take a
//! [`Code`], never a number.

use std::fmt;

/// Who raises a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// Raised there.
    By(&'static str),
    /// In the document's table, but nothing here can raise it, for this reason.
    Never(&'static str),
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// The number on the wire.
    pub number: u32,
    /// The message where the cause has no more exact one.
    pub message: &'static str,
    /// What it means.
    pub comment: &'static str,
    /// Where it comes from.
    pub raised: Raised,
    /// The HTTP status under `server.http_status = "mirror"`, and always for what the edge itself refuses.
    pub status: u16,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $status:literal, $message:literal, $comment:literal, $raised:expr;)*) => {
        /// A result code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $comment] $name,)*
        }

        /// The whole table, in the order of the document.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                code: Code::$name, number: $number, message: $message, comment: $comment, raised: $raised, status: $status,
            },)*
        ];

        impl Code {
            /// Its line of the table.
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$name => Entry {
                        code: Code::$name, number: $number, message: $message, comment: $comment, raised: $raised,
                        status: $status,
                    },)*
                }
            }
        }
    };
}

use Raised::{By, Never};

codes! {
    Ok = 200, 200, "请求成功", "The call succeeded", By("every call");
    BadParameter = 201, 400, "参数类型不匹配", "A parameter is missing, malformed or out of range; the message names it",
        By("every call with parameters");
    Unauthorized = 401, 401, "令牌已过期、令牌无效", "The token is missing, malformed, expired, or bound to another client certificate",
        By("every call with a token");
    LoginFailed = 402, 401, "登录失败，appId 或 appKey 错误", "appId and appKey do not belong together",
        By("/auth/login");
    Forbidden = 403, 403, "无访问权限", "The caller may not use this call: a signer's token on a platform call, or a pinned app without its client certificate",
        By("/auth/login, platform-only calls");
    NotFound = 404, 404, "接口不存在", "No such path", By("the edge");
    MethodNotAllowed = 405, 405, "请求方式不支持", "The path exists, the method does not", By("the edge");
    RequestTimeout = 408, 408, "等待响应超时", "The request's body came too slowly", By("the edge");
    IdempotencyConflict = 409, 409, "Idempotency-Key 已用于不同的请求", "The Idempotency-Key was used with another body, or its first call is still running",
        By("creating calls with an Idempotency-Key");
    PayloadTooLarge = 413, 413, "请求体过大", "The request's body exceeds the limit", By("the edge");
    UnsupportedMediaType = 415, 415, "请求数据类型不支持", "The call does not take this content type", By("the edge");
    TooManyRequests = 429, 429, "请求过于频繁", "Rate limit of the app or address", By("the edge, /auth/login");
    HeadersTooLarge = 431, 431, "请求头过大", "The request's header fields exceed the limit", By("the edge");
    Internal = 500, 500, "系统异常", "A fault of our own", By("every call");
    Disabled = 501, 501, "该功能不可用", "The function is switched off in the configuration", By("calls of optional functions");
    BadGateway = 502, 502, "无法正常接收服务返回消息", "A remote service (CA, time-stamping authority) gave an answer that cannot be used",
        By("enrolment, signing with a time stamp, /tsa/*");
    Overloaded = 503, 503, "临时服务发布或过载", "No free slot, or the token or the audit log is not available; trying again later helps",
        By("every call");
    GatewayTimeout = 504, 504, "网关超时", "A remote service did not answer in time", By("enrolment, signing with a time stamp, /tsa/*");

    NoPermission = 20001, 403, "用户无权限", "The signer may not do this: another signer's token, or a signer of the other kind; also a PATCH to the present value",
        By("/user/*NameAndPhone, /moulage/*");
    SmsFault = 20003, 500, "系统异常", "A fault of our own while sending a code", By("/send/verifyCode");

    ContractNotFound = 20100, 404, "合同文件不存在", "The file does not exist within the app's document roots",
        By("/sign/*FilePath, /tsa/pathSign, /cz/in");
    ContractUnreadable = 20101, 409, "合同文件读取失败", "The file is not a regular file, too large, damaged, or not a PDF that can be signed",
        By("/sign/*, /tsa/*, /cz/in");
    CodeNotVerified = 20107, 409, "未通过验证码校验", "No code was ever sent to this signer", By("/sign/verifyCode*");
    CodeExpired = 20108, 409, "验证码超过 15 分钟", "The code is older than 15 minutes", By("/sign/verifyCode*");
    SigningFailed = 20110, 409, "签署失败", "The document was not signed; the message gives the reason", By("/sign/*, /tsa/*");
    CustomIdExists = 20116, 409, "合同自定义编号已存在", "A contract's own number exists already",
        Never("no documented call takes a contract number of the client's own");
    PhoneMissing = 20201, 404, "手机号不存在", "The signer has no phone number", By("/send/verifyCode");
    SealOfOther = 20202, 403, "不能使用他人印模", "The seal belongs to another signer", By("/sign/*");
    SealDeleted = 20203, 409, "印模已删除", "The seal has been revoked", By("/sign/*");
    NoSeal = 20204, 409, "用户未创建印模", "The signer has no seal at all", Never("moulageId is required, and one that nobody has is 20205");
    SealNotFound = 20205, 404, "印模不存在", "There is no such seal", By("/sign/*");
    SignerNotFound = 20206, 404, "用户不存在", "There is no such signer in this app", By("every call that names a signer");
    CertifyNumberExists = 20207, 409, "认证号码已经存在", "A signer with this certifyNum exists in the app (the call's own sample; the table's text for this number, 应用未上线, is 20300)",
        By("/user/person, /user/company");
    UserNameTaken = 20208, 409, "用户名已被注册", "The user name is taken", Never("names need not be unique; certifyNum is");
    CertifyNumberTaken = 20209, 409, "证件号已被注册", "The certifyNum is taken", Never("the calls' samples answer 20207 for this");
    NoCertificateService = 20210, 403, "未开通证书服务", "The app has not been granted certificates", By("/user/*, /sign/*");
    AppOffline = 20300, 403, "应用未上线", "The app is not online", By("/auth/login, every call");
    AppNotFound = 20301, 404, "应用不存在", "There is no such app", By("/auth/login");
    QuotaExceeded = 20302, 403, "应用购买量已用完", "The app's quota is used up", By("/sign/*, /tsa/*, /cz/in, /user/person, /user/company");
    NoEvidenceService = 20303, 403, "未购买存证服务", "The app has not been granted evidence deposits", By("/cz/*");
    NoSmsService = 20304, 403, "未购买短信验证服务", "The app has not been granted SMS codes", By("/send/verifyCode, /sign/verifyCode*");

    SidExists = 10205, 409, "数据标识已存在", "The sid has been used in this app", By("/cz/in");
    NoEvidence = 10206, 404, "无存证数据", "There is no deposit under this sid", By("/cz/queryCzId");

    BadPhone = 100603, 400, "号码非法", "The phone number is not one of any region", By("/send/verifyCode");
    SmsUnavailable = 100608, 503, "短信平台异常", "The SMS gateway failed, or it is too early or too often for another code", By("/send/verifyCode");
    CodeEmpty = 100609, 400, "验证码为空", "The code is missing", By("/sign/verifyCode*");
    CodeCheckFailed = 100610, 409, "验证码校验失败", "The code could not be checked", Never("a failed check always has one of the exact reasons 20107, 20108, 100611, 100612");
    CodeWrong = 100611, 409, "验证码错误", "The code is wrong", By("/sign/verifyCode*");
    CodeVoid = 100612, 409, "该验证码已失效", "The code has been used, or locked after too many wrong tries", By("/sign/verifyCode*");

    SignFault = 60100, 409, "签署时发生错误", "Signing failed for an unnamed reason", Never("20110 with the reason is answered instead");
    CsrFailed = 60102, 502, "生成证书请求文件 CSR 错误", "The certification request could not be made", By("enrolment, scene certificates");
    KeyGenerationFailed = 60103, 502, "生成密钥错误", "The token did not generate the key", By("enrolment, scene certificates");
    CertificateInvalid = 60104, 502, "证书转换错误", "The channel's certificate fails our checks: key, chain, profile", By("enrolment, scene certificates");
    TokenSigningFailed = 60105, 502, "摘要签名加密错误", "The token did not sign", By("/sign/*");
    CertificateRefused = 60106, 502, "zjca 证书申请失败", "No CA channel gives the certificate: it refused, or cannot be reached now; the message names the channel and its reason", By("enrolment, scene certificates");
    CertificateMissing = 60108, 409, "证书查询不到", "The signer has no valid certificate", By("/sign/*");
    ContractGone = 60109, 404, "合同不存在", "There is no such contract", Never("20100 is answered instead");
    ImpressionGone = 60110, 404, "印模不存在", "There is no such seal", Never("20205 is answered instead");
    CertificateGone = 60111, 404, "证书不存在", "There is no such certificate", Never("60108 is answered instead");
    SealGone = 60112, 404, "印章不存在", "There is no such seal", Never("20205 is answered instead");
}

impl Code {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        self.entry().number
    }

    /// The message where the cause has no more exact one.
    pub const fn message(self) -> &'static str {
        self.entry().message
    }

    /// Whether the edge itself refuses with this code, before a call begins: then the HTTP status is its own.
    pub const fn is_edge(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::MethodNotAllowed
                | Self::RequestTimeout
                | Self::PayloadTooLarge
                | Self::UnsupportedMediaType
                | Self::TooManyRequests
                | Self::HeadersTooLarge
                | Self::Overloaded
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.message())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_stands_once() {
        let mut seen = HashSet::new();
        for entry in TABLE {
            assert!(seen.insert(entry.number), "{} twice", entry.number);
            assert!(!entry.message.is_empty() && !entry.comment.is_empty());
            assert_eq!(entry.code.entry(), *entry);
        }
    }

    #[test]
    fn the_documents_table_is_complete() {
        let documented = [
            200, 201, 401, 402, 403, 408, 500, 501, 502, 503, 504, 20100, 20101, 20107, 20108, 20110, 20116,
            20201, 20202, 20203, 20204, 20205, 20206, 20207, 20208, 20209, 20210, 20300, 20301, 20302, 20303,
            20304, 100603, 100608, 100609, 100610, 100611, 100612, 60100, 60102, 60103, 60104, 60105, 60106,
            60108, 60109, 60110, 60111, 60112, 20001, 20003, 10205, 10206,
        ];
        let ours: HashSet<u32> = TABLE.iter().map(|e| e.number).collect();
        for number in documented {
            assert!(ours.contains(&number), "{number} is missing");
        }
    }
}
