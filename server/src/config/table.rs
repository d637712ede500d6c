//! Reads one table of the file key by key, and the command line beside it: each value is checked by
//! itself, and what is wrong is noted and does not end the reading.
//!
//! The one place that knows toml's spans. What was asked for is what is known: a key that nobody has
//! asked for is a problem, and the nearest known one is suggested.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::client::bytes;
use super::document::Document;
use super::forms::{Form, Ordered, Size};
use super::keys;
use super::problem::{Place, Source, excerpt, written};
use crate::limits::settings::Bounds;

/// A value that was given, and by whom.
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) source: Source,
    /// As it was written, for messages.
    pub(super) written: String,
}

/// One table of the file.
pub(super) struct Table<'d> {
    pub(super) document: &'d Document<'d>,
    /// Where the table begins; none where the file has no such table.
    pub(super) place: Option<Place>,
    /// What stands before a key's name in the table of all settings; empty for the top.
    section: &'static str,
    entries: BTreeMap<String, (Range<usize>, Spanned<DeValue<'d>>)>,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    /// A table whose keys are those of `section`.
    pub(super) fn new(
        document: &'d Document<'d>,
        section: &'static str,
        table: Option<Spanned<DeTable<'d>>>,
    ) -> Table<'d> {
        let place = table
            .as_ref()
            .map(|table| document.place(table.span().start));
        let entries = table.map(Spanned::into_inner).into_iter().flatten();
        let entries = entries
            .map(|(key, value)| (key.get_ref().to_string(), (key.span(), value)))
            .collect();
        Table {
            document,
            place,
            section,
            entries,
            known: Vec::new(),
        }
    }

    /// The value of a key as it stands in the file; from here on the key is known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'d>>> {
        self.known.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Whether the file has a key that was not taken yet.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The place of a list that the file leaves empty.
    pub(super) fn empty_list(&self, key: &str) -> Option<Place> {
        let (_, value) = self.entries.get(key)?;
        let is_empty = value
            .get_ref()
            .as_array()
            .is_some_and(|list| list.is_empty());
        is_empty.then(|| self.document.place(value.span().start))
    }

    /// Whether the file has a list under a key.
    pub(super) fn is_list(&self, key: &str) -> bool {
        let value = self.entries.get(key).map(|(_, value)| value.get_ref());
        value.is_some_and(|value| value.as_array().is_some())
    }

    /// The table under a key; an empty one where there is none.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'d> {
        let table = self.take(key).and_then(|value| {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => Some(Spanned::new(span, table)),
                _ => {
                    let expected = format!("no table: write [{key}] and its keys under it");
                    self.note_form(key, span, &expected);
                    None
                }
            }
        });
        Table::new(self.document, key, table)
    }

    /// The tables under a key, written as `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'d>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let expected =
            format!("no list of tables: write [[{key}]] before each and its keys under it");
        let span = value.span();
        let DeValue::Array(elements) = value.into_inner() else {
            self.note_form(key, span, &expected);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in elements {
            let span = element.span();
            match element.into_inner() {
                DeValue::Table(table) => {
                    let table = Some(Spanned::new(span, table));
                    tables.push(Table::new(self.document, key, table));
                }
                _ => self.note_form(key, span, &expected),
            }
        }
        tables
    }

    /// The value of a key where it is given and can be read.
    pub(super) fn value<T: Form>(&mut self, key: &'static str) -> Option<T> {
        self.given(key).map(|given| given.value)
    }

    /// The value of a key, and who gave it: the command line where it did, or else the file.
    pub(super) fn given<T: Form>(&mut self, key: &'static str) -> Option<Given<T>> {
        self.checked(key, |_| None)
    }

    /// The value of a key where it is given and inside its range, or else `default`.
    pub(super) fn bounded<T: Ordered>(
        &mut self,
        key: &'static str,
        bounds: &Bounds<T::Value>,
        default: T::Value,
    ) -> T::Value {
        self.given_bounded::<T>(key, bounds)
            .map_or(default, |given| given.value.value())
    }

    /// A size that is held in memory, or else `default`.
    pub(super) fn bytes(
        &mut self,
        key: &'static str,
        bounds: &Bounds<u64>,
        default: usize,
    ) -> usize {
        bytes(self.bounded::<Size>(key, bounds, default as u64))
    }

    /// The value of a key where it is given and inside its range.
    pub(super) fn given_bounded<T: Ordered>(
        &mut self,
        key: &'static str,
        bounds: &Bounds<T::Value>,
    ) -> Option<Given<T>> {
        self.checked(key, |value: &T| value.out_of(bounds))
    }

    fn checked<T: Form>(
        &mut self,
        key: &'static str,
        check: impl Fn(&T) -> Option<String>,
    ) -> Option<Given<T>> {
        let in_file = self
            .take(key)
            .and_then(|value| self.read_from_file(key, value));
        let given = self.flag(key).and_then(|(flag, texts)| {
            // Of an option that is given again, the last counts.
            let text = texts.last()?;
            self.read_from_flag(flag, text)
        });
        let mut valid = |given: &Given<T>| match check(&given.value) {
            None => true,
            Some(problem) => {
                let text = format!("{} {problem}", given.written);
                self.note_value(key, &given.source, &text);
                false
            }
        };
        let in_file = in_file.filter(&mut valid);
        given.filter(&mut valid).or(in_file)
    }

    /// The values of a key that is a list; the command line's replace the file's.
    pub(super) fn list<T: Form>(&mut self, key: &'static str) -> Option<Vec<Given<T>>> {
        let in_file = self.take(key).and_then(|value| {
            let span = value.span();
            let DeValue::Array(elements) = value.into_inner() else {
                let place = Source::Place(self.document.place(span.start));
                let written = match T::IS_SECRET {
                    true => "what stands here".to_owned(),
                    false => written(self.document.text, span),
                };
                let text = format!("{written} is no list: write it as {key} = [\"...\", \"...\"]");
                self.note_value(key, &place, &text);
                return None;
            };
            let elements = elements.into_iter();
            let read = elements.filter_map(|element| self.read_from_file(key, element));
            Some(read.collect())
        });
        let given = self.flag(key).map(|(flag, texts)| {
            let read = texts
                .iter()
                .filter_map(|text| self.read_from_flag(flag, text));
            read.collect()
        });
        given.or(in_file)
    }

    /// The values of a key that is a table whose own keys may be anything of which `wrong` says nothing.
    pub(super) fn named<T: Form>(
        &mut self,
        key: &'static str,
        wrong: impl Fn(&str) -> Option<String>,
    ) -> BTreeMap<String, T> {
        let mut read = BTreeMap::new();
        for (name, (span, value)) in self.table(key).entries {
            if let Some(wrong) = wrong(&name) {
                let place = Source::Place(self.document.place(span.start));
                let text = format!("\"{}\" is {wrong}", excerpt(&name));
                self.note_value(key, &place, &text);
            }
            if let Some(given) = self.read_from_file(key, value) {
                read.insert(name, given.value);
            }
        }
        read
    }

    /// Ends the reading of this table: what nobody has asked for is unknown.
    pub(super) fn finish(self) {
        for (key, (span, _)) in &self.entries {
            let place = Source::Place(self.document.place(span.start));
            let key_text = excerpt(key);
            let advice = self.advice(key);
            self.document
                .note(place, format!("unknown key `{key_text}`: {advice}"));
        }
    }

    fn advice(&self, key: &str) -> String {
        match keys::section_of(key) {
            Some("") => return "it belongs at the top, before the first [table]".to_owned(),
            Some(section) => return format!("it belongs under [{section}]"),
            None => {}
        }
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(known, key);
        let nearest = self.known.iter().max_by(|one, other| {
            let (one, other) = (similarity(one), similarity(other));
            one.total_cmp(&other)
        });
        match nearest {
            Some(known) if similarity(known) >= 0.6 => format!("did you mean `{known}`?"),
            _ => format!("known here are {}", self.known.join(", ")),
        }
    }

    fn read_from_file<T: Form>(
        &self,
        key: &'static str,
        value: Spanned<DeValue<'d>>,
    ) -> Option<Given<T>> {
        let span = value.span();
        let Some(value) = T::read(value) else {
            if T::IS_SECRET {
                let place = Source::Place(self.document.place(span.start));
                self.note_value(key, &place, &format!("what stands here is {}", T::EXPECTED));
            } else {
                self.note_form(key, span, T::EXPECTED);
            }
            return None;
        };
        Some(Given {
            value,
            source: Source::Place(self.document.place(span.start)),
            written: written(self.document.text, span),
        })
    }

    fn read_from_flag<T: Form>(&self, flag: &'static str, text: &str) -> Option<Given<T>> {
        let source = Source::Flag(flag);
        let written = format!("\"{}\"", excerpt(text));
        let Some(value) = T::parse(text) else {
            self.document
                .note(source, format!("{written} is {}", T::EXPECTED));
            return None;
        };
        Some(Given {
            value,
            source,
            written,
        })
    }

    /// The option of the command line that stands for a key, and what it was given.
    fn flag(&self, key: &str) -> Option<(&'static str, Vec<&'d str>)> {
        // What is said for all clients on the command line holds on every route.
        let section = match self.section {
            "route" => "client",
            section => section,
        };
        let flag = keys::flag(section, key)?;
        let texts = self.document.args.texts(flag);
        (!texts.is_empty()).then_some((flag, texts))
    }

    fn note_form(&self, key: &str, span: Range<usize>, expected: &str) {
        let place = Source::Place(self.document.place(span.start));
        let written = written(self.document.text, span);
        self.document
            .note(place, format!("`{key}`: {written} is {expected}"));
    }

    /// Notes what is wrong with a value of `key`.
    pub(super) fn note_value(&self, key: &str, source: &Source, text: &str) {
        let text = match source {
            Source::Flag(_) => text.to_owned(),
            Source::File | Source::Place(_) => format!("`{key}`: {text}"),
        };
        self.document.note(source.clone(), text);
    }

    /// What was asked for so far.
    #[cfg(test)]
    pub(super) fn known(&self) -> &[&'static str] {
        &self.known
    }
}
