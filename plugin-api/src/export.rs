//! The export macro and the constant data that it makes.
//!
//! Everything here is computed at compile time: the entry is read from the file's bytes before any
//! code of the library runs.

use crate::abi::{ABI_MAJOR, ABI_MINOR, Bytes, Descriptor, Entry, Functions, MAGIC};
use crate::{Plugin, glue};

/// Most subprotocols that a plugin can declare.
const SUBPROTOCOLS_MAX: usize = 16;

/// Makes a plugin of the library: `export!(Echo, path = "/echo");`, once, anywhere in the crate.
///
/// - `path`: where it is served unless the server's configuration says otherwise.
/// - `name = "..."`: 1 to 64 of `a-z`, `0-9`, `-`, `_`; the package's name by default.
/// - `subprotocols = ["...", "..."]`: what it speaks, best first (RFC 6455 section 1.9).
/// - `state_format = 1`: version of what `save_state` and `save_session` write; 0 by default.
///
/// ```
/// # use plugin_api::{Config, Host, Plugin, Result};
/// # struct Chat;
/// # impl Plugin for Chat {
/// #     type Session = ();
/// #     fn create(_: Host, _: Config) -> Result<Self> { Ok(Chat) }
/// # }
/// plugin_api::export!(Chat, path = "/chat", name = "board", subprotocols = ["v2.board", "v1.board"]);
/// # fn main() {}
/// ```
///
/// Plugins are built with `panic = "unwind"`, the default; anything else does not compile.
#[macro_export]
macro_rules! export {
    ($plugin:ty, path = $path:expr $(, $option:ident = $value:expr)* $(,)?) => {
        #[cfg(not(panic = "unwind"))]
        ::std::compile_error!(
            "a plugin must be built with `panic = \"unwind\"`: with `abort`, a panic in it would end the server"
        );

        impl $crate::export::Exported for $plugin {
            const DECLARATION: $crate::export::Declaration = $crate::export::Declaration::new(
                ::std::env!("CARGO_PKG_NAME"),
                ::std::env!("CARGO_PKG_VERSION"),
                ::std::module_path!(),
                $path,
            )$(.$option(&$value))*;
        }

        const _: () = {
            #[unsafe(export_name = "detent_plugin")]
            pub static ENTRY: $crate::abi::Entry = $crate::export::entry::<$plugin>();
        };
    };
}

/// A plugin with what the macro declared of it.
#[doc(hidden)]
pub trait Exported: Plugin {
    const DECLARATION: Declaration;
}

/// What a plugin is called and where it is served.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    pub(crate) name: &'static str,
    version: &'static str,
    module_path: &'static str,
    path: &'static str,
    subprotocols: &'static [&'static str],
    state_format: u32,
}

impl Declaration {
    /// Fails the build where the path does not begin with `/`.
    pub const fn new(
        name: &'static str,
        version: &'static str,
        module_path: &'static str,
        path: &'static str,
    ) -> Declaration {
        assert!(
            matches!(path.as_bytes(), [b'/', ..]),
            "the path of a plugin begins with `/`"
        );
        Declaration {
            name,
            version,
            module_path,
            path,
            subprotocols: &[],
            state_format: 0,
        }
    }

    #[must_use]
    pub const fn name(mut self, name: &'static &'static str) -> Declaration {
        self.name = name;
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

    /// First part of the module path: what the targets of the plugin's own log lines begin with.
    pub(crate) fn crate_name(&self) -> &'static str {
        self.module_path
            .split("::")
            .next()
            .unwrap_or(self.module_path)
    }

    const fn checked_name(&self) -> Bytes {
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

    const fn subprotocol_list(&self) -> [Bytes; SUBPROTOCOLS_MAX] {
        let mut list = [Bytes::NONE; SUBPROTOCOLS_MAX];
        let mut index = 0;
        while index < self.subprotocols.len() {
            list[index] = Bytes::new(self.subprotocols[index].as_bytes());
            index += 1;
        }
        list
    }
}

/// The constant data of one plugin; constants, so that references to them live for ever.
struct Tables<P>(std::marker::PhantomData<P>);

impl<P: Exported> Tables<P> {
    const FUNCTIONS: &'static Functions = &glue::functions::<P>();
    const SUBPROTOCOLS: &'static [Bytes; SUBPROTOCOLS_MAX] = &P::DECLARATION.subprotocol_list();
    const DESCRIPTOR: &'static Descriptor = &Descriptor {
        size: size_of::<Descriptor>() as u32,
        state_format: P::DECLARATION.state_format,
        name: P::DECLARATION.checked_name(),
        version: Bytes::new(P::DECLARATION.version.as_bytes()),
        default_path: Bytes::new(P::DECLARATION.path.as_bytes()),
        subprotocols: Self::SUBPROTOCOLS.as_ptr(),
        subprotocol_count: P::DECLARATION.subprotocols.len(),
        functions: Self::FUNCTIONS,
        get_extension: None,
    };
}

/// What the library exports.
#[doc(hidden)]
pub const fn entry<P: Exported>() -> Entry {
    Entry {
        magic: MAGIC,
        size: size_of::<Entry>() as u32,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        minor_required: 0,
        built_with: Bytes::new(
            concat!("plugin-api ", env!("CARGO_PKG_VERSION"), " (Rust)").as_bytes(),
        ),
        init: Some(glue::init::<P>),
        set_log_level: Some(glue::set_log_level),
        descriptor: Tables::<P>::DESCRIPTOR,
    }
}
