//! Names for numbers and for addresses, which are only added: the handler walks them while others add.
//!
//! Each library that is loaded and each replacement of a route's code adds a few words, which stay for the rest of the run, as
//! the code itself does.

use std::ops::Range;
use std::sync::OnceLock;

/// A list to whose end anyone may add, and which anyone may walk at any time, in a signal handler too.
struct Chain<T>(OnceLock<Box<Link<T>>>);

struct Link<T> {
    value: T,
    next: Chain<T>,
}

impl<T> Chain<T> {
    const fn new() -> Chain<T> {
        Chain(OnceLock::new())
    }

    fn push(&self, value: T) {
        let mut chain = self;
        let mut new = Box::new(Link {
            value,
            next: Chain::new(),
        });
        loop {
            while let Some(link) = chain.0.get() {
                chain = &link.next;
            }
            match chain.0.set(new) {
                Ok(()) => return,
                // Another was faster: behind that one.
                Err(back) => new = back,
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        let mut next = self.0.get();
        std::iter::from_fn(move || {
            let link = next?;
            next = link.next.0.get();
            Some(&link.value)
        })
    }
}

static NAMES: Chain<(u32, &'static str)> = Chain::new();
static CODE: Chain<(Range<usize>, String)> = Chain::new();

/// From now on `number` in a note means `name`.
pub fn note_name(number: u32, name: &'static str) {
    NAMES.push((number, name));
}

/// What `number` means.
pub(super) fn name(number: u32) -> Option<&'static str> {
    let named = NAMES.iter().filter(|(of, _)| *of == number);
    named.last().map(|(_, name)| *name)
}

/// The library that `address` is in, code or data, is called `name`. Where the system does not know of one, nothing is noted.
pub fn note_code(address: usize, name: &str) {
    if let Some(range) = super::system::object_around(address) {
        CODE.push((range, name.to_owned()));
    }
}

/// Where code is: the name of the library that it is in, and how many bytes behind that one's beginning.
pub(super) fn place(address: usize) -> Option<(&'static str, usize)> {
    let found = CODE.iter().find(|(range, _)| range.contains(&address));
    found.map(|(range, name)| (name.as_str(), address - range.start))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Chain, name, note_code, note_name, place};

    #[test]
    fn what_several_threads_add_is_all_there() {
        let chain = Chain::new();
        thread::scope(|scope| {
            for thread in 0..4 {
                let chain = &chain;
                scope.spawn(move || (0..100).for_each(|number| chain.push(thread * 100 + number)));
            }
        });
        let mut all: Vec<i32> = chain.iter().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..400).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_name_of_a_number_counts() {
        note_name(u32::MAX, "before");
        assert_eq!(name(u32::MAX), Some("before"));
        note_name(u32::MAX, "after");
        assert_eq!(name(u32::MAX), Some("after"));
        assert_eq!(name(u32::MAX - 1), None);
    }

    #[test]
    fn code_is_found_by_any_address_in_its_library() {
        static VALUE: u64 = 7;
        let here = the_test as fn() as usize;
        assert_eq!(place(here), None);
        note_code((&raw const VALUE).addr(), "these tests");
        let (name, offset) = place(here).expect("it is in the same program");
        assert_eq!(name, "these tests");
        assert!(offset > 0);
        assert_eq!(place(8), None);
    }

    fn the_test() {}
}
