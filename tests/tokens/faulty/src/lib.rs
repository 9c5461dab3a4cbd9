//! A PKCS#11 module that passes everything on to a real one, and fails when it is told to.
//!
//! `HUFU_FAULTY_MODULE` names the real module, `HUFU_FAULTY_FOLDER` a folder that says what goes wrong:
//!
//! - a file named after a function (`C_SignInit`) makes that function fail; it holds the CKR_ value in hexadecimal, or
//!   - `logout`, `close`: the application is really logged out, or all its sessions are really closed, before the call goes on
//!   - `hang`: the call never returns
//!
//!   and optionally `once`: the first process to come across it takes the file away.
//! - `removed`: the token is not there: everything that needs it is CKR_DEVICE_REMOVED, in processes that start then too
//! - `delay`: every signature takes so many microseconds more, as over a network; read when the module is loaded
//! - `sessions`: no more sessions than this; read when the module is loaded
//!
//! Every C_Login is noted in `logins`, one line each.
//!
//! `HUFU_FAULTY_RESERVED`, if it is set, is handed to the real C_Initialize as pReserved: NSS softokn wants its parameters there.
#![allow(non_snake_case, clippy::missing_safety_doc)]

use cryptoki_sys::*;
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Faulty {
    real: CK_FUNCTION_LIST,
    ours: CK_FUNCTION_LIST,
    folder: PathBuf,
    delay: Option<Duration>,
    sessions: Option<u64>,
    reserved: Option<CString>,
    _library: libloading::Library,
}

static FAULTY: OnceLock<Option<Faulty>> = OnceLock::new();
static OPEN: AtomicU64 = AtomicU64::new(0);

/// The one entry point of PKCS#11 2.x.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    let Some(faulty) = FAULTY.get_or_init(|| unsafe { load() }) else { return CKR_GENERAL_ERROR };
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    unsafe { *list = (&raw const faulty.ours).cast_mut() };
    CKR_OK
}

unsafe fn load() -> Option<Faulty> {
    let folder = PathBuf::from(std::env::var_os("HUFU_FAULTY_FOLDER")?);
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let (delay, sessions) = (number("delay").map(Duration::from_micros), number("sessions"));
    let reserved = std::env::var("HUFU_FAULTY_RESERVED").ok().and_then(|text| CString::new(text).ok());
    let module = std::env::var_os("HUFU_FAULTY_MODULE")?;
    let library = unsafe { libloading::Library::new(module) }.ok()?;
    let mut list = std::ptr::null_mut();
    type Entry = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    let entry = unsafe { library.get::<Entry>(b"C_GetFunctionList\0") }.ok()?;
    if unsafe { entry(&mut list) } != CKR_OK || list.is_null() {
        return None;
    }
    let real = unsafe { *list };
    let mut ours = real;
    ours.C_GetFunctionList = Some(C_GetFunctionList);
    ours.C_Initialize = Some(initialize);
    ours.C_GetTokenInfo = Some(token_info);
    ours.C_OpenSession = Some(open_session);
    ours.C_CloseSession = Some(close_session);
    ours.C_GetSessionInfo = Some(session_info);
    ours.C_Login = Some(login);
    ours.C_FindObjectsInit = Some(find_objects_init);
    ours.C_GenerateKeyPair = Some(generate_key_pair);
    ours.C_SignInit = Some(sign_init);
    ours.C_Sign = Some(sign);
    ours.C_UnwrapKey = Some(unwrap_key);
    ours.C_GenerateRandom = Some(generate_random);
    Some(Faulty { real, ours, folder, delay, sessions, reserved, _library: library })
}

fn faulty() -> &'static Faulty {
    match FAULTY.get() {
        Some(Some(faulty)) => faulty,
        // Nobody has our functions before they were loaded.
        _ => std::process::abort(),
    }
}

