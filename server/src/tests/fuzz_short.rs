//! The short run of the fuzz targets: every seed, inputs that are nearly seeds, and any bytes.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::fuzz;

/// Time of one target, its seeds apart.
const TIME: Duration = Duration::from_secs(2);

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds");
    let files = std::fs::read_dir(folder.join(target)).expect("a folder for each target");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(std::fs::read).collect();
    seeds
        .into_iter()
        .map(|seed| seed.expect("a file"))
        .collect()
}

/// Two seeds or as many bytes, joined somewhere, and some bytes of that changed.
fn near(seeds: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let part = || {
        prop_oneof![
            4 => prop::sample::select(seeds.to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..200),
        ]
    };
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let joined = (part(), part(), any::<Index>(), any::<Index>(), changes);
    joined.prop_map(|(mut one, other, end, start, changes)| {
        one.truncate(end.index(one.len() + 1));
        one.extend_from_slice(&other[start.index(other.len() + 1)..]);
        for (at, byte) in changes {
            if !one.is_empty() {
                let at = at.index(one.len());
                one[at] = byte;
            }
        }
        one
    })
}

fn run(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has no seed");
    seeds.iter().for_each(|seed| target(seed));
    // Each run tries other inputs; a failure names the one that failed.
    let mut runner = TestRunner::default();
    let (inputs, end) = (near(&seeds), Instant::now() + TIME);
    while Instant::now() < end {
        let input = inputs.new_tree(&mut runner).expect("an input").current();
        let outcome = std::panic::catch_unwind(|| target(&input));
        if outcome.is_err() {
            panic!("{name} fails for \"{}\"", input.escape_ascii());
        }
    }
}

#[test]
fn request_heads_hold() {
    run("request_head", fuzz::request_head);
}

#[test]
fn frames_hold() {
    run("frames", fuzz::frames);
}

#[test]
fn compression_holds() {
    run("compression", fuzz::compression);
}

#[test]
fn configurations_hold() {
    run("configuration", fuzz::configuration);
}

#[test]
fn library_files_hold() {
    run("library_file", fuzz::library_file);
}

#[test]
fn encodings_hold() {
    run("encodings", fuzz::encodings);
}

#[test]
fn records_hold() {
    run("records", fuzz::records);
}

#[test]
fn words_hold() {
    run("words", fuzz::words);
}

#[test]
fn host_calls_hold() {
    run("host_calls", fuzz::host_calls);
}
