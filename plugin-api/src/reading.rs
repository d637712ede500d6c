//! How queries, cookies and options are read: the one way for the Rust face, and for the hosts that do it for C.
//!
//! It sees bytes and gives values; it knows neither the ABI nor who asks.

use std::borrow::Cow;

use serde_json::Value;

/// Names and values of a query or an urlencoded form, decoded, in the order they came. What is no UTF-8 once it is
/// decoded has replacement characters.
pub fn query_pairs(query: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query)
}

/// Names and values of one `Cookie` header (RFC 6265 section 4.2.1), as they came; quotes around a value are left out.
pub fn cookie_pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        Some((name.trim(), unquoted.unwrap_or(value)))
    })
}

/// Options of a route as a host reads them for a plugin that knows no JSON.
#[derive(Debug)]
pub struct Options(Value);

impl Options {
    /// Reads `config` as `create` gets it.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn read(config: &[u8]) -> Result<Options, String> {
        serde_json::from_slice(config)
            .map(Options)
            .map_err(|error| error.to_string())
    }

    /// The option of that name as text; none where it is not set. A name may lead into others: `list[2].name`.
    ///
    /// # Errors
    /// It is no text: what to tell who wrote it.
    pub fn text(&self, key: &str) -> Result<Option<&str>, String> {
        self.of_type(key, "a string", Value::as_str)
    }

    /// The option of that name as a whole number, in the same way.
    ///
    /// # Errors
    /// It is no whole number of 64 bits.
    pub fn integer(&self, key: &str) -> Result<Option<i64>, String> {
        self.of_type(key, "a whole number", Value::as_i64)
    }

    /// The option of that name as `true` or `false`, in the same way.
    ///
    /// # Errors
    /// It is neither.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, String> {
        self.of_type(key, "true or false", Value::as_bool)
    }

    /// Sees to it that no option is set but these.
    ///
    /// # Errors
    /// One is, and this is what to tell who wrote it.
    pub fn only(&self, known: &[&str]) -> Result<(), String> {
        let mut set = self
            .0
            .as_object()
            .into_iter()
            .flat_map(|table| table.keys());
        let Some(key) = set.find(|key| !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        let expected = match known.as_slice() {
            [] => "this plugin has no options".to_owned(),
            [one] => format!("expected {one}"),
            several => format!("expected one of {}", several.join(", ")),
        };
        Err(format!("option `{key}`: unknown field, {expected}"))
    }

    fn of_type<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(found) = self.at(key) else {
            return Ok(None);
        };
        let wrong = || format!("option `{key}`: {found} is not {wanted}");
        read(found).map(Some).ok_or_else(wrong)
    }

    /// An option that is not set and one that is null are the same.
    fn at(&self, key: &str) -> Option<&Value> {
        let pointer = format!("/{}", key.replace(['.', '['], "/").replace(']', ""));
        let found = self.0.pointer(&pointer);
        found.filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_keeps_its_order() {
        let pairs: Vec<_> = query_pairs(b"a=1&b+c=%C3%A9+x&a=&flag&%ff=%ff").collect();
        let expected = [
            ("a", "1"),
            ("b c", "é x"),
            ("a", ""),
            ("flag", ""),
            ("\u{fffd}", "\u{fffd}"),
        ];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }

    #[test]
    fn cookies_are_found_whatever_stands_around_them() {
        let pairs: Vec<_> = cookie_pairs("a=1; b=\"two\";c=x=y ; nothing; =empty;d=").collect();
        assert_eq!(
            pairs,
            [
                ("a", "1"),
                ("b", "two"),
                ("c", "x=y"),
                ("", "empty"),
                ("d", "")
            ]
        );
        assert_eq!(cookie_pairs("a=\"").collect::<Vec<_>>(), [("a", "\"")]);
    }

    #[test]
    fn options_are_read_by_name_and_type() {
        let options = Options::read(
            br#"{"port":7,"name":"a\"b","on":true,"none":null,"lamps":[{"pin":1},{"pin":2}]}"#,
        )
        .unwrap();
        assert_eq!(options.integer("port"), Ok(Some(7)));
        assert_eq!(options.text("name"), Ok(Some("a\"b")));
        assert_eq!(options.boolean("on"), Ok(Some(true)));
        assert_eq!(options.integer("lamps[1].pin"), Ok(Some(2)));
        assert_eq!(options.integer("lamps[2].pin"), Ok(None));
        assert_eq!(options.text("none"), Ok(None));
        assert_eq!(options.text("absent"), Ok(None));
        assert_eq!(
            options.text("port"),
            Err("option `port`: 7 is not a string".to_owned())
        );
        assert_eq!(
            options.integer("lamps[0]"),
            Err("option `lamps[0]`: {\"pin\":1} is not a whole number".to_owned())
        );
        assert_eq!(
            options.boolean("name"),
            Err("option `name`: \"a\\\"b\" is not true or false".to_owned())
        );
    }

    #[test]
    fn an_option_that_is_not_known_is_told() {
        let options = Options::read(br#"{"colour":"red"}"#).unwrap();
        assert_eq!(options.only(&["colour"]), Ok(()));
        assert_eq!(
            options.only(&["color"]),
            Err("option `colour`: unknown field, expected `color`".to_owned())
        );
        assert_eq!(
            options.only(&["a", "b"]),
            Err("option `colour`: unknown field, expected one of `a`, `b`".to_owned())
        );
        assert_eq!(
            options.only(&[]),
            Err("option `colour`: unknown field, this plugin has no options".to_owned())
        );
        assert!(Options::read(b"{").is_err());
    }
}
