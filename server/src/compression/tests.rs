//! What is compressed is what a plain inflater reads, and what is inflated is what was sent.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::{
    BadStream, Compressor, Deflated, Demand, Inflater, Need, Plain, Shape, Window, deflate,
};

fn window(bits: u8) -> Window {
    Window::new(bits).expect("a window")
}

fn need(bits: u8) -> Need {
    let (shape, window) = (Shape::Bare, window(bits));
    Need { shape, window }
}

/// What members need of a message as it is.
fn bare(
    payload: &[u8],
    place: Option<(usize, usize)>,
    demand: &Demand,
    wrap: impl Fn(&[u8]) -> Vec<u8>,
) -> Option<Deflated> {
    let mut deflated = Deflated::default();
    let shape = Shape::Bare;
    let plain = Plain {
        shape,
        payload,
        place,
    };
    deflated.add_for_all(plain, demand, wrap);
    assert!(deflated.forms[Shape::Enveloped as usize].is_empty());
    deflated.if_any()
}

/// All that comes of a message, in steps of `room` bytes.
fn inflate(inflater: &mut Inflater, mut input: &[u8], room: usize) -> Result<Vec<u8>, BadStream> {
    let mut all = Vec::new();
    let mut output = vec![0; room];
    loop {
        let step = inflater.step(input, &mut output)?;
        input = &input[step.used..];
        all.extend_from_slice(&output[..step.written]);
        if step.written < room {
            assert!(input.is_empty(), "all is used where there is room");
            return inflater.end().map(|()| all);
        }
    }
}

/// Text of so many bytes in which much comes again.
fn text(bytes: usize) -> Vec<u8> {
    let words = (0_u32..).flat_map(|number| format!("{{\"n\":{}}},", number * number).into_bytes());
    words.take(bytes).collect()
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // RFC 7692 section 7.2.3.1: a message alone, and one that refers to it.
    let mut inflater = Inflater::new(Window::MOST);
    let alone = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(inflate(&mut inflater, &alone, 64), Ok(b"Hello".to_vec()));
    let refers = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflate(&mut inflater, &refers, 64), Ok(b"Hello".to_vec()));
    // Sections 7.2.3.3 to 7.2.3.5: not compressed, a last block, two blocks.
    for message in [
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ][..],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ] {
        let mut inflater = Inflater::new(Window::MOST);
        assert_eq!(
            inflate(&mut inflater, message, 64),
            Ok(b"Hello".to_vec()),
            "{message:x?}"
        );
    }
    let empty = inflate(&mut Inflater::new(Window::MOST), &[0], 64);
    assert_eq!(empty, Ok(Vec::new()), "section 7.2.3.6");
}

#[test]
fn what_is_damaged_or_cut_off_is_told() {
    let whole = deflate(&text(3000), Window::MOST, 6, <[u8]>::to_vec).expect("it shrinks");
    // Behind the tables of its one block.
    for end in 100..whole.len() {
        let told = inflate(&mut Inflater::new(Window::MOST), &whole[..end], 5000);
        assert!(told.is_err(), "cut at {end} of {}", whole.len());
    }
    // A stored block of five bytes of which four have come, and none at all.
    for message in [
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c][..],
        &[0x00, 0x05, 0x00, 0xfa, 0xff],
    ] {
        let told = inflate(&mut Inflater::new(Window::MOST), message, 64);
        assert_eq!(told, Err(BadStream::CutOff));
    }
    let told = inflate(&mut Inflater::new(Window::MOST), &[0xff; 40], 64);
    assert_eq!(told, Err(BadStream::Damaged));
    // Behind the end of a last block stands no block.
    let behind = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff, 0xff];
    let told = inflate(&mut Inflater::new(Window::MOST), &behind, 64);
    assert_eq!(told, Err(BadStream::Damaged));
}

#[test]
fn what_does_not_shrink_is_not_compressed() {
    let mut noise = vec![0; 5000];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    for length in [0, 1, 2, 5, 300, 5000] {
        assert!(
            deflate(&noise[..length], Window::MOST, 6, |_| ()).is_none(),
            "{length}"
        );
    }
}

