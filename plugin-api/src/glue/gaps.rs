//! The extension `detent.gaps/1`: a plugin is told where something is missing of what hosts have said.

#![allow(unsafe_code)]

use std::ffi::c_void;

use super::{answer, route_of};
use crate::abi::{self, Status};
use crate::calls::ErrorSink;
use crate::{Plugin, RouteGap};

/// Constants, so that references to them live for ever.
pub(super) struct Extension<P>(std::marker::PhantomData<P>);

impl<P: Plugin> Extension<P> {
    pub(super) const GAPS: &'static abi::Gaps = &abi::Gaps {
        size: size_of::<abi::Gaps>() as u32,
        reserved: 0,
        on_gap: Some(on_gap::<P>),
    };
}

unsafe extern "C" fn on_gap<P: Plugin>(
    route: *mut c_void,
    gap: *const abi::Gap,
    error: *const abi::Sink,
) -> Status {
    // SAFETY: the sink is the one of this call.
    let error = unsafe { ErrorSink::new(error) };
    // SAFETY: the host passes what `create` gave out.
    let route = unsafe { route_of::<P>(route) };
    answer(&error, || {
        // SAFETY: the host passes a gap that is there until this returns, with all fields that this version knows: they are
        // those of the first.
        let gap = unsafe { &*gap };
        let gap = RouteGap::from_abi(gap).ok_or("the server tells of a gap without positions")?;
        route.plugin.on_gap(&gap)
    })
}
