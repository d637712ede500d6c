//! What must hold of any bytes from outside, one function for each edge: the same for the fuzzer
//! (`tests/fuzz`) and for the tests, which run each over its seeds and over some thousand inputs
//! more.
//!
//! A function panics where its property does not hold, and does nothing else. Not in the server:
//! only a test or a fuzzer builds it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Request heads: any cutting of the bytes gives the same requests and the same refusal, and what is
/// accepted has one Host header and nothing that another program could read differently. What proxies
/// put before and into them is read the same way in any cutting.
pub fn request_head(data: &[u8]) {
    crate::http::fuzz::proxy_header_holds(data);
    crate::http::fuzz::requests_hold(data, &cuttings(data));
}

/// Frames: the layer before tungstenite and tungstenite see what a plain decoder sees, in any
/// cutting.
pub fn frames(data: &[u8]) {
    for cuts in cuttings(data) {
        let pieces = pieces(data, &cuts).map(<[u8]>::to_vec);
        crate::connection::frames_agree(pieces.collect());
    }
}

/// Compression: whatever is offered, the answer is one to an offer; any bytes from who may compress are seen the same in any
/// cutting, and what was compressed as it was said; who inflates hears what is sent plain to others, in an envelope or not.
pub fn compression(data: &[u8]) {
    crate::http::extensions::negotiation_holds(data);
    let cut = |cuts: &Vec<usize>| pieces(data, cuts).map(<[u8]>::to_vec).collect();
    let cuttings: Vec<Vec<Vec<u8>>> = cuttings(data).iter().map(cut).collect();
    crate::connection::compressed_frames_agree(&cuttings);
    crate::connection::compressed_frames_hold(data);
    crate::hub::compressed_runs_hold(data);
}

/// The configuration: each problem has a place within the file, and the same file gives the same.
pub fn configuration(data: &[u8]) {
    crate::config::fuzz::settings_hold(data);
}

/// The check of a library before it is opened: what it accepts is whole.
pub fn library_file(data: &[u8]) {
    crate::plugin::fuzz::library_file::check_holds(data);
}

/// Host calls: any sequence with any arguments is answered as the ABI says, and clients get whole
/// frames, those that were meant for them, in order.
pub fn host_calls(data: &[u8]) {
    crate::plugin::fuzz::host_calls::calls_hold(data);
}

/// Encodings: whatever is said, each message is heard once and as it was said, and wherever what is sent is cut,
/// whole messages follow.
pub fn encodings(data: &[u8]) {
    crate::outbox::fuzz::encodings_hold(data);
}

/// Records of TLS: whatever comes instead of a handshake ends alike in any cutting; behind one, what was said is read as far
/// as nobody has changed it on the way, and what is answered is heard.
pub fn records(data: &[u8]) {
    let cut = |cuts: &Vec<usize>| pieces(data, cuts).map(<[u8]>::to_vec).collect();
    let cuttings: Vec<Vec<Vec<u8>>> = cuttings(data).iter().map(cut).collect();
    crate::outbox::fuzz_records::hellos_hold(&cuttings);
    crate::outbox::fuzz_records::records_hold(data);
}

/// What stands in a request as words: a query, and the position from which on a client wants to hear. They are
/// read as every other program reads them, or not at all.
pub fn words(data: &[u8]) {
    crate::admin::query_holds(data, &crate::plugin::fuzz::query_pairs(data));
    crate::journal::position_holds(data);
}

/// Places to cut `data` at: nowhere, everywhere, and in pieces of lengths that `data` itself decides,
/// so that the same input always fails in the same way.
fn cuttings(data: &[u8]) -> [Vec<usize>; 3] {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let mut some = Vec::new();
    let mut at = 0;
    while at < data.len() {
        at.hash(&mut hasher);
        let number = hasher.finish() as usize;
        let most = [2, 16, 300, 5000][number % 4];
        at += 1 + number / 4 % most;
        some.push(at.min(data.len()));
    }
    [Vec::new(), (0..data.len()).collect(), some]
}

fn pieces<'a>(data: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([data.len()]);
    starts.zip(ends).map(|(start, end)| &data[start..end])
}
