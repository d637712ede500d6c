//! Every limit of the server in one place: unit, value and reason. What can be set has its default
//! and range in [`settings`].
//!
//! The constants stand in a file for each concern and are named by [`limits`](crate::limits) alone: they know nothing of the
//! rest. The one bound that everything shares, [`memory`], is kept by adding up.

mod compression;
mod engine;
mod figures;
mod held;
mod http;
mod hub;
mod incoming;
mod journal;
mod log;
pub mod memory;
mod outgoing;
mod places;
mod plugin;
pub mod settings;
mod threads;
mod tls;

pub use compression::*;
pub use engine::*;
pub use figures::*;
pub use held::*;
pub use http::*;
pub use hub::*;
pub use incoming::*;
pub use journal::*;
pub use log::*;
pub use outgoing::*;
pub use places::*;
pub use plugin::*;
pub use threads::*;
pub use tls::*;

const _: () =
    assert!(LEAVING_LEAST + LEAVING_BEHIND_MAX as u64 + LIBRARIES_RESERVED < FILES_RESERVED);
const _: () = assert!(OUTBOX_KEPT_BYTES <= FLUSH_BYTES);
const _: () = assert!(FLUSH_BYTES <= BLOCK_BYTES);
const _: () = assert!(RUN_BYTES_MAX >= SHARED_BYTES_LEAST);
const _: () = assert!(HEAD_BYTES_FIRST > 1032);
const _: () = assert!(FRAGMENTS_MAX >= 1 << 16);
const _: () = assert!(READ_BUFFER_BYTES_LEAST <= READ_BUFFER_BYTES_MOST);
const _: () = assert!(READ_BUFFER_BYTES_MOST <= u16::MAX as usize);
// Mapped memory would be taken from the kernel and given back with each message.
const _: () = assert!(2 * WHOLE_FRAME_BYTES_MAX <= HEAP_MAPPED_BYTES_LEAST as usize);
const _: () = assert!(EVENT_LOAD_LEAST <= settings::ROUTE_QUEUE_BYTES.least);
const _: () = assert!(RUN_KEPT_BYTES <= RUN_BYTES_MAX);
const _: () = assert!(STEP_BYTES > 0 && STEPS_PER_LOOK > 1);
