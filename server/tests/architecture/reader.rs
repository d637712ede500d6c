//! Reads a Rust source for the names in it: which modules and libraries it names, and where.
//!
//! It goes by the compiler's own tokens, so that comments and strings name nothing, and an import is
//! one however it is written: broken over lines, in nested braces, behind a test, from within a
//! function.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

/// A path as it is written: `std::fs`, `crate::hub::Event`, or a single name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// From the crate's root where the path leads into it: `["crate", "hub", "Event"]`.
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Written in a `use`, where a single name is a library's.
    pub(crate) is_import: bool,
}

impl Named {
    /// Whether it begins with the name of a library.
    pub(crate) fn is_of(&self, library: &str) -> bool {
        self.path[0] == library && (self.is_import || self.path.len() > 1)
    }
}

/// Every path in `text`, the source of the module `module` (`["plugin", "host"]`; empty for the root).
///
/// # Errors
/// It is no Rust.
pub(crate) fn names(text: &str, module: &[String]) -> Result<Vec<Named>, LexError> {
    let mut reader = Reader {
        module: module.to_vec(),
        names: Vec::new(),
    };
    reader.read(text.parse()?);
    Ok(reader.names)
}

type Tokens = Peekable<IntoIter>;

struct Reader {
    /// Where `self` leads: the file's module, and those inside of it that are open.
    module: Vec<String>,
    names: Vec<Named>,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) if name == "use" => self.import(&mut tokens, &[]),
                TokenTree::Ident(name) if name == "mod" => self.inline_module(&mut tokens),
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    let path = rest_of_path(vec![name.to_string()], &mut tokens);
                    self.note(path, line, false);
                }
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// `mod name { ... }`: what `super` means in there is one step less.
    fn inline_module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        if let Some(body) = braces(tokens) {
            self.module.push(name.to_string());
            self.read(body.stream());
            self.module.pop();
        }
    }

    /// One tree of a `use`, or several with commas between them, each behind `prefix`.
    fn import(&mut self, tokens: &mut Tokens, prefix: &[String]) {
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) if name == "as" => {
                    tokens.next();
                }
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    let mut path = prefix.to_vec();
                    path.push(name.to_string());
                    let path = rest_of_path(path, tokens);
                    match braces(tokens) {
                        Some(group) => {
                            self.import(&mut group.stream().into_iter().peekable(), &path);
                        }
                        None => self.note(path, line, true),
                    }
                }
                TokenTree::Group(group) => {
                    self.import(&mut group.stream().into_iter().peekable(), prefix);
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => return,
                // Everything of the prefix.
                TokenTree::Punct(punct) if punct.as_char() == '*' && !prefix.is_empty() => {
                    self.note(prefix.to_vec(), punct.span().start().line, true);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Leads `self` and `super` back to the root.
    fn note(&mut self, mut path: Vec<String>, line: usize, is_import: bool) {
        let is_inside = matches!(path[0].as_str(), "self" | "super");
        if is_inside && (path.len() > 1 || is_import) {
            let ups = path.iter().take_while(|step| *step == "super").count();
            let rest = path.split_off(ups.max(1));
            let kept = self.module.len().saturating_sub(ups);
            path = vec!["crate".to_owned()];
            path.extend_from_slice(&self.module[..kept]);
            path.extend(rest);
        }
        self.names.push(Named {
            path,
            line,
            is_import,
        });
    }
}

/// Goes on as long as `::` and a name follow; `::{` and `::*` are left behind the colons.
fn rest_of_path(mut path: Vec<String>, tokens: &mut Tokens) -> Vec<String> {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(of) if of.as_char() == ':');
    loop {
        // One colon alone stands between a name and its type.
        let mut ahead = tokens.clone();
        if !(ahead.next().is_some_and(|of| is_colon(&of))
            && ahead.next().is_some_and(|of| is_colon(&of)))
        {
            return path;
        }
        *tokens = ahead;
        let Some(TokenTree::Ident(name)) = tokens.peek() else {
            return path;
        };
        path.push(name.to_string());
        tokens.next();
    }
}

fn braces(tokens: &mut Tokens) -> Option<Group> {
    let token = tokens.next_if(
        |token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
    );
    match token {
        Some(TokenTree::Group(group)) => Some(group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    /// The paths that the text of `module` names inside the crate, with their lines.
    fn named(text: &str, module: &str) -> Vec<String> {
        let module: Vec<_> = module.split('/').map(str::to_owned).collect();
        let names = names(text, &module).expect("it is Rust");
        let inside = names.iter().filter(|named| named.path[0] == "crate");
        inside
            .map(|named| format!("{} {}", named.line, named.path[1..].join("::")))
            .collect()
    }

    #[test]
    fn an_import_is_seen_however_it_is_broken_over_lines() {
        let text = "
            use crate::{
                hub::{
                    Event,
                    run as passed,
                },
                life::server::*, ids,
            };
            use {crate::limits, std::fs};
            pub(crate) use
                crate
                ::routes
                ::table;";
        let expected = [
            "4 hub::Event",
            "5 hub::run",
            "7 life::server",
            "7 ids",
            "9 limits",
            "11 routes::table",
        ];
        let mut found = named(text, "outbox");
        // `pub(crate)` names the crate itself.
        found.retain(|named| !named.ends_with(' '));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_import_behind_tests_is_seen_and_in_them_too() {
        let text = "
            #[cfg(test)]
            fn only_for_tests() { crate::entrance::listen() }

            use crate::life::server;

            #[cfg(test)]
            mod tests {
                use super::super::roster::Roster;
                mod inner { use super::super::queue; }
            }
            static LATER: crate::routes::Sites = crate::routes::none();";
        assert_eq!(
            named(text, "hub/run"),
            [
                "3 entrance::listen",
                "5 life::server",
                "9 hub::roster::Roster",
                "10 hub::run::queue",
                "12 routes::Sites",
                "12 routes::none",
            ]
        );
    }

    #[test]
    fn super_and_self_lead_to_the_module_that_they_mean() {
        let text = "use super::host::{self, RouteHost}; fn f() { super::super::hub::count(self.x) }
            use self::table::T;";
        assert_eq!(
            named(text, "plugin/instance"),
            [
                "1 plugin::host::self",
                "1 plugin::host::RouteHost",
                "1 hub::count",
                "2 plugin::instance::table::T",
            ]
        );
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        let text = "
            //! See [`crate::life`].
            /* use crate::life::server; /* nested */ crate::life */
            fn f() -> (&'static str, char) { (r#\"crate::life\"#, '\"') } // crate::life
            const TEXT: &str = \"\\\" crate::life::server\";";
        assert_eq!(named(text, "hub"), [""; 0]);
    }

    #[test]
    fn libraries_are_named_by_paths_and_imports_and_by_nothing_else() {
        let is_named = |text: &str| {
            let names = names(text, &[]).expect("it is Rust");
            names.iter().any(|named| named.is_of("object"))
        };
        for text in [
            "use object::read::elf;",
            "use object;",
            "use {\n    std::fs,\n    object as elf,\n};",
            "fn f() { ::object::read() }",
            "impl From<object::Error> for E {}",
            "macro_rules! m { () => { object::read() } }",
            "#[cfg(test)] mod tests {} use object::read;",
        ] {
            assert!(is_named(text), "{text}");
        }
        for text in [
            "fn f(object: u8) -> u8 { object }",
            "use crate::object::Thing;",
            "fn f() { self.object::<u8>() }",
            "// object::read",
        ] {
            assert!(!is_named(text), "{text}");
        }
    }
}
