//! `on_close` comes exactly once for each `on_open` that succeeded: read from the log lines that the
//! plugins of the tests, and the message board, write in both.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// What stands in the lines: behind which words the client's number follows, or before which.
const OPENED: [&str; 3] = [
    "plugin::probe: opened ",
    "plugin::variant: opened ",
    "plugin::faulty: opened ",
];
const CLOSED: [&str; 3] = [
    "plugin::probe: closed ",
    "plugin::variant: closed ",
    "plugin::faulty: closed ",
];
const BOARD: &str = "plugin::chat: Client ";

/// Says what is wrong; nothing where each client of the log that was opened was closed once. Says
/// nothing either where lines are missing from the log.
pub(crate) fn mismatch(log: &str) -> Option<String> {
    let is_incomplete = [
        " lines dropped",
        "more than log.client_rate",
        "not waited for: ",
        "are cut off",
        "log.level",
    ];
    if is_incomplete.iter().any(|words| log.contains(words)) {
        return None;
    }
    let mut clients: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for line in log.lines() {
        let line = &as_text(line);
        for (opened, closed) in OPENED.iter().zip(CLOSED) {
            if let Some(id) = number_after(line, opened) {
                clients.entry(format!("{opened}{id}")).or_default().0 += 1;
            }
            if let Some(id) = number_after(line, closed) {
                clients.entry(format!("{opened}{id}")).or_default().1 += 1;
            }
        }
        if let Some(id) = name_after(line, BOARD) {
            let counts = clients.entry(format!("{BOARD}{id}")).or_default();
            counts.0 += u32::from(line.contains(" has connected from "));
            counts.1 += u32::from(line.contains(" has left ("));
        }
    }
    let wrong = clients
        .iter()
        .find(|(_, (opened, closed))| opened != closed || *opened > 1);
    wrong.map(|(name, (opened, closed))| {
        format!("`{name}`: on_open came {opened} times and on_close {closed} times")
    })
}

/// A line of `log.format = "json"` as it would stand in a text log.
fn as_text(line: &str) -> Cow<'_, str> {
    let Ok(object) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.into();
    };
    match (object["target"].as_str(), object["message"].as_str()) {
        (Some(target), Some(message)) => format!("{target}: {message}").into(),
        _ => line.into(),
    }
}

fn number_after<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    beginning_after(line, words, |character| character.is_ascii_digit())
}

/// A number, with that of its host before it where several share the board.
fn name_after<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    let is_of_name = |character: char| character.is_ascii_hexdigit() || character == '-';
    beginning_after(line, words, is_of_name)
}

fn beginning_after<'a>(
    line: &'a str,
    words: &str,
    is_it: impl Fn(char) -> bool,
) -> Option<&'a str> {
    let rest = line.split_once(words)?.1;
    let end = rest
        .find(|character| !is_it(character))
        .unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::mismatch;

    #[test]
    fn each_has_to_be_closed_once() {
        let good = "plugin::probe: opened 1\nplugin::chat: Client 1 has connected from h\n\
                    plugin::probe: closed 1: 1000\nplugin::chat: Client 1 has left (1000)\n";
        assert_eq!(mismatch(good), None);
        let changed = "{\"target\":\"plugin::probe\",\"message\":\"opened 1\"}\nplugin::probe: closed 1: 1000\n";
        assert_eq!(mismatch(changed), None);
        let shared = "plugin::chat: Client 35a-1 has connected from h\nplugin::chat: Client 35a-2 has connected from h\n\
                      plugin::chat: Client 35a-1 has left (1000)\nplugin::chat: Client 35a-2 has left (1000)\n";
        assert_eq!(mismatch(shared), None);
        for bad in [
            "plugin::probe: opened 1\n",
            "plugin::probe: closed 1: 1000\n",
            "plugin::variant: opened 1\nplugin::variant: closed 1\nplugin::variant: closed 1\n",
            "plugin::probe: opened 1\nplugin::probe: closed 11\n",
            "plugin::chat: Client 4 has connected from h\n",
        ] {
            assert!(mismatch(bad).is_some(), "{bad}");
        }
        assert_eq!(
            mismatch(
                "plugin::probe: opened 1\n[WARN ] server::logging::writer: the log did not keep up: 5 lines dropped\n"
            ),
            None
        );
    }
}
