//! Header lines and trailer lines (RFC 9112 section 5), and what is wrong with them.
//!
//! Pure functions on bytes. `httparse` reads the lines; what it lets pass and what it only calls
//! invalid is looked at here.

use http::StatusCode;
use httparse::{EMPTY_HEADER, Error, Header, Status};
use memchr::memchr_iter;

use super::HttpLimits;
use super::refusal::Refusal;

/// Names longer than this are not repeated in an answer.
const NAME_SHOWN_BYTES: usize = 64;

/// Reads lines up to and with the empty one, which `bytes` end with, and gives them to `read`.
///
/// # Errors
/// 400 with what is wrong, 431 for too many, and those of `read`.
pub(super) fn parse<'a, T>(
    bytes: &'a [u8],
    limits: HttpLimits,
    read: impl FnOnce(&[Header<'a>]) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if has_bare_line_feed(bytes) {
        return Err(bare_line_feed());
    }
    // On the heap: the thread's stack is not to become deeper for it.
    let lines = memchr_iter(b'\n', bytes).count();
    let mut room = vec![EMPTY_HEADER; lines.min(limits.headers)];
    match httparse::parse_headers(bytes, &mut room) {
        Ok(Status::Complete((_, headers))) => read(headers),
        Ok(Status::Partial) => Err(Refusal::malformed("the request head is not complete")),
        Err(Error::TooManyHeaders) => Err(Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("more than {} headers", limits.headers),
        )),
        Err(error) => Err(Refusal::malformed(
            explain(bytes).unwrap_or_else(|| format!("malformed header: {error}")),
        )),
    }
}

/// Index behind the empty line that ends `bytes`' lines, looked for from `from`. One that ends with
/// bare line feeds counts too, so that it is refused at once and not at the deadline.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', &bytes[from..]).find_map(|at| {
        let behind = from + at + 1;
        match bytes[behind..] {
            [b'\r', b'\n', ..] => Some(behind + 2),
            [b'\n', ..] => Some(behind + 1),
            _ => None,
        }
    })
}

/// Where [`end`] may begin next time, when it has found nothing in `bytes`.
pub(super) fn searched(bytes: &[u8]) -> usize {
    bytes.len().saturating_sub(2)
}

/// The refusal of a line that ends otherwise than with CR LF.
pub(super) fn bare_line_feed() -> Refusal {
    Refusal::malformed("a line does not end with CR LF")
}

/// Every line ends with CR LF: a bare LF is read differently by different programs on the way.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    memchr_iter(b'\n', bytes).any(|at| at == 0 || bytes[at - 1] != b'\r')
}

/// Whether `text` is a token (RFC 9110 section 5.6.2).
pub(super) fn is_token(text: &[u8]) -> bool {
    let is_token = |&byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.iter().all(is_token)
}

/// What is wrong with the first line that is wrong.
fn explain(bytes: &[u8]) -> Option<String> {
    bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .find_map(explain_line)
}

fn explain_line(line: &[u8]) -> Option<String> {
    if line.is_empty() {
        return None;
    }
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Some("a header line begins with a space: folded lines are not read".to_owned());
    }
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Some(format!("{}a header line has no colon", kind(line)));
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() {
        return Some("a header has no name".to_owned());
    }
    if name.ends_with(b" ") || name.ends_with(b"\t") {
        let name = shown(name.trim_ascii_end());
        return Some(format!("the header{name} has a space before its colon"));
    }
    if !is_token(name) {
        let kind = kind(name);
        return Some(format!(
            "{kind}a header name holds a character that no name may have"
        ));
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    value.iter().any(is_control).then(|| {
        let (kind, name) = (kind(value), shown(name));
        format!("{kind}the header{name} holds a control character")
    })
}

/// Names the two control characters that requests are smuggled with.
fn kind(bytes: &[u8]) -> &'static str {
    if bytes.contains(&b'\r') {
        "a carriage return that ends no line: "
    } else if bytes.contains(&0) {
        "a NUL byte: "
    } else {
        ""
    }
}

/// A name to repeat in a sentence, with a space before it.
fn shown(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if is_token(name) && name.len() <= NAME_SHOWN_BYTES => format!(" {text}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::http::HttpLimits;

    #[test]
    fn each_fault_is_named() {
        for (lines, part) in [
            ("A: b\n\r\n", "CR LF"),
            ("A: b\r\n c\r\n\r\n", "folded"),
            ("\tA: b\r\n\r\n", "folded"),
            ("A : b\r\n\r\n", "header A has a space before its colon"),
            ("A\t: b\r\n\r\n", "header A has a space before its colon"),
            (": b\r\n\r\n", "no name"),
            ("A\r\n\r\n", "no colon"),
            ("A b: c\r\n\r\n", "header name"),
            ("A(b): c\r\n\r\n", "header name"),
            ("Ä: c\r\n\r\n", "header name"),
            ("A: b\0\r\n\r\n", "NUL byte: the header A"),
            ("A\0: b\r\n\r\n", "NUL byte: a header name"),
            ("A: b\rc\r\n\r\n", "carriage return that ends no line"),
            ("A: b\r\r\n\r\n", "carriage return that ends no line"),
            ("A\r: b\r\n\r\n", "carriage return that ends no line"),
            (
                "A: b\x0bc\r\n\r\n",
                "the header A holds a control character",
            ),
            ("A: \x7f\r\n\r\n", "the header A holds a control character"),
        ] {
            let limits = HttpLimits::default();
            let refusal = parse(lines.as_bytes(), limits, |_| Ok(())).expect_err(lines);
            assert_eq!(refusal.status.as_u16(), 400, "{lines:?}");
            assert!(refusal.why.contains(part), "{lines:?}: {}", refusal.why);
        }
    }

    #[test]
    fn what_is_odd_but_legal_is_read() {
        let lines = b"a:b\r\nB: \t c\td \xff \r\nC:\r\n\r\n";
        let values = parse(lines, HttpLimits::default(), |headers| {
            Ok(headers
                .iter()
                .map(|header| header.value)
                .collect::<Vec<_>>())
        });
        let values = values.expect("it is legal");
        assert_eq!(values, [b"b".as_slice(), b"c\td \xff", b""]);
    }
}
