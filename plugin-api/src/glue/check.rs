//! The extension `detent.check/1`: options checked without an instance.

#![allow(unsafe_code)]

use super::answer;
use crate::abi::{self, Bytes, Status};
use crate::calls::ErrorSink;
use crate::declaration::Exported;
use crate::{Checked, Config};

/// Constants, so that references to them live for ever.
pub(super) struct Extension<P>(std::marker::PhantomData<P>);

impl<P: Exported> Extension<P> {
    pub(super) const CHECK: &'static abi::Check = &abi::Check {
        size: size_of::<abi::Check>() as u32,
        reserved: 0,
        check: Some(check::<P>),
    };
}

unsafe extern "C" fn check<P: Exported>(config: Bytes, error: *const abi::Sink) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the bytes are valid until this returns, and nothing keeps them.
    let config = unsafe { config.as_slice() };
    let mut checked = Checked::ByCreate;
    let status = answer(&error, || {
        let config = Config::from_json(config);
        let parsed = P::check_options(&config)?;
        checked = match P::check(config)? {
            Checked::ByCreate => parsed,
            Checked::Done => Checked::Done,
        };
        Ok(())
    });
    if status == abi::OK && checked == Checked::ByCreate {
        return abi::UNSUPPORTED;
    }
    status
}
