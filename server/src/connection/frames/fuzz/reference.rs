//! RFC 6455 section 5, byte by byte, as plainly as it can be said; slow, and shares no code with the
//! layer.

use super::{Event, LIMIT};

/// What has to come of `bytes` from a client.
pub(super) fn events(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder {
        bytes: bytes.iter(),
        events: Vec::new(),
        message: None,
    };
    let end = loop {
        match decoder.frame() {
            Ok(()) => {}
            Err(end) => break end,
        }
    };
    decoder.events.push(end);
    decoder.events
}

struct Decoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    events: Vec<Event>,
    /// Whether it is text, and what has come of it.
    message: Option<(bool, Vec<u8>)>,
}

const BROKEN: Event = Event::Refused(1002);
const NO_TEXT: Event = Event::Refused(1007);

impl Decoder<'_> {
    fn byte(&mut self) -> Result<u8, Event> {
        self.bytes.next().copied().ok_or(Event::Ended)
    }

    fn number(&mut self, bytes: usize) -> Result<u128, Event> {
        let mut number = 0;
        for _ in 0..bytes {
            number = number << 8 | u128::from(self.byte()?);
        }
        Ok(number)
    }

    /// One frame; the error is how the connection ends.
    fn frame(&mut self) -> Result<(), Event> {
        let first = self.byte()?;
        let (is_final, reserved, opcode) = (first >= 128, first / 16 % 8, first % 16);
        let is_lawful = match opcode {
            0 => self.message.is_some(),
            1 | 2 => self.message.is_none(),
            8..=10 => is_final,
            _ => false,
        };
        if reserved != 0 || !is_lawful {
            return Err(BROKEN);
        }
        let length = self.length(opcode)?;
        let before = self.message.as_ref().map_or(0, |(_, bytes)| bytes.len());
        if opcode < 8 && length + before as u128 > LIMIT as u128 {
            return Err(Event::Refused(1009));
        }
        let mask = [self.byte()?, self.byte()?, self.byte()?, self.byte()?];
        if opcode < 8 {
            self.data(opcode, is_final, length as usize, mask)
        } else {
            self.control(opcode, length as usize, mask)
        }
    }

    fn length(&mut self, opcode: u8) -> Result<u128, Event> {
        let second = self.byte()?;
        let short = u128::from(second % 128);
        if second < 128 || opcode >= 8 && short > 125 || opcode == 8 && short == 1 {
            return Err(BROKEN);
        }
        let (length, least) = match short {
            126 => (self.number(2)?, 126),
            127 => {
                // The first bit is judged before the other bytes have come.
                let first = u128::from(self.byte()?);
                if first >= 128 {
                    return Err(BROKEN);
                }
                (first << 56 | self.number(7)?, 65_536)
            }
            short => (short, 0),
        };
        if length < least {
            Err(BROKEN)
        } else {
            Ok(length)
        }
    }

    fn data(
        &mut self,
        opcode: u8,
        is_final: bool,
        length: usize,
        mask: [u8; 4],
    ) -> Result<(), Event> {
        let begun = self.message.take();
        let (is_text, mut message) = begun.unwrap_or((opcode == 1, Vec::new()));
        for at in 0..length {
            message.push(self.byte()? ^ mask[at % 4]);
            if is_text && can_be_no_text(&message) {
                return Err(NO_TEXT);
            }
        }
        if !is_final {
            self.message = Some((is_text, message));
        } else if !is_text {
            self.events.push(Event::Binary(message));
        } else if std::str::from_utf8(&message).is_ok() {
            self.events.push(Event::Text(message));
        } else {
            return Err(NO_TEXT);
        }
        Ok(())
    }

    fn control(&mut self, opcode: u8, length: usize, mask: [u8; 4]) -> Result<(), Event> {
        let mut payload = Vec::new();
        for at in 0..length {
            payload.push(self.byte()? ^ mask[at % 4]);
            if opcode == 8 && at == 1 {
                let code = u32::from(payload[0]) * 256 + u32::from(payload[1]);
                if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                    return Err(BROKEN);
                }
            }
        }
        if opcode == 9 {
            self.events.push(Event::Ping(payload));
        } else if opcode == 10 {
            self.events.push(Event::Pong(payload));
        } else if payload.is_empty() {
            self.events.push(Event::Close(None));
            return Err(Event::Ended);
        } else if std::str::from_utf8(&payload[2..]).is_ok() {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            self.events
                .push(Event::Close(Some((code, payload[2..].to_vec()))));
            return Err(Event::Ended);
        } else {
            return Err(NO_TEXT);
        }
        Ok(())
    }
}

/// Whether no bytes that follow could make it text.
fn can_be_no_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}
