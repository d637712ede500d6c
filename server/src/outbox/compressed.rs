//! Messages as frames of which some are compressed.
//!
//! Pure functions on bytes: what is compressed was so by whoever said it.

use std::borrow::Cow;

use super::frame;
use super::marked::Marked;
use crate::compression::{Need, Shape, Window};

/// Messages as frames, those of which there is a compressed form for this window in that.
pub(super) fn encode<'a>(run: &Marked<'a>, window: Window) -> Cow<'a, [u8]> {
    let shape = Shape::Bare;
    let need = Need { shape, window };
    let forms = run.instead.iter().filter_map(|instead| {
        let form = instead.deflated.form(need)?;
        Some((instead.at, form))
    });
    let mut forms = forms.peekable();
    if forms.peek().is_none() {
        return Cow::Borrowed(run.frames);
    }
    let mut out = Vec::with_capacity(run.frames.len());
    let mut from = 0;
    for (at, form) in forms {
        out.extend_from_slice(&run.frames[from..at]);
        out.extend_from_slice(form);
        from = at + frame::length(&run.frames[at..]);
    }
    out.extend_from_slice(&run.frames[from..]);
    Cow::Owned(out)
}
