//! What a failure of the module means and what helps against it.

use crate::keys::KeyError;
use cryptoki::error::{Error, RvError};

/// Why an act in the token did not succeed, before anybody tried to recover.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The module said so.
    Module(Error),
    /// We say so; no recovery will help.
    Final(KeyError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Module(error)
    }
}

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        Self::Final(error)
    }
}

/// The families of CKR_ codes by remedy (PKCS#11 3.0, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The session is gone or confused: open another.
    Reopen,
    /// Somebody logged us out: log in again, once.
    LogIn,
    /// The object handle is not valid any more: find the object again.
    Refresh,
    /// The token refused the PIN: nobody may try again soon.
    PinRefused,
    /// The device is gone or the module is broken: end this process, the supervisor starts another.
    Restart,
    /// The request itself is at fault, or the token cannot do it.
    None,
}

pub(super) fn remedy(error: &Error) -> Remedy {
    let Error::Pkcs11(code, _) = error else { return Remedy::None };
    match code {
        RvError::SessionHandleInvalid
        | RvError::SessionClosed
        | RvError::OperationActive
        // The operation stays active.
        | RvError::BufferTooSmall
        | RvError::OperationNotInitialized => Remedy::Reopen,
        RvError::UserNotLoggedIn => Remedy::LogIn,
        RvError::KeyHandleInvalid
        | RvError::ObjectHandleInvalid
        | RvError::WrappingKeyHandleInvalid
        | RvError::UnwrappingKeyHandleInvalid
        | RvError::KeyChanged => Remedy::Refresh,
        RvError::PinIncorrect
        | RvError::PinInvalid
        | RvError::PinLenRange
        | RvError::PinExpired
        | RvError::PinLocked => Remedy::PinRefused,
        RvError::DeviceError
        | RvError::DeviceMemory
        | RvError::DeviceRemoved
        | RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::GeneralError
        | RvError::FunctionFailed
        | RvError::HostMemory
        | RvError::SlotIdInvalid
        | RvError::CantLock
        | RvError::MutexBad
        | RvError::MutexNotLocked
        | RvError::CryptokiNotInitialized
        | RvError::LibraryLoadFailed
        | RvError::FipsSelfTestFailed
        | RvError::VendorDefined(_)
        | RvError::UnknownErrorCode(_) => Remedy::Restart,
        _ => Remedy::None,
    }
}

/// What the caller is told when nothing helped.
pub(super) fn told(error: &Error) -> KeyError {
    let text = error.to_string();
    match error {
        Error::Pkcs11(
            RvError::MechanismInvalid
            | RvError::MechanismParamInvalid
            | RvError::FunctionNotSupported
            | RvError::CurveNotSupported
            | RvError::KeySizeRange
            | RvError::KeyTypeInconsistent
            | RvError::KeyNotWrappable
            | RvError::KeyUnextractable
            | RvError::KeyFunctionNotPermitted
            | RvError::DomainParamsInvalid,
            _,
        )
        | Error::NotSupported
        | Error::NullFunctionPointer => KeyError::Unsupported(text),
        Error::Pkcs11(RvError::SessionCount | RvError::FunctionCanceled, _) => KeyError::Unavailable(text),
        _ => match remedy(error) {
            Remedy::None => KeyError::Failed(text),
            _ => KeyError::Unavailable(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    fn of(code: RvError) -> Remedy {
        remedy(&Error::Pkcs11(code, Function::Sign))
    }

    #[test]
    fn each_family_has_its_remedy() {
        assert_eq!(of(RvError::SessionHandleInvalid), Remedy::Reopen);
        assert_eq!(of(RvError::UserNotLoggedIn), Remedy::LogIn);
        assert_eq!(of(RvError::KeyHandleInvalid), Remedy::Refresh);
        assert_eq!(of(RvError::PinIncorrect), Remedy::PinRefused);
        assert_eq!(of(RvError::DeviceRemoved), Remedy::Restart);
        assert_eq!(of(RvError::VendorDefined(0x8000_0001)), Remedy::Restart);
        assert_eq!(of(RvError::DataLenRange), Remedy::None);
    }

    #[test]
    fn what_the_token_cannot_do_is_told_apart_from_what_it_cannot_do_now() {
        let said = |code| told(&Error::Pkcs11(code, Function::Sign));
        assert!(matches!(said(RvError::MechanismInvalid), KeyError::Unsupported(_)));
        assert!(matches!(said(RvError::DeviceError), KeyError::Unavailable(_)));
        assert!(matches!(said(RvError::SessionCount), KeyError::Unavailable(_)));
        assert!(matches!(said(RvError::DataInvalid), KeyError::Failed(_)));
    }
}
