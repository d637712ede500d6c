//! The host in memory of `plugin_api::testing` keeps the promises of the real server: one suite, run on both with the
//! same libraries. Each case is a function over a [`Stage`]; [`on_both`] makes two tests of it.

mod calls;
mod ends;
mod hosts;
mod journals;
mod members;
mod real_server;
mod replacing;
mod requests;
mod sessions;
mod stage;
mod starts;
mod waiting;

/// Runs each case in memory and on the real server.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod in_memory {
            $(#[test] fn $case() { super::$case::<crate::stage::Memory>(); })+
        }
        mod on_the_server {
            $(#[test] fn $case() { super::$case::<crate::stage::Real>(); })+
        }
    };
}
use on_both;
