//! The line itself: put together in a buffer of its own, and written to where the log goes. Runs in a signal handler.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, Ordering};

use super::system;

/// Where the log goes, and how its lines look; the log's own threads change them.
static OUTPUT: AtomicI32 = AtomicI32::new(libc::STDERR_FILENO);
static LOOKS: AtomicU8 = AtomicU8::new(0);
/// Lines that were offered to the log's thread, and those that it is done with.
static OFFERED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(0);

const TARGET: &str = "server::crash";

/// Room for the names of a plugin, two paths and a few words; what is longer is cut.
pub(super) const LINE_BYTES: usize = 1024;
/// What stays free for the end of the line.
const TAIL_BYTES: usize = 128;

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// JSON, else text.
    pub is_json: bool,
    /// For systemd's journal: a priority in front, and no time.
    pub is_for_journal: bool,
}

/// The log goes to `output` from now on; before that one is closed, this is called again.
pub fn set_output(output: RawFd) {
    OUTPUT.store(output, Ordering::Release);
}

/// Lines of the log look like this from now on.
pub fn set_looks(looks: Looks) {
    let bits = u8::from(looks.is_json) | u8::from(looks.is_for_journal) << 1;
    LOOKS.store(bits, Ordering::Relaxed);
}

/// One more line is on its way to the log's thread.
pub fn line_offered() {
    OFFERED.fetch_add(1, Ordering::Relaxed);
}

/// So many of them are written, or lost.
pub fn lines_done(count: u64) {
    DONE.fetch_add(count, Ordering::Relaxed);
}

/// Whether the log's thread is done with every line that was offered.
pub(super) fn log_has_caught_up() -> bool {
    DONE.load(Ordering::Relaxed) >= OFFERED.load(Ordering::Relaxed)
}

/// A line of the log that is being put together.
pub(super) struct Line<'a> {
    bytes: &'a mut [u8; LINE_BYTES],
    length: usize,
    looks: Looks,
}

