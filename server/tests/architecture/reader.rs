//! Reads a Rust source for the names in it: which modules and libraries it names, and where.
//!
//! It goes by the compiler's own tokens, so that comments and strings name nothing, and an import is
//! one however it is written: broken over lines, in nested braces, behind a test, from within a
//! function.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Group, Ident, LexError, TokenStream, TokenTree};

/// A path as it is written: `std::fs`, `crate::hub::Event`, or a single name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// From the crate's root where the path leads into it: `["crate", "hub", "Event"]`.
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Where it is written in a `use`: what it is called from there on.
    pub(crate) import: Option<Import>,
}

/// What a `use` makes of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// What it is called here; [`EVERYTHING`] where it stands for all that the path holds.
    pub(crate) name: String,
    pub(crate) reach: Reach,
}

/// Who else may have something by an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Nobody outside of the function or the module inside the file that it stands in.
    Inside,
    /// What is part of the file's module, as `super::Name`.
    Below,
    /// Others too: `pub use`, in whichever of its forms.
    Others,
}

/// `use path::*`.
pub(crate) const EVERYTHING: &str = "*";

/// What stands in a file.
pub(crate) struct Text {
    pub(crate) names: Vec<Named>,
    /// The names of what the file's module itself holds: types, functions, constants.
    pub(crate) items: Vec<String>,
}

impl Named {
    /// Whether it begins with the name of a library.
    pub(crate) fn is_of(&self, library: &str) -> bool {
        // In a `use` a single name is a library's.
        self.path[0] == library && (self.import.is_some() || self.path.len() > 1)
    }
}

/// Every path in `text`, the source of the module `module` (`["plugin", "host"]`; empty for the root).
///
/// # Errors
/// It is no Rust.
pub(crate) fn read(text: &str, module: &[String]) -> Result<Text, LexError> {
    let mut reader = Reader {
        module: module.to_vec(),
        depth: 0,
        is_public: false,
        names: Vec::new(),
        items: Vec::new(),
    };
    reader.read(text.parse()?);
    Ok(Text {
        names: reader.names,
        items: reader.items,
    })
}

type Tokens = Peekable<IntoIter>;

struct Reader {
    /// Where `self` leads: the file's module, and those inside of it that are open.
    module: Vec<String>,
    /// Braces and other brackets that are open.
    depth: usize,
    /// The tokens before this one were `pub`, or `pub(super)`.
    is_public: bool,
    names: Vec<Named>,
    items: Vec<String>,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_public = matches!(&token, TokenTree::Ident(name) if name == "pub");
            let goes_on = matches!(&token, TokenTree::Group(of) if of.delimiter() == Delimiter::Parenthesis)
                || matches!(&token, TokenTree::Ident(name) if name == "use");
            self.is_public = is_public || self.is_public && goes_on;
            match token {
                TokenTree::Ident(name) if name == "use" => {
                    self.import(&mut tokens, &[]);
                    self.is_public = false;
                }
                TokenTree::Ident(name) if name == "mod" => self.inline_module(&mut tokens),
                TokenTree::Ident(name) => {
                    if self.depth == 0 && begins_item(&name) {
                        self.items.extend(ident(tokens.peek()));
                    }
                    let line = name.span().start().line;
                    let path = rest_of_path(vec![name.to_string()], &mut tokens);
                    self.note(path, line, None);
                }
                TokenTree::Group(group) => self.read_inside(&group),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn read_inside(&mut self, group: &Group) {
        let is_public = self.is_public;
        self.depth += 1;
        self.read(group.stream());
        self.depth -= 1;
        self.is_public = is_public;
    }

    /// `mod name { ... }`: what `super` means in there is one step less.
    fn inline_module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        if let Some(body) = braces(tokens) {
            self.module.push(name.to_string());
            self.read_inside(&body);
            self.module.pop();
        }
    }

