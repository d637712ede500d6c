//! One message, compressed for those who may get it so.

use super::{Demand, Window, deflate};

/// A message in compressed forms: each for all whose window is large enough.
#[derive(Debug, Default)]
pub struct Deflated {
    /// The window that is needed, and the bytes; the largest window first.
    pub(super) forms: Vec<(Window, Vec<u8>)>,
}

impl Deflated {
    /// `payload` for all members of a route that need it compressed; nothing where that is nobody, or it is not worth
    /// it. `wrap` makes a frame of each compressed payload. As [`deflate()`].
    pub fn for_all(
        payload: &[u8],
        demand: &Demand,
        wrap: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Option<Box<Deflated>> {
        let level = demand.level(payload.len())?;
        let mut forms: Vec<(Window, Vec<u8>)> = Vec::new();
        for window in demand.windows() {
            if forms.last().is_some_and(|(needed, _)| *needed <= window) {
                continue;
            }
            // What does not shrink in a large window does not in a small one.
            let Some(form) = deflate(payload, window, level, &wrap) else {
                break;
            };
            // A reference never reaches back beyond the message, however large the window is.
            forms.push((window.min(Window::holding(payload.len())), form));
        }
        (!forms.is_empty()).then(|| Box::new(Deflated { forms }))
    }

    /// The same for one client.
    pub fn for_one(
        payload: &[u8],
        window: Window,
        level: u8,
        wrap: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Option<Box<Deflated>> {
        let form = deflate(payload, window, level, wrap)?;
        let forms = vec![(window, form)];
        Some(Box::new(Deflated { forms }))
    }

    /// The form for who has this window.
    pub fn form(&self, window: Window) -> Option<&[u8]> {
        let mut forms = self.forms.iter();
        let form = forms.find(|(needed, _)| *needed <= window);
        form.map(|(_, form)| form.as_slice())
    }

    /// Bytes of all forms.
    pub fn bytes(&self) -> usize {
        self.forms.iter().map(|(_, form)| form.len()).sum()
    }
}