/// Passes a call on to the real module's function of that name.
macro_rules! real {
    ($name:ident($($argument:expr),*)) => {
        match faulty().real.$name {
            Some(function) => unsafe { function($($argument),*) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
}

/// What is to go wrong in `function`, after any real mischief has been done.
fn fault(function: &str, session: Option<CK_SESSION_HANDLE>) -> Option<CK_RV> {
    if faulty().folder.join("removed").exists() {
        return Some(CKR_DEVICE_REMOVED);
    }
    let path = faulty().folder.join(function);
    let text = fs::read_to_string(&path).ok()?;
    let mut words = text.split_whitespace();
    let what = words.next()?;
    // Whoever removes it has it.
    if words.next() == Some("once") && fs::remove_file(&path).is_err() {
        return None;
    }
    match (what, session) {
        ("hang", _) => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        ("logout", Some(session)) => {
            real!(C_Logout(session));
            None
        }
        ("close", Some(session)) => {
            let mut info = CK_SESSION_INFO::default();
            real!(C_GetSessionInfo(session, &mut info));
            real!(C_CloseAllSessions(info.slotID));
            OPEN.store(0, Ordering::SeqCst);
            None
        }
        (code, _) => CK_RV::from_str_radix(code.trim_start_matches("0x"), 16).ok(),
    }
}

/// CK_C_INITIALIZE_ARGS with room behind it: NSS's own has a further member.
#[repr(C)]
struct Arguments {
    standard: CK_C_INITIALIZE_ARGS,
    beyond: [usize; 4],
}

unsafe extern "C" fn initialize(given: CK_VOID_PTR) -> CK_RV {
    let Some(reserved) = &faulty().reserved else { return real!(C_Initialize(given)) };
    let mut arguments = Arguments { standard: CK_C_INITIALIZE_ARGS::default(), beyond: [0; 4] };
    if !given.is_null() {
        arguments.standard = unsafe { *given.cast::<CK_C_INITIALIZE_ARGS>() };
    }
    arguments.standard.pReserved = reserved.as_ptr().cast_mut().cast();
    real!(C_Initialize((&raw mut arguments).cast()))
}

unsafe extern "C" fn token_info(slot: CK_SLOT_ID, info: CK_TOKEN_INFO_PTR) -> CK_RV {
    fault("C_GetTokenInfo", None).unwrap_or_else(|| real!(C_GetTokenInfo(slot, info)))
}

unsafe extern "C" fn open_session(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: CK_VOID_PTR,
    notify: CK_NOTIFY,
    session: CK_SESSION_HANDLE_PTR,
) -> CK_RV {
    if let Some(code) = fault("C_OpenSession", None) {
        return code;
    }
    if faulty().sessions.is_some_and(|limit| OPEN.load(Ordering::SeqCst) >= limit) {
        return CKR_SESSION_COUNT;
    }
    let code = real!(C_OpenSession(slot, flags, application, notify, session));
    if code == CKR_OK {
        OPEN.fetch_add(1, Ordering::SeqCst);
    }
    code
}

unsafe extern "C" fn close_session(session: CK_SESSION_HANDLE) -> CK_RV {
    let code = real!(C_CloseSession(session));
    if code == CKR_OK {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
    code
}

unsafe extern "C" fn session_info(session: CK_SESSION_HANDLE, info: CK_SESSION_INFO_PTR) -> CK_RV {
    fault("C_GetSessionInfo", Some(session)).unwrap_or_else(|| real!(C_GetSessionInfo(session, info)))
}

unsafe extern "C" fn login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: CK_UTF8CHAR_PTR,
    length: CK_ULONG,
) -> CK_RV {
    let log = fs::OpenOptions::new().create(true).append(true).open(faulty().folder.join("logins"));
    let _ = log.and_then(|mut log| log.write_all(b"login\n"));
    fault("C_Login", Some(session)).unwrap_or_else(|| real!(C_Login(session, user, pin, length)))
}

unsafe extern "C" fn find_objects_init(
    session: CK_SESSION_HANDLE,
    template: CK_ATTRIBUTE_PTR,
    count: CK_ULONG,
) -> CK_RV {
    fault("C_FindObjectsInit", Some(session))
        .unwrap_or_else(|| real!(C_FindObjectsInit(session, template, count)))
}

unsafe extern "C" fn generate_key_pair(
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_PTR,
    public: CK_ATTRIBUTE_PTR,
    public_count: CK_ULONG,
    private: CK_ATTRIBUTE_PTR,
    private_count: CK_ULONG,
    public_key: CK_OBJECT_HANDLE_PTR,
    private_key: CK_OBJECT_HANDLE_PTR,
) -> CK_RV {
    fault("C_GenerateKeyPair", Some(session)).unwrap_or_else(|| {
        real!(C_GenerateKeyPair(
            session, mechanism, public, public_count, private, private_count, public_key, private_key
        ))
    })
}

unsafe extern "C" fn sign_init(
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_PTR,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    fault("C_SignInit", Some(session)).unwrap_or_else(|| real!(C_SignInit(session, mechanism, key)))
}

unsafe extern "C" fn sign(
    session: CK_SESSION_HANDLE,
    data: CK_BYTE_PTR,
    length: CK_ULONG,
    signature: CK_BYTE_PTR,
    signature_length: CK_ULONG_PTR,
) -> CK_RV {
    // A question for the length is answered by the library on this side of the network.
    if !signature.is_null() {
        if let Some(code) = fault("C_Sign", Some(session)) {
            return code;
        }
        if let Some(delay) = faulty().delay {
            std::thread::sleep(delay);
        }
    }
    real!(C_Sign(session, data, length, signature, signature_length))
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn unwrap_key(
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_PTR,
    unwrapping_key: CK_OBJECT_HANDLE,
    wrapped: CK_BYTE_PTR,
    length: CK_ULONG,
    template: CK_ATTRIBUTE_PTR,
    count: CK_ULONG,
    key: CK_OBJECT_HANDLE_PTR,
) -> CK_RV {
    fault("C_UnwrapKey", Some(session)).unwrap_or_else(|| {
        real!(C_UnwrapKey(session, mechanism, unwrapping_key, wrapped, length, template, count, key))
    })
}

unsafe extern "C" fn generate_random(session: CK_SESSION_HANDLE, octets: CK_BYTE_PTR, length: CK_ULONG) -> CK_RV {
    fault("C_GenerateRandom", Some(session)).unwrap_or_else(|| real!(C_GenerateRandom(session, octets, length)))
}