    /// One tree of a `use`, or several with commas between them, each behind `prefix`.
    fn import(&mut self, tokens: &mut Tokens, prefix: &[String]) {
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(name) => {
                    let line = name.span().start().line;
                    let mut path = prefix.to_vec();
                    path.push(name.to_string());
                    let path = rest_of_path(path, tokens);
                    match braces(tokens) {
                        Some(group) => {
                            self.import(&mut group.stream().into_iter().peekable(), &path);
                        }
                        None => {
                            let name = everything(tokens).or_else(|| other_name(tokens));
                            let name = name.or_else(|| own_name(&path));
                            self.note(path, line, name);
                        }
                    }
                }
                TokenTree::Group(group) => {
                    self.import(&mut group.stream().into_iter().peekable(), prefix);
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => return,
                // Everything of the prefix.
                TokenTree::Punct(punct) if punct.as_char() == '*' && !prefix.is_empty() => {
                    let line = punct.span().start().line;
                    self.note(prefix.to_vec(), line, Some(EVERYTHING.to_owned()));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Leads `self` and `super` back to the root. With what a `use` calls it, if it is in one.
    fn note(&mut self, mut path: Vec<String>, line: usize, called: Option<String>) {
        let is_inside = matches!(path[0].as_str(), "self" | "super");
        if is_inside && (path.len() > 1 || called.is_some()) {
            let ups = path.iter().take_while(|step| *step == "super").count();
            let rest = path.split_off(ups.max(1));
            let kept = self.module.len().saturating_sub(ups);
            path = vec!["crate".to_owned()];
            path.extend_from_slice(&self.module[..kept]);
            path.extend(rest);
        }
        let reach = match self.depth {
            0 if self.is_public => Reach::Others,
            0 => Reach::Below,
            _ => Reach::Inside,
        };
        self.names.push(Named {
            path,
            line,
            import: called.map(|name| Import { name, reach }),
        });
    }
}

/// Whether what it begins has the name that follows.
fn begins_item(word: &Ident) -> bool {
    const WORDS: [&str; 7] = ["const", "enum", "fn", "static", "struct", "trait", "type"];
    WORDS.iter().any(|begins| word == begins)
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

/// What is behind the colons of `path::*`.
fn everything(tokens: &mut Tokens) -> Option<String> {
    let is_star = |token: &TokenTree| matches!(token, TokenTree::Punct(of) if of.as_char() == '*');
    tokens.next_if(is_star).map(|_| EVERYTHING.to_owned())
}

/// `as name`.
fn other_name(tokens: &mut Tokens) -> Option<String> {
    tokens.next_if(|token| matches!(token, TokenTree::Ident(of) if of == "as"))?;
    ident(tokens.next().as_ref())
}

/// The last step of a path that is none back.
fn own_name(path: &[String]) -> Option<String> {
    path.iter().rfind(|step| *step != "self").cloned()
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
    use super::Reach::{Below, Inside, Others};
    use super::read;

    /// The paths that the text of `module` names inside the crate, with their lines.
    fn named(text: &str, module: &str) -> Vec<String> {
        let module: Vec<_> = module.split('/').map(str::to_owned).collect();
        let names = read(text, &module).expect("it is Rust").names;
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
    fn what_a_module_gives_on_has_the_name_that_its_import_says() {
        let text = "
            pub use deflate::{self, Pool as Lender, deeper::*};
            pub(super) use agreed::Agreed;
            use super::Window;
            fn f() { use super::OnlyHere; }
            mod tests { use super::OnlyThere; }";
        let names = read(text, &["compression".to_owned()]).expect("it is Rust");
        let imports = names.names.iter().filter_map(|named| named.import.as_ref());
        let found: Vec<_> = imports
            .map(|import| (import.name.as_str(), import.reach))
            .collect();
        assert_eq!(
            found,
            [
                ("deflate", Others),
                ("Lender", Others),
                ("*", Others),
                ("Agreed", Others),
                ("Window", Below),
                ("OnlyHere", Inside),
                ("OnlyThere", Inside),
            ]
        );
    }

    #[test]
    fn the_items_of_a_module_are_its_own_and_not_those_inside_of_them() {
        let text = "
            pub struct Pool { of: fn(u8) }
            impl Pool { const MOST: usize = 1; fn lend(&self) {} }
            pub(super) static POOL: Pool = new();
            const fn new() -> Pool { Pool {} }
            mod tests { fn inside() {} }";
        let mut items = read(text, &[]).expect("it is Rust").items;
        // `const fn` begins one with the second word.
        items.retain(|item| item != "fn");
        assert_eq!(items, ["Pool", "POOL", "new"]);
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
            let names = read(text, &[]).expect("it is Rust").names;
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
