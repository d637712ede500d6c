//! Whether what this thread says is worth compressing, as the plugin knows that runs on it.

use std::cell::Cell;

thread_local! {
    static IS_WORTH_IT: Cell<bool> = const { Cell::new(true) };
}

/// Whether this thread says what may be compressed.
pub fn is_worth_it() -> bool {
    // A plugin's own thread-local may call the host while this thread ends.
    IS_WORTH_IT.try_with(Cell::get).unwrap_or(true)
}

/// From now on what this thread says is compressed, or is not; gives what it was before.
pub fn set_worth_it(is_worth_it: bool) -> bool {
    let set = |cell: &Cell<bool>| cell.replace(is_worth_it);
    // As above.
    IS_WORTH_IT.try_with(set).unwrap_or(true)
}
