//! One way of a connection: a thread takes in what comes, another gives it out when it is due.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Line, Quality, Shared, Way};

/// Bytes that are taken in at once, and how often that is done before something is given out: so much is on its way at most.
const PARCEL_BYTES: usize = 8 * 1024;
const PARCELS: usize = 64;

/// Who waits for another change looks at it all the same after this time.
const LOOK: Duration = Duration::from_secs(10);

/// A narrow way gives out so often in a second.
const STEPS_PER_SECOND: usize = 50;

struct Parcel {
    due: Instant,
    bytes: Vec<u8>,
}

/// Begins to carry.
pub(super) fn begin(shared: &Arc<Shared>, line: &Arc<Line>, way: Way) {
    let (sender, receiver) = sync_channel(PARCELS);
    let (of_shared, of_line) = (shared.clone(), line.clone());
    thread::spawn(move || take_in(&of_shared, &of_line, way, &sender));
    let (of_shared, of_line) = (shared.clone(), line.clone());
    thread::spawn(move || give_out(&of_shared, &of_line, way, &receiver));
}

fn take_in(shared: &Shared, line: &Line, way: Way, parcels: &SyncSender<Parcel>) {
    let mut from = match way {
        Way::There => &line.ends[0],
        Way::Back => &line.ends[1],
    };
    let mut due = Instant::now();
    let mut chance = Chance(0x9e37_79b9 + way as u32);
    let mut bytes = [0; PARCEL_BYTES];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let Quality { delay, jitter, .. } = shared.lock().quality[way as usize];
        due = due.max(Instant::now() + delay + jitter.mul_f64(chance.next()));
        let parcel = Parcel {
            due,
            bytes: bytes[..count].to_vec(),
        };
        // Where nobody gives it out it is lost, and who has sent it is not to find out.
        parcels.send(parcel).ok();
    }
}

fn give_out(shared: &Shared, line: &Line, way: Way, parcels: &Receiver<Parcel>) {
    let mut to = match way {
        Way::There => &line.ends[1],
        Way::Back => &line.ends[0],
    };
    let mut due = Instant::now();
    for parcel in parcels {
        due = due.max(parcel.due);
        let mut rest = parcel.bytes.as_slice();
        while !rest.is_empty() {
            let Some(turn) = wait(shared, line, way, due, rest.len()) else {
                return;
            };
            let (now, later) = rest.split_at(turn.bytes);
            if to.write_all(now).is_err() || turn.is_last {
                let _state = shared.lock();
                return line.cut();
            }
            rest = later;
        }
    }
    // Who has sent all that has ended the connection, or its way of it.
    if wait(shared, line, way, due, 0).is_some() {
        to.shutdown(Shutdown::Write).ok();
        let _state = shared.lock();
        if line.ended.fetch_add(1, Relaxed) == 1 {
            line.is_dead.store(true, Relaxed);
        }
    }
}

/// What may be given out now.
struct Turn {
    bytes: usize,
    /// The connection is cut behind it.
    is_last: bool,
}

/// Waits until something may be given out, of so many bytes; none where the connection has ended.
fn wait(shared: &Shared, line: &Line, way: Way, due: Instant, bytes: usize) -> Option<Turn> {
    let of = way as usize;
    let mut state = shared.lock();
    loop {
        if line.is_dead.load(Relaxed) {
            return None;
        }
        let is_held = state.is_held[of] || line.is_held[of].load(Relaxed);
        let is_narrow = state.quality[of].bytes_per_second > 0;
        let full_until = state.full_until[of].filter(|_| is_narrow);
        let at = full_until.map_or(due, |until| until.max(due));
        let left = at.saturating_duration_since(Instant::now());
        if !is_held && left.is_zero() {
            break;
        }
        // Who changes something wakes all.
        let time = if is_held { LOOK } else { left };
        let waited = shared.changed.wait_timeout(state, time);
        state = waited.expect("nobody panics with it").0;
    }
    if state.cut_amid[of].is_some_and(|least| bytes >= least) {
        state.cut_amid[of] = None;
        state.cuts += 1;
        return Some(Turn {
            bytes: bytes / 2,
            is_last: true,
        });
    }
    let Quality {
        bytes_per_second,
        piece,
        ..
    } = state.quality[of];
    let mut bytes = bytes;
    if piece > 0 {
        bytes = bytes.min(piece);
    }
    if bytes_per_second > 0 {
        bytes = bytes.min((bytes_per_second / STEPS_PER_SECOND).max(1));
        let takes = Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
        // Who was late by a step, as a busy machine makes it, catches up.
        let from = Instant::now() - Duration::from_secs(1) / STEPS_PER_SECOND as u32;
        let from = state.full_until[of].map_or(from, |until| until.max(from));
        state.full_until[of] = Some(from + takes);
    }
    Some(Turn {
        bytes,
        is_last: false,
    })
}

/// Numbers that look like chance and are the same in each run (xorshift).
struct Chance(u32);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX)
    }
}
