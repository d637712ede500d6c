//! What a plugin says of itself: name, version, path, subprotocols, state format.
//!
//! Made by the export macro, checked while the plugin is compiled; read by the entry points and by the
//! entry's constant data.

use std::marker::PhantomData;

use crate::abi::{Bytes, FLAG_DEBUG_BUILD, FLAG_EVENT_STREAM};
use crate::{Checked, Config, Plugin, Result};

/// Most subprotocols that a plugin can declare.
pub(crate) const SUBPROTOCOLS_MAX: usize = 16;

/// Most paths beside the first that a plugin can declare.
pub(crate) const MORE_PATHS_MAX: usize = 15;

/// Most older state formats that a plugin can declare.
pub(crate) const STATE_FORMATS_MAX: usize = 16;

/// A plugin with what the macro declared of it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not exported: `plugin_api::export!({Self}, path = \"/...\");` makes it the plugin of its library",
    label = "not given to `export!`"
)]
pub trait Exported: Plugin {
    const DECLARATION: Declaration;

    /// Parses the options into the type that was declared for them.
    fn check_options(config: &Config) -> Result<Checked> {
        let _ = config;
        Ok(Checked::ByCreate)
    }

    /// The session of a plugin that opens none itself, where its type has one.
    fn session_by_default() -> Option<Self::Session> {
        None
    }
}

/// Asks a type that is known whether it has a `Default`: `by_default` of its own where it has one, else that of
/// [`NoDefault`].
#[doc(hidden)]
#[derive(Debug)]
pub struct SessionOf<S>(PhantomData<S>);

impl<S: Default> SessionOf<S> {
    #[must_use]
    pub fn by_default() -> Option<S> {
        Some(S::default())
    }
}

/// See [`SessionOf`].
#[doc(hidden)]
pub trait NoDefault<S> {
    #[must_use]
    fn by_default() -> Option<S> {
        None
    }
}

impl<S> NoDefault<S> for SessionOf<S> {}

/// What a plugin is called and where it is served.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    module_path: &'static str,
    pub(crate) path: &'static str,
    pub(crate) more_paths: &'static [&'static str],
    pub(crate) subprotocols: &'static [&'static str],
    pub(crate) state_format: u32,
    pub(crate) reads_state_formats: &'static [u32],
    pub(crate) event_stream: bool,
    is_debug_build: bool,
}

impl Declaration {
    /// Fails the build where the path does not begin with `/`.
    pub const fn new(
        name: &'static str,
        version: &'static str,
        module_path: &'static str,
        path: &'static str,
    ) -> Declaration {
        check_path(path);
        Declaration {
            name,
            version,
            module_path,
            path,
            more_paths: &[],
            subprotocols: &[],
            state_format: 0,
            reads_state_formats: &[],
            event_stream: false,
            is_debug_build: false,
        }
    }

    #[must_use]
    pub const fn name(mut self, name: &'static &'static str) -> Declaration {
        self.name = name;
        self
    }

    #[must_use]
    pub const fn more_paths(mut self, paths: &'static [&'static str]) -> Declaration {
        assert!(
            paths.len() <= MORE_PATHS_MAX,
            "a plugin declares at most 15 further paths"
        );
        let mut index = 0;
        while index < paths.len() {
            check_path(paths[index]);
            index += 1;
        }
        self.more_paths = paths;
        self
    }

    #[must_use]
    pub const fn subprotocols(mut self, names: &'static [&'static str]) -> Declaration {
        assert!(
            names.len() <= SUBPROTOCOLS_MAX,
            "a plugin declares at most 16 subprotocols"
        );
        self.subprotocols = names;
        self
    }

    #[must_use]
    pub const fn state_format(mut self, number: &'static u32) -> Declaration {
        self.state_format = *number;
        self
    }

    #[must_use]
    pub const fn reads_state_formats(mut self, numbers: &'static [u32]) -> Declaration {
        assert!(
            numbers.len() <= STATE_FORMATS_MAX,
            "a plugin declares at most 16 older state formats"
        );
        self.reads_state_formats = numbers;
        self
    }

    /// Whether it was built with the checks of a debug build.
    #[must_use]
    pub const fn debug_build(mut self, is_debug_build: &'static bool) -> Declaration {
        self.is_debug_build = *is_debug_build;
        self
    }

    #[must_use]
    pub const fn event_stream(mut self, is_taken: &'static bool) -> Declaration {
        self.event_stream = *is_taken;
        self
    }

    pub(crate) const fn flags(&self) -> u64 {
        let event_stream = if self.event_stream {
            FLAG_EVENT_STREAM
        } else {
            0
        };
        let debug = if self.is_debug_build {
            FLAG_DEBUG_BUILD
        } else {
            0
        };
        event_stream | debug
    }

    /// First part of the module path: what the targets of the plugin's own log lines begin with.
    pub(crate) fn crate_name(&self) -> &'static str {
        self.module_path
            .split("::")
            .next()
            .unwrap_or(self.module_path)
    }

    pub(crate) const fn checked_name(&self) -> Bytes {
        let name = self.name.as_bytes();
        assert!(
            !name.is_empty() && name.len() <= 64,
            "the name of a plugin has 1 to 64 characters"
        );
        let mut index = 0;
        while index < name.len() {
            assert!(
                matches!(name[index], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'),
                "the name of a plugin consists of `a-z`, `0-9`, `-` and `_`: set `name = \"...\"`"
            );
            index += 1;
        }
        Bytes::new(name)
    }

    pub(crate) const fn subprotocol_list(&self) -> [Bytes; SUBPROTOCOLS_MAX] {
        list(self.subprotocols)
    }

    pub(crate) const fn more_path_list(&self) -> [Bytes; MORE_PATHS_MAX] {
        list(self.more_paths)
    }
}

/// What the server would say of a path at its start, said to who compiles it.
const fn check_path(path: &str) {
    let path = path.as_bytes();
    assert!(
        matches!(path, [b'/', ..]),
        "the path of a plugin begins with `/`"
    );
    let mut index = 0;
    // Where the name of a parameter begins; 0 outside of one.
    let mut name = 0;
    while index < path.len() {
        let byte = path[index];
        assert!(
            byte.is_ascii_graphic() && byte != b'?' && byte != b'#',
            "the path of a plugin has no spaces, no `?`, no `#`, and nothing that is not ASCII: percent-encode it"
        );
        // Two braces stand for one that is meant as it is.
        let is_double = index + 1 < path.len() && path[index + 1] == byte;
        match byte {
            b'{' | b'}' if name == 0 && is_double => index += 1,
            b'{' => {
                assert!(
                    name == 0,
                    "a parameter in the path of a plugin holds no `{{`: `/room/{{name}}`"
                );
                name = index + 1;
            }
            b'}' => {
                assert!(
                    name != 0 && index > name,
                    "a `}}` in the path of a plugin ends the name of a parameter: `/room/{{name}}`"
                );
                name = 0;
            }
            b'/' => assert!(
                name == 0,
                "a parameter in the path of a plugin ends with `}}` before the next `/`: `/room/{{name}}`"
            ),
            _ => {}
        }
        index += 1;
    }
    assert!(
        name == 0,
        "a parameter in the path of a plugin ends with `}}`: `/room/{{name}}`"
    );
}

const fn list<const N: usize>(texts: &[&'static str]) -> [Bytes; N] {
    let mut list = [Bytes::NONE; N];
    let mut index = 0;
    while index < texts.len() {
        list[index] = Bytes::new(texts[index].as_bytes());
        index += 1;
    }
    list
}
