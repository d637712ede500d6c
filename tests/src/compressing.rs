//! A client that compresses and inflates by hand (RFC 7692), and sees which frames came compressed.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::{BINARY, CONTINUATION, Raw, Server, TEXT, frame, handshake};

/// The bit of a frame that begins a compressed message.
pub const COMPRESSED: u8 = 0x40;

/// A connected client that has offered compression.
pub struct Compressing {
    /// Its connection.
    pub raw: Raw,
    /// The value of `Sec-WebSocket-Extensions` in the answer; none where there was none.
    pub agreed: Option<String>,
    inflate: Decompress,
    deflate: Compress,
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it says.
    pub text: String,
    /// Whether it came compressed.
    pub is_compressed: bool,
}

impl Compressing {
    /// Connects to a route and offers `extensions`, one header line each.
    #[track_caller]
    pub fn connect(server: &Server, path: &str, extensions: &[&str]) -> Compressing {
        let lines: Vec<_> = extensions
            .iter()
            .map(|value| format!("Sec-WebSocket-Extensions: {value}"))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let mut raw = Raw::connect(server);
        raw.write(handshake(path, &lines));
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let name = "Sec-WebSocket-Extensions: ";
        let agreed = head.lines().find_map(|line| line.strip_prefix(name));
        Compressing {
            raw,
            agreed: agreed.map(str::to_owned),
            inflate: Decompress::new_with_window_bits(false, window(agreed)),
            deflate: Compress::new_with_window_bits(Compression::default(), false, 15),
        }
    }

    /// With what a browser offers.
    #[track_caller]
    pub fn as_browser(server: &Server, path: &str) -> Compressing {
        Compressing::connect(
            server,
            path,
            &["permessage-deflate; client_max_window_bits"],
        )
    }

    fn has(&self, parameter: &str) -> bool {
        let agreed = self.agreed.as_deref().unwrap_or_default();
        agreed.split("; ").any(|of| of == parameter)
    }

    /// `text` as this client compresses it: with what it has said before, where it may.
    pub fn compress(&mut self, text: &[u8]) -> Vec<u8> {
        if self.has("client_no_context_takeover") {
            self.deflate.reset();
        }
        let mut out = Vec::with_capacity(text.len() + text.len() / 100 + 100);
        let flush = FlushCompress::Sync;
        self.deflate
            .compress_vec(text, &mut out, flush)
            .expect("it compresses");
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "there was room for all");
        out.truncate(out.len() - 4);
        out
    }

    /// Sends a compressed text.
    #[track_caller]
    pub fn say(&mut self, text: &str) {
        let payload = self.compress(text.as_bytes());
        self.raw.write(frame(COMPRESSED | TEXT, &payload));
    }

    /// Sends compressed bytes in so many fragments.
    #[track_caller]
    pub fn say_in_parts(&mut self, text: &str, parts: usize) {
        let payload = self.compress(text.as_bytes());
        let parts: Vec<_> = payload.chunks(payload.len().div_ceil(parts)).collect();
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 {
                COMPRESSED | BINARY
            } else {
                CONTINUATION
            };
            let mut frame = frame(opcode, part);
            if index + 1 < parts.len() {
                frame[0] &= 0x7f;
            }
            self.raw.write(frame);
        }
    }

    /// Reads one message, inflated as was agreed.
    #[track_caller]
    pub fn hear(&mut self) -> Heard {
        let (opcode, payload, is_compressed) = self.frame();
        assert!(matches!(opcode, TEXT | BINARY), "opcode {opcode}");
        let text = if is_compressed {
            self.inflate(&payload)
        } else {
            payload
        };
        Heard {
            text: String::from_utf8(text).expect("text"),
            is_compressed,
        }
    }

    /// Reads one whole frame: opcode, payload as it is, and whether that is compressed.
    #[track_caller]
    pub fn frame(&mut self) -> (u8, Vec<u8>, bool) {
        let header = self.raw.bytes(2);
        assert_eq!(header[0] & 0xb0, 0x80, "final, without other bits");
        let length = match header[1] {
            126 => u16::from_be_bytes(self.raw.bytes(2).try_into().expect("two")).into(),
            127 => u64::from_be_bytes(self.raw.bytes(8).try_into().expect("eight")) as usize,
            short => usize::from(short),
        };
        let payload = self.raw.bytes(length);
        (header[0] & 0x0f, payload, header[0] & COMPRESSED != 0)
    }

    #[track_caller]
    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        assert!(self.agreed.is_some(), "nobody may compress for this client");
        if self.has("server_no_context_takeover") {
            self.inflate = Decompress::new_with_window_bits(false, window(self.agreed.as_deref()));
        }
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let (mut all, mut used) = (Vec::new(), 0);
        loop {
            let mut out = Vec::with_capacity(64 * 1024);
            let before = self.inflate.total_in();
            self.inflate
                .decompress_vec(&input[used..], &mut out, FlushDecompress::Sync)
                .expect("the server compresses as was agreed");
            used += (self.inflate.total_in() - before) as usize;
            all.extend_from_slice(&out);
            if used == input.len() && out.len() < out.capacity() {
                return all;
            }
        }
    }
}

/// The window that was agreed for what the server sends.
fn window(agreed: Option<&str>) -> u8 {
    let parameters = agreed.unwrap_or_default().split("; ");
    let bits = parameters
        .filter_map(|of| of.strip_prefix("server_max_window_bits="))
        .next();
    bits.map_or(15, |bits| bits.parse().expect("a number"))
}

/// Some JSON of about so many bytes, other for each number.
pub fn json_line(number: usize, bytes: usize) -> String {
    let mut text = format!("{{\"number\":{number},\"items\":[");
    let mut value = number;
    while text.len() + 2 < bytes {
        value = value
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let score = value >> 50;
        text += &format!("{{\"user\":\"u{}\",\"score\":{score}}},", score % 17);
    }
    text.pop();
    text + "]}"
}
