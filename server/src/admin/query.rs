//! The words of a request: what stands behind `?`.
//!
//! Pure functions on text.

use http::StatusCode;
use percent_encoding::percent_decode_str;

use crate::http::refusal::Refusal;

/// Names and values, decoded.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `text`, and takes no name but those that are `known`.
    ///
    /// # Errors
    /// 400 for a name that is not known or stands twice, and for what is not UTF-8.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Query, Refusal> {
        let mut all: Vec<(String, String)> = Vec::new();
        let pairs = text.unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_str()) {
                let list = known.join(", ");
                let list = if list.is_empty() { "nothing" } else { &list };
                return Err(malformed(format!(
                    "`{name}` means nothing here, known is {list}"
                )));
            }
            if all.iter().any(|(of, _)| *of == name) {
                return Err(malformed(format!("`{name}` stands twice")));
            }
            all.push((name, value));
        }
        Ok(Query(all))
    }

    /// The value of a name; none where it is not there or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(of, _)| of == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a name in another form; none where it is not there.
    ///
    /// # Errors
    /// 400 where it is no such thing.
    pub(super) fn parse<T: std::str::FromStr>(
        &self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, Refusal> {
        let parse = |text: &str| {
            let wrong = |_| malformed(format!("`{name}`: \"{text}\" is no {what}"));
            text.parse().map_err(wrong)
        };
        self.get(name).map(parse).transpose()
    }
}

pub(super) fn malformed(why: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, why)
}

fn decode(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| malformed("the query is not UTF-8".to_owned()))?;
    Ok(decoded.into_owned())
}

/// Asserts that a query is read as `pairs`, which is how plugins and browsers read it, or refused for what they
/// would guess.
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(data: &[u8], pairs: &[(String, String)]) {
    // The head of a request has no other queries.
    let Some(text) = std::str::from_utf8(data)
        .ok()
        .filter(|text| text.is_ascii())
    else {
        return;
    };
    let names: Vec<&str> = pairs.iter().map(|(name, _)| &**name).collect();
    let is_twice = (1..names.len()).any(|index| names[..index].contains(&names[index]));
    match Query::read(Some(text), &names) {
        Ok(query) => {
            assert!(!is_twice);
            assert_eq!(query.0, pairs);
        }
        Err(_) => {
            let was_guessed = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
            let is_guess = pairs.iter().any(|(a, b)| was_guessed(a) || was_guessed(b));
            assert!(is_twice || is_guess, "{text} is refused for nothing");
        }
    }
    assert_eq!(Query::read(Some(text), &[]).is_ok(), pairs.is_empty());
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::read(
            Some("path=%2Froom%2F%7Bname%7D&why=by+me&x"),
            &["path", "why", "x"],
        );
        let query = query.expect("it is well-formed");
        assert_eq!(query.get("path"), Some("/room/{name}"));
        assert_eq!(query.get("why"), Some("by me"));
        assert_eq!(query.get("x"), None);
        assert!(query.parse::<u64>("path", "number").is_err());
        assert_eq!(query.parse::<u64>("x", "number").ok(), Some(None));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in ["rout=/chat", "route=/a&route=/b", "route=%ff"] {
            assert!(Query::read(Some(text), &["route"]).is_err(), "{text}");
        }
    }
}
