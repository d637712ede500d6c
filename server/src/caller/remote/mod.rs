//! The other end of the admin listener: `server status`, `clients`, `kick` and `reload`, by which another
//! process of the same binary asks a server at work.
//!
//! One request on the main thread of that process; blocks for the answer. Knows nothing of the server that
//! runs but what that answers.

mod ask;
mod table;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::harmless;
use crate::config::{Args, Listen, Question, Settings, Way};
use ask::{Answer, Target};

/// Why a command has come to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// What was given does not lead to a server.
    #[error("{0}")]
    Wrong(String),
    /// There is no answer.
    #[error("{target}: {why}; is the server running, and is this its admin listener?")]
    Unreachable {
        /// Who was asked.
        target: String,
        /// Why.
        why: String,
    },
    /// The server does not do it.
    #[error("{0}")]
    Refused(String),
}

impl RemoteError {
    /// 1 where the server does not do it, 2 where what was given is wrong, 69 where there is no answer.
    pub fn exit_code(&self) -> u8 {
        match self {
            RemoteError::Refused(_) => 1,
            RemoteError::Wrong(_) => 2,
            // EX_UNAVAILABLE of sysexits.h.
            RemoteError::Unreachable { .. } => 69,
        }
    }
}

/// Asks `question` and gives what there is to print.
///
/// # Errors
/// See [`RemoteError`].
pub fn run(question: &Question) -> Result<String, RemoteError> {
    answer(question).map(|text| harmless(&text))
}

fn answer(question: &Question) -> Result<String, RemoteError> {
    let (target, token) = find(question.way())?;
    let ask = |method, path: &str| ask::ask(&target, token.as_deref(), method, path);
    match question {
        Question::Status { is_json, .. } => {
            let answer = told(ask("GET", "/status.json")?)?;
            if *is_json {
                return Ok(answer);
            }
            table::status(&answer).ok_or_else(|| not_ours(&target))
        }
        Question::Clients {
            route,
            address,
            limit,
            is_json,
            ..
        } => {
            let limit = limit.map(|limit| limit.to_string());
            let path = path(
                "/clients",
                &[("route", route), ("address", address), ("limit", &limit)],
            );
            let answer = told(ask("GET", &path)?)?;
            if *is_json {
                return Ok(answer);
            }
            table::clients(&answer).ok_or_else(|| not_ours(&target))
        }
        Question::Kick {
            client,
            route,
            address,
            reason,
            ..
        } => {
            let words = [
                ("client", client),
                ("route", route),
                ("address", address),
                ("reason", reason),
            ];
            let answer = told(ask("POST", &path("/kick", &words))?)?;
            table::result(&answer).ok_or_else(|| not_ours(&target))
        }
        Question::Reload { .. } => {
            let answer = told(ask("POST", "/reload")?)?;
            let result = table::result(&answer).ok_or_else(|| not_ours(&target))?;
            Ok(format!("reload done: {result}"))
        }
    }
}

fn not_ours(target: &Target) -> RemoteError {
    RemoteError::Unreachable {
        target: target.to_string(),
        why: "what answers there is no admin listener of this version".to_owned(),
    }
}

/// The body of an answer that says yes.
fn told(answer: Answer) -> Result<String, RemoteError> {
    match answer.status {
        200 => Ok(answer.body),
        _ => Err(RemoteError::Refused(harmless(answer.body.trim_end()))),
    }
}

fn path(path: &str, words: &[(&str, &Option<String>)]) -> String {
    let mut path = path.to_owned();
    let mut sign = '?';
    for (name, value) in words {
        if let Some(value) = value {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            // Writing to a string cannot fail.
            write!(path, "{sign}{name}={value}").ok();
            sign = '&';
        }
    }
    path
}

/// Who is asked, and the token that is shown: as the command line says, or else as the server's settings do.
fn find(way: &Way) -> Result<(Target, Option<String>), RemoteError> {
    let token = way.token_file.as_deref().map(read_token).transpose()?;
    if let Some(text) = &way.admin {
        let target = Target::parse(text).ok_or_else(|| {
            RemoteError::Wrong(format!(
                "--admin: \"{text}\" is no admin listener: write 127.0.0.1:25250 or unix:/run/detent/admin.sock"
            ))
        })?;
        return Ok((target, token));
    }
    let Some(file) = &way.config else {
        let text = "say which server: --config with its settings, or --admin with the address of its admin \
                    listener";
        return Err(RemoteError::Wrong(text.to_owned()));
    };
    let settings = Settings::load(&Args::of_file(file));
    let settings = settings.map_err(|problems| RemoteError::Wrong(problems.to_string()))?;
    let target = match &settings.admin.listen {
        Some(Listen::Unix(path)) => Target::Unix(path.clone()),
        Some(Listen::Tcp(address)) if address.port() != 0 => Target::Tcp(address.to_string()),
        Some(Listen::Tcp(_)) => {
            let text = "admin.listen has port 0, which stands for another at each start: say it by --admin";
            return Err(RemoteError::Wrong(text.to_owned()));
        }
        Some(Listen::Passed(_)) | None => {
            let text = "these settings have no [admin] listen, so that nobody can be asked: add one and reload";
            return Err(RemoteError::Wrong(text.to_owned()));
        }
    };
    let is_wanted = matches!(target, Target::Tcp(_));
    let file = settings.admin.tokens_file.as_deref().filter(|_| is_wanted);
    let token = match token {
        Some(token) => Some(token),
        None => file.map(read_token).transpose()?,
    };
    Ok((target, token))
}

/// The first token of a file.
fn read_token(path: &Path) -> Result<String, RemoteError> {
    let wrong = |why: String| RemoteError::Wrong(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut lines = text.lines().map(str::trim);
    let token = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let token = token.ok_or_else(|| wrong("it has no token in it".to_owned()))?;
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn words_are_encoded_and_left_away_where_there_are_none() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(path("/kick", &[("a", &None)]), "/kick");
        let words = [("a", &some("/x y")), ("b", &None), ("c", &some("ü"))];
        assert_eq!(path("/kick", &words), "/kick?a=%2Fx%20y&c=%C3%BC");
    }
}
