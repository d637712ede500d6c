//! The check of a library's bytes, against a second reading of its headers that shares no code.

use crate::plugin::library::library_file::check;

/// Type of a program header that is mapped.
const LOAD: u32 = 1;

/// Asserts that what the check accepts is of this machine's kind and has all that is mapped inside.
pub(crate) fn check_holds(bytes: &[u8]) {
    let is_accepted = check(bytes).is_ok();
    assert_eq!(check(bytes).is_ok(), is_accepted);
    if !is_accepted {
        return;
    }
    let is_wide = cfg!(target_pointer_width = "64");
    let is_little = cfg!(target_endian = "little");
    assert_eq!((bytes[4], bytes[5]), (kind(is_wide), kind(!is_little)));
    if !(is_wide && is_little) {
        return;
    }
    let number = |at: usize, size: usize| {
        let bytes = bytes[at..at + size].iter().rev();
        bytes.fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    for header in 0..count {
        let at = usize::try_from(first + header * size).expect("inside the file");
        if number(at, 4) == u64::from(LOAD) {
            let end = number(at + 8, 8).checked_add(number(at + 32, 8));
            assert!(
                end.is_some_and(|end| end <= bytes.len() as u64),
                "segment {header}"
            );
        }
    }
}

/// How class and byte order are numbered: 1 for the first, 2 for the second of two.
fn kind(is_second: bool) -> u8 {
    if is_second { 2 } else { 1 }
}
