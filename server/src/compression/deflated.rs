//! One message, compressed for those who may get it so.

use std::ops::Range;

use super::deflate::deflate_around;
use super::{Demand, Need, Shape, Window, deflate};

/// One message, in compressed forms: each for all whose window is large enough.
#[derive(Clone, Debug, Default)]
pub struct Deflated {
    /// Of each shape the largest window first.
    pub(super) forms: [Vec<Form>; Shape::COUNT],
}

/// One form.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The window that is needed.
    window: Window,
    bytes: Vec<u8>,
    /// Where in it the place is that is yet to be filled, if one is.
    place: Option<usize>,
}

/// A message in one shape, plain.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// Which shape.
    pub shape: Shape,
    /// Its bytes.
    pub payload: &'a [u8],
    /// Of those that are yet to be written the first and the one behind the last, where there are some.
    pub place: Option<(usize, usize)>,
}

impl Deflated {
    /// Adds what all members of a route need of a message in this shape; nothing where that is nobody, or it is not worth
    /// it. `wrap` makes a frame of each compressed payload, which it puts at the end. As [`deflate()`].
    pub fn add_for_all(
        &mut self,
        plain: Plain<'_>,
        demand: &Demand,
        wrap: impl Fn(&[u8]) -> Vec<u8>,
    ) {
        let Some(level) = demand.level(plain.payload.len()) else {
            return;
        };
        let forms = &mut self.forms[plain.shape as usize];
        for window in demand.windows(plain.shape) {
            if forms.last().is_some_and(|form| form.window <= window) {
                continue;
            }
            // What does not shrink in a large window does not in a small one.
            let Some(mut form) = Form::new(plain, window, level, &wrap) else {
                break;
            };
            // A reference never reaches back beyond the message, however large the window is.
            form.window = window.min(Window::holding(plain.payload.len()));
            forms.push(form);
        }
    }

    /// Adds the same for one client.
    pub fn add_for_one(
        &mut self,
        plain: Plain<'_>,
        window: Window,
        level: u8,
        wrap: impl Fn(&[u8]) -> Vec<u8>,
    ) {
        self.forms[plain.shape as usize].extend(Form::new(plain, window, level, &wrap));
    }

    /// None where it has no form.
    pub fn if_any(self) -> Option<Deflated> {
        let is_any = self.forms.iter().any(|forms| !forms.is_empty());
        is_any.then_some(self)
    }

    /// The form for who needs this.
    pub fn form(&self, need: Need) -> Option<&[u8]> {
        let mut forms = self.forms[need.shape as usize].iter();
        let form = forms.find(|form| form.window <= need.window);
        form.map(|form| form.bytes.as_slice())
    }

    /// Writes into the place of each form of this shape; those in which there is none left say something else, and go.
    pub fn fill(&mut self, shape: Shape, bytes: &[u8]) {
        self.forms[shape as usize].retain_mut(|form| {
            let place = form
                .place
                .and_then(|at| form.bytes.get_mut(at..at + bytes.len()));
            place.map(|place| place.copy_from_slice(bytes)).is_some()
        });
    }

    /// Lets go the forms of this shape with a place, which nothing is ever written into.
    pub fn leave_unfilled(&mut self, shape: Shape) {
        self.forms[shape as usize].retain(|form| form.place.is_none());
    }

    /// Bytes of all forms.
    pub fn bytes(&self) -> usize {
        self.forms
            .iter()
            .flatten()
            .map(|form| form.bytes.len())
            .sum()
    }
}

impl Form {
    fn new(
        plain: Plain<'_>,
        window: Window,
        level: u8,
        wrap: &impl Fn(&[u8]) -> Vec<u8>,
    ) -> Option<Form> {
        let form = |bytes, place| Form {
            window,
            bytes,
            place,
        };
        let Some((begin, end)) = plain.place else {
            return deflate(plain.payload, window, level, |small| {
                form(wrap(small), None)
            });
        };
        let around: Range<usize> = begin..end;
        deflate_around(plain.payload, around, window, level, |small, at| {
            let bytes = wrap(small);
            let place = bytes.len() - small.len() + at;
            form(bytes, Some(place))
        })
    }
}