#[test]
fn one_form_serves_all_windows_that_have_room_for_it() {
    let demand = Demand::default();
    assert!(
        bare(&text(1000), None, &demand, <[u8]>::to_vec).is_none(),
        "nobody needs it"
    );
    for bits in [9, 10, 12, 15] {
        demand.set(need(bits), true);
    }
    assert!(
        bare(&text(200), None, &demand, <[u8]>::to_vec).is_none(),
        "too short"
    );
    let message = text(1000);
    let deflated = bare(&message, None, &demand, <[u8]>::to_vec).expect("it shrinks");
    assert_eq!(deflated.forms[0].len(), 2, "9, and all others together");
    for bits in [9, 10, 12, 15] {
        let form = deflated.form(need(bits)).expect("it was needed");
        let mut inflater = Inflater::new(window(bits));
        assert_eq!(
            inflate(&mut inflater, form, 300),
            Ok(message.clone()),
            "{bits}"
        );
    }
    let large = text(100_000);
    let deflated = bare(&large, None, &demand, <[u8]>::to_vec).expect("it shrinks");
    assert_eq!(deflated.forms[0].len(), 4);
    demand.set(need(15), false);
    let deflated = bare(&large, None, &demand, <[u8]>::to_vec).expect("it shrinks");
    assert!(deflated.form(need(9)).is_some() && deflated.forms[0].len() == 3);
}

/// Where a position stands at the front, in the middle and at the end.
#[test]
fn a_place_is_filled_in_each_form() {
    let demand = Demand::default();
    for bits in [9, 11, 15] {
        demand.set(need(bits), true);
    }
    let message = text(4000);
    let wrap = |small: &[u8]| [b"head", small].concat();
    for at in [0, 10, 63, 64, 700, 3900, 3976] {
        let place = at..at + 24;
        let around = bare(&message, Some((at, at + 24)), &demand, wrap);
        let mut around = around.expect("it shrinks");
        let id = [b'0' + (at % 10) as u8; 24];
        around.fill(Shape::Bare, &id);
        let mut filled = message.clone();
        filled[place].copy_from_slice(&id);
        for bits in [9, 10, 11, 15] {
            let form = around.form(need(bits)).expect("it was needed");
            let read = inflate(&mut Inflater::new(window(bits)), &form[4..], 300);
            assert!(read == Ok(filled.clone()), "at {at}, window of {bits}");
        }
    }
    let mut without = bare(&message, None, &demand, wrap).expect("it shrinks");
    without.fill(Shape::Bare, &[b'0'; 24]);
    assert!(without.if_any().is_none(), "no place was left");
}

proptest! {
    /// The bytes of a place stand in the compressed form as they are, whatever they are.
    #[test]
    fn a_place_may_be_anywhere(
        length in 24_usize..6000,
        at in 0_usize..6000,
        bits in 9_u8..=15,
        level in 1_u8..=9,
        with: [u8; 24],
    ) {
        let message = text(length);
        let at = at % (length - 23);
        let mut compressor = Compressor::new(window(bits), level);
        for _ in 0..2 {
            let Some((small, place)) = compressor.run_around(&message, at..at + 24) else {
                continue;
            };
            prop_assert!(small.len() < message.len());
            let (mut small, mut filled) = (small.to_vec(), message.clone());
            small[place..place + 24].copy_from_slice(&with);
            filled[at..at + 24].copy_from_slice(&with);
            let read = inflate(&mut Inflater::new(window(bits)), &small, 700);
            prop_assert!(read == Ok(filled));
            prop_assert!(!compressor.has_past(), "it is for whoever comes next");
        }
    }

    /// Whatever is said one after the other, whatever the window, whoever refers to what.
    #[test]
    fn everything_comes_back_as_it_was(
        messages in prop::collection::vec((0_usize..3000, any::<bool>(), 1_usize..700), 1..8),
        bits in 9_u8..=15,
        level in 1_u8..=9,
    ) {
        let source = text(80_000);
        let mut inflater = Inflater::new(window(bits));
        let mut compressor = Compressor::new(window(bits), level);
        for (index, (length, forgets, room)) in messages.into_iter().enumerate() {
            let message = &source[index * 500..index * 500 + length * 10];
            if forgets {
                compressor.forget();
            }
            if let Some(payload) = compressor.run(message) {
                prop_assert!(payload.len() < message.len());
                prop_assert_eq!(inflate(&mut inflater, payload, room), Ok(message.to_vec()));
            }
        }
    }

    /// Other compressors end their messages otherwise, or in several blocks.
    #[test]
    fn what_others_compress_is_read(length in 0_usize..5000, cut in 0_usize..5000, is_last: bool, room in 1_usize..900) {
        let message = text(length);
        let (first, second) = message.split_at(cut.min(length));
        let mut compress = Compress::new(Compression::fast(), false);
        let mut out = Vec::with_capacity(9000);
        compress.compress_vec(first, &mut out, FlushCompress::Full).expect("room");
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        compress.compress_vec(second, &mut out, flush).expect("room");
        if is_last {
            out.push(0);
        } else {
            out.truncate(out.len() - 4);
        }
        prop_assert_eq!(inflate(&mut Inflater::new(Window::MOST), &out, room), Ok(message));
    }

    /// Nothing that comes makes it panic or run on.
    #[test]
    fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut inflater = Inflater::new(window(9));
        inflate(&mut inflater, &bytes, 100).ok();
    }
}