impl<'a> Line<'a> {
    /// A line of now, as loud as they get, in `bytes`: a handler's stack may be a small one.
    pub(super) fn begin(bytes: &'a mut [u8; LINE_BYTES]) -> Line<'a> {
        let bits = LOOKS.load(Ordering::Relaxed);
        let looks = Looks {
            is_json: bits & 1 != 0,
            is_for_journal: bits & 2 != 0,
        };
        let mut line = Line {
            bytes,
            length: 0,
            looks,
        };
        if looks.is_for_journal {
            line.raw(b"<3>");
        }
        if looks.is_json {
            line.raw(br#"{"level":"ERROR","message":""#);
            return line;
        }
        if !looks.is_for_journal {
            line.time(system::now());
            line.raw(b" [ERROR] ");
        }
        line.raw(TARGET.as_bytes());
        line.raw(b": ");
        line
    }

    /// Text that we have made; what would end the line, or a JSON string, is escaped.
    pub(super) fn text(&mut self, text: &str) {
        self.visible(text.as_bytes(), |byte| byte >= 0x20 && byte != 0x7f);
    }

    /// Text that somebody else has made, of any bytes.
    pub(super) fn foreign(&mut self, bytes: &[u8]) {
        self.visible(bytes, |byte| (0x20..0x7f).contains(&byte));
    }

    fn visible(&mut self, bytes: &[u8], is_visible: impl Fn(u8) -> bool) {
        for &byte in bytes {
            if self.length + TAIL_BYTES > LINE_BYTES {
                return;
            }
            match byte {
                b'"' | b'\\' if self.looks.is_json => self.raw(&[b'\\', byte]),
                byte if is_visible(byte) => self.raw(&[byte]),
                _ => self.raw(b"?"),
            }
        }
    }

    pub(super) fn decimal(&mut self, number: u64) {
        self.number(number, 10, 1);
    }

    pub(super) fn hexadecimal(&mut self, number: usize) {
        self.raw(b"0x");
        self.number(number as u64, 16, 1);
    }

    /// In digits of `base`, so many at least.
    fn number(&mut self, mut number: u64, base: u64, digits: usize) {
        let mut reversed = [b'0'; 20];
        let mut length = 0;
        while number > 0 || length < digits {
            reversed[length] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            length += 1;
        }
        reversed[..length].reverse();
        self.raw(&reversed[..length]);
    }

    /// RFC 3339 in UTC, to the millisecond, as all lines of the log have it.
    fn time(&mut self, (seconds, milliseconds): (u64, u64)) {
        let (year, month, day) = date(seconds / 86_400);
        let second = seconds % 86_400;
        let parts: [(u64, &[u8], usize); 7] = [
            (year, b"", 4),
            (month, b"-", 2),
            (day, b"-", 2),
            (second / 3600, b"T", 2),
            (second / 60 % 60, b":", 2),
            (second % 60, b":", 2),
            (milliseconds, b".", 3),
        ];
        for (number, before, digits) in parts {
            self.raw(before);
            self.number(number, 10, digits);
        }
        self.raw(b"Z");
    }

    /// Whatever fits.
    fn raw(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(LINE_BYTES - self.length);
        self.bytes[self.length..self.length + length].copy_from_slice(&bytes[..length]);
        self.length += length;
    }

    /// Ends the line and writes it, where the log's output takes it soon.
    pub(super) fn write(mut self) {
        if self.looks.is_json {
            self.raw(br#"","target":""#);
            self.raw(TARGET.as_bytes());
            if !self.looks.is_for_journal {
                self.raw(br#"","time":""#);
                self.time(system::now());
            }
            self.raw(br#""}"#);
        }
        self.raw(b"\n");
        system::write(OUTPUT.load(Ordering::Acquire), &self.bytes[..self.length]);
    }
}

/// Year, month and day so many days after 1970-01-01, in the Gregorian calendar. Counted in eras of 400 years that begin on
/// the first of March, so that a leap day ends a year.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    let days = days + 719_468;
    let day_of_era = days % ERA_DAYS;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (ERA_DAYS - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + days / ERA_DAYS * 400;
    (year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES, Line, Looks, date};

    fn line(bytes: &mut [u8; LINE_BYTES], is_json: bool) -> Line<'_> {
        Line {
            bytes,
            length: 0,
            looks: Looks {
                is_json,
                is_for_journal: false,
            },
        }
    }

    fn written<'a>(line: &'a Line<'_>) -> &'a str {
        std::str::from_utf8(&line.bytes[..line.length]).expect("it is text")
    }

    #[test]
    fn a_day_is_the_one_that_others_say() {
        for days in (0..60_000).chain([11_016, 19_782, 47_541]) {
            let julian = 2_440_588 + days as i32;
            let expected = time::Date::from_julian_day(julian).expect("a day");
            let (year, month, day) = date(days);
            let expected = (
                expected.year() as u64,
                u8::from(expected.month()) as u64,
                expected.day() as u64,
            );
            assert_eq!((year, month, day), expected, "day {days}");
        }
    }

    #[test]
    fn numbers_and_times_read_as_everywhere() {
        let mut bytes = [0; LINE_BYTES];
        let mut line = line(&mut bytes, false);
        line.decimal(0);
        line.text(" ");
        line.decimal(u64::MAX);
        line.text(" ");
        line.hexadecimal(0xbeef);
        line.text(" ");
        line.time((951_782_399, 7));
        assert_eq!(
            written(&line),
            "0 18446744073709551615 0xbeef 2000-02-28T23:59:59.007Z"
        );
    }

    #[test]
    fn nothing_in_a_name_ends_the_line_or_the_text() {
        let mut bytes = [0; LINE_BYTES];
        let mut json = line(&mut bytes, true);
        json.text("a\"b\\c\nü");
        json.foreign(b"\xff\x1b\"");
        assert_eq!(written(&json), "a\\\"b\\\\c?ü??\\\"");
        let mut text = line(&mut bytes, false);
        text.text("a\"b");
        assert_eq!(written(&text), "a\"b");
    }

    #[test]
    fn a_long_line_is_cut_and_has_its_end() {
        let mut bytes = [0; LINE_BYTES];
        let mut line = line(&mut bytes, true);
        line.text(&"x".repeat(2 * LINE_BYTES));
        assert!(line.length <= LINE_BYTES - 120, "{}", line.length);
    }
}
