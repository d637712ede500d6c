//! What a script says. A text is the rest of its line, with `\n`, `\t`, `\r` and `\\` for what a line cannot have; bytes are
//! hexadecimal.

use plugin_api::GapCause;

/// A script as it is played.
pub(crate) struct Script {
    /// The path that is served, where it is not the plugin's own.
    pub(crate) path: Option<String>,
    /// The route's options, JSON or else text.
    pub(crate) options: Vec<(String, serde_json::Value)>,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) command: Command,
}

/// One step, or something to be true now.
pub(crate) enum Command {
    /// `header NAME VALUE`: of the next that connects or asks.
    Header(String, String),
    /// `connect CLIENT TARGET`.
    Connect(String, String),
    /// `refused TARGET STATUS`: who connects so is refused.
    Refused(String, u16),
    /// `send CLIENT TEXT`.
    Send(String, String),
    /// `send-bytes CLIENT HEX`.
    SendBytes(String, Vec<u8>),
    /// `expect CLIENT TEXT`: the next that it is sent.
    Expect(String, String),
    /// `expect-bytes CLIENT HEX`.
    ExpectBytes(String, Vec<u8>),
    /// `expect-nothing CLIENT`.
    ExpectNothing(String),
    /// `expect-closed CLIENT CODE [REASON]`.
    ExpectClosed(String, u16, String),
    /// `close CLIENT [CODE [REASON]]`, with 1000 where nothing is said.
    Close(String, u16, String),
    /// `cut CLIENT`: without a Close frame.
    Cut(String),
    /// `vanish CLIENT`: it answers no ping any more.
    Vanish(String),
    /// `request METHOD TARGET [BODY]`: plain HTTP.
    Request(String, String, String),
    /// `expect-status STATUS`: of the last request.
    ExpectStatus(u16),
    /// `expect-header NAME VALUE`.
    ExpectHeader(String, String),
    /// `expect-body TEXT`.
    ExpectBody(String),
    /// `expect-log TEXT`: a line of the log has it.
    ExpectLog(String),
    /// `advance MILLISECONDS`: timers that are due by then fire.
    Advance(u64),
    /// `lose missed` or `lose lost`: something that other hosts have said is missing.
    Lose(GapCause),
    /// `replace [LIBRARY]`: the code is replaced, by itself where nothing is said.
    Replace(Option<String>),
    /// `refused-option OPTION VALUE`: with that the route would not be served.
    RefusedOption(String, serde_json::Value),
    /// `expect-why TEXT`: the reason for that has it.
    ExpectWhy(String),
    /// `reload OPTION VALUE`.
    Reload(String, serde_json::Value),
}

/// Reads a script.
///
/// # Errors
/// A line that says nothing of this, with its number.
pub(crate) fn parse(name: &str, text: &str) -> Result<Script, String> {
    let mut script = Script {
        path: None,
        options: Vec::new(),
        lines: Vec::new(),
    };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |why: String| format!("{name}:{number}: {why}");
        let (verb, rest) = words(line);
        match verb {
            "path" | "option" if !script.lines.is_empty() => {
                return Err(at(format!("`{verb}` comes before the first step")));
            }
            "path" => script.path = Some(rest.to_owned()),
            "option" => {
                let (option, value) = words(rest);
                script.options.push((option.to_owned(), json(value)));
            }
            verb => script.lines.push(Line {
                number,
                command: command(verb, rest).map_err(at)?,
            }),
        }
    }
    Ok(script)
}

fn command(verb: &str, rest: &str) -> Result<Command, String> {
    let (first, behind) = words(rest);
    let who = || needed(first, "a client");
    Ok(match verb {
        "header" => Command::Header(needed(first, "a name")?, unescaped(behind)?),
        "connect" => Command::Connect(who()?, needed(behind, "a path")?),
        "refused" => Command::Refused(needed(first, "a path")?, number(behind)?),
        "send" => Command::Send(who()?, unescaped(behind)?),
        "send-bytes" => Command::SendBytes(who()?, bytes(behind)?),
        "expect" => Command::Expect(who()?, unescaped(behind)?),
        "expect-bytes" => Command::ExpectBytes(who()?, bytes(behind)?),
        "expect-nothing" => Command::ExpectNothing(who()?),
        "expect-closed" => {
            let (code, reason) = words(behind);
            Command::ExpectClosed(who()?, number(code)?, unescaped(reason)?)
        }
        "close" if behind.is_empty() => Command::Close(who()?, 1000, String::new()),
        "close" => {
            let (code, reason) = words(behind);
            Command::Close(who()?, number(code)?, unescaped(reason)?)
        }
        "cut" => Command::Cut(who()?),
        "vanish" => Command::Vanish(who()?),
        "request" => {
            let (target, body) = words(behind);
            let method = needed(first, "a method")?;
            Command::Request(method, needed(target, "a path")?, unescaped(body)?)
        }
        "expect-status" => Command::ExpectStatus(number(rest)?),
        "expect-header" => Command::ExpectHeader(needed(first, "a name")?, unescaped(behind)?),
        "expect-body" => Command::ExpectBody(unescaped(rest)?),
        "expect-log" => Command::ExpectLog(unescaped(rest)?),
        "advance" => Command::Advance(number(rest)?),
        "lose" => Command::Lose(match rest {
            "missed" => GapCause::Missed,
            "lost" => GapCause::Lost,
            _ => return Err("say whether it is `missed` or `lost`".to_owned()),
        }),
        "replace" => Command::Replace((!rest.is_empty()).then(|| rest.to_owned())),
        "refused-option" => Command::RefusedOption(needed(first, "an option")?, json(behind)),
        "expect-why" => Command::ExpectWhy(needed(&unescaped(rest)?, "a text")?),
        "reload" => Command::Reload(needed(first, "an option")?, json(behind)),
        _ => return Err(format!("`{verb}` is no command of a script")),
    })
}

/// The first word, and what follows it.
fn words(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    (first, rest.trim_start())
}

fn needed(word: &str, what: &str) -> Result<String, String> {
    if word.is_empty() {
        return Err(format!("{what} is missing"));
    }
    Ok(word.to_owned())
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse()
        .map_err(|_| format!("`{word}` is no number that fits here"))
}

/// JSON where it is some, such as `7`, `true` or `"7"`; else the text itself.
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|character| *character != ' ').collect();
    let byte = |pair: &[char]| {
        let text: String = pair.iter().collect();
        u8::from_str_radix(&text, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    bytes.ok_or_else(|| format!("`{text}` is not hexadecimal, two digits a byte"))
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('\\') => '\\',
            other => {
                let what = other.map_or_else(String::new, String::from);
                return Err(format!(
                    "`\\{what}` stands for nothing: \\n, \\t, \\r and \\\\ do"
                ));
            }
        });
    }
    Ok(out)
}
